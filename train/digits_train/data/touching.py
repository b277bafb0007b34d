"""Two digits that touch, put together from single ones, and single ones as they are.

For the network that names both at once. Either hand is of one source, so that pens are alike; the
splits are those of the sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_runtime.ink import as_grey
from digits_runtime.pairs import PAIRS, squeezed
from digits_train.data.glyphs import GlyphSet, Split

Image = NDArray[np.uint8]

# Pictures of each label, of a single digit and of a pair.
_SINGLE: dict[Split, int] = {"train": 2500, "validation": 60, "test": 60}
_PAIR: dict[Split, int] = {"train": 1400, "validation": 30, "test": 30}
# A digit's height in pixels, and by how much of it neighbours differ in height and place.
_HEIGHT, _TALLER, _HIGHER = 40, 0.15, 0.08
# No digit is broader, as a share of its height; a level 1 would be.
_BROADEST = 1.4
# Ink from here on touches.
_INK = 64
# How far they go into one another, as a share of the height: most a little, some a good way, and
# some are only near, as what a camera's blur joins; of these half are joined by a stroke.
_NEAR, _INTO, _THROUGH = 0.08, 0.14, 0.3
_NEARLY, _DEEPLY = 0.15, 0.15


def join(sources: Sequence[GlyphSet], split: Split, seed: int) -> GlyphSet:
    """Put single digits of a split together.

    Args:
        sources: Their pictures, uint8 `[h, w]`, bright on dark.
        split: Which one it is; decides how many are made.
        seed: Same sources and seed, same pictures.

    Returns:
        Pictures by the labels of `pairs.PAIRS`, narrowed as the network sees them.

    Raises:
        InputError: A source lacks a digit.
    """
    rng = np.random.default_rng(seed)
    digits = [_by_label(source) for source in sources]
    images, labels = [], []
    for label in PAIRS:
        for _ in range((_SINGLE if len(label) == 1 else _PAIR)[split]):
            hand = digits[int(rng.integers(len(digits)))]
            first, *others = (_sized(_any(hand[digit], rng), rng) for digit in label)
            images.append(squeezed(touching(first, others[0], rng) if others else first))
            labels.append(label)
    content = hashlib.sha256("".join(source.sha256 for source in sources).encode())
    content.update(seed.to_bytes(8, "big"))
    name = "pairs" if split == "train" else f"pairs-{split}"
    return GlyphSet(name, images, np.array(labels), "bright", content.hexdigest())


def touching(left: Image, right: Image, rng: np.random.Generator) -> Image:
    """Move two glyphs together until they touch, or nearly.

    Args:
        left: uint8 `[h, w]`, tight, bright on 0.
        right: The same.
        rng: Decides how they stand.

    Returns:
        uint8 `[h, w]`.
    """
    high = max(len(left), len(right))
    drop = rng.normal(0.0, _HIGHER) * high
    tops = np.array([max(0.0, -drop), max(0.0, drop)])
    tops += (high - np.array([len(left), len(right)])) / 2
    tops = np.rint(tops - tops.min()).astype(int)
    rows = int(max(tops[0] + len(left), tops[1] + len(right)))
    one, other = (np.zeros((rows, each.shape[1]), np.uint8) for each in (left, right))
    one[tops[0] : tops[0] + len(left)] = left
    other[tops[1] : tops[1] + len(right)] = right
    kind = rng.random()
    near = kind < _NEARLY
    if near:
        into = -rng.uniform(0.0, _NEAR)
    elif kind < _NEARLY + _DEEPLY:
        into = rng.uniform(_INTO, _THROUGH)
    else:
        into = rng.uniform(0.0, _INTO)
    gaps = _gaps(one, other)
    near_most = int(gaps.min()) if len(gaps) else 0
    start = max(1, one.shape[1] - near_most - round(into * high))
    canvas = np.zeros((rows, max(one.shape[1], start + other.shape[1])), np.uint8)
    canvas[:, : one.shape[1]] = one
    part = canvas[:, start : start + other.shape[1]]
    np.maximum(part, other, out=part)
    if near and rng.random() < 0.5:
        _tie(canvas, one, other, start, rng)
    return canvas


def _by_label(source: GlyphSet) -> dict[str, list[Image]]:
    held = {digit: list(source.select((digit,)).images) for digit in DIGITS}
    for digit, glyphs in held.items():
        if not glyphs:
            raise InputError(f"{source.name} has no {digit} to put pairs together from; restore it")
    return held


def _any(glyphs: list[Image], rng: np.random.Generator) -> Image:
    return glyphs[int(rng.integers(len(glyphs)))]


def _sized(glyph: Image, rng: np.random.Generator) -> Image:
    """A glyph alone, about as high as the others."""
    left, top, width, height = cv2.boundingRect(cv2.threshold(glyph, _INK, 255, 0)[1])
    if width == 0:
        return glyph
    high = max(4, round(_HEIGHT * rng.uniform(1 - _TALLER, 1 + _TALLER)))
    wide = min(max(2, round(width * high / height)), round(_BROADEST * high))
    tight = glyph[top : top + height, left : left + width]
    return as_grey(cv2.resize(tight, (wide, high), interpolation=cv2.INTER_LINEAR))


def _gaps(left: Image, right: Image) -> NDArray[np.intp]:
    """How many columns lie between two glyphs side by side, in each row that has ink of both."""
    inked = (left > _INK).any(axis=1) & (right > _INK).any(axis=1)
    after = (left[inked, ::-1] > _INK).argmax(axis=1)
    before = (right[inked] > _INK).argmax(axis=1)
    return np.asarray(after + before, np.intp)


def _tie(canvas: Image, left: Image, right: Image, start: int, rng: np.random.Generator) -> None:
    """Draw, in place, the stroke of a pen that was not lifted between two glyphs."""
    ends = []
    for glyph, offset in ((left, 0), (right, start)):
        rows, columns = np.nonzero(glyph > _INK)
        if not len(rows):
            return
        # From somewhere on the side that looks to the other.
        row = int(rows[int(rng.integers(len(rows)))])
        there = columns[rows == row]
        ends.append((int(there.max() if offset == 0 else there.min()) + offset, row))
    pen = max(1, round(rng.uniform(0.04, 0.12) * len(canvas)))
    cv2.line(canvas, ends[0], ends[1], 255, pen, cv2.LINE_AA)
