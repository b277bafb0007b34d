"""Crops of pages to train the page network on: generated scenes, more glyphs written over them.

A scene takes a tenth of a second or more to make, so that each is used many times: another crop,
larger or smaller, stronger or weaker, with lines of other hands' glyphs set where it is empty,
now and then touching.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink, paper
from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_train import data, pages, synth
from digits_train.negatives import UNLIKE_DIGITS
from digits_train.page_net import PlacedLabel
from digits_train.scenes import Scene

Image = NDArray[np.uint8]

SIDE = 256
# Levels of difficulty in turn, 0 for a page without a digit: hard ones are rather to be learnt.
_LEVELS = (1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 0, 0, 0)
# Scenes of training and of validation begin here; whatever is below is for tuning and benchmarks.
_TRAINING, _VALIDATION = 200_000, 150_000
# Glyphs taken of each set, and letters, which are none.
_OF_EACH, _LETTERS = 8000, 1000
_VISIBLE = 40  # of a glyph's ink
# Shares of crops that get more lines, and of lines that are of letters.
_WRITTEN, _UNLIKE = 0.6, 0.15
# Gaps between the glyphs of a line, as shares of their height: half of the lines are written so
# closely that many touch.
_GAPS = ((-0.06, 0.35), (-0.14, 0.02))


@dataclass(frozen=True, slots=True)
class PageInk:
    """The ink of a page, uint8 `[h, w]`, and the glyphs on it."""

    ink: Image
    glyphs: tuple[PlacedLabel, ...]


@dataclass(frozen=True, slots=True)
class Hands:
    """Glyphs to write over pages: pictures cut to their ink, indexes of labels, -1 for none."""

    pictures: Sequence[Image]
    labels: NDArray[np.int64]
    sources: dict[str, str]


def scene(number: int, *, validation: bool) -> Scene:
    """Generate a page, by turns of all levels and without a digit.

    Args:
        number: Which one, from 0.
        validation: Others than those to train on.
    """
    level = _LEVELS[number % len(_LEVELS)]
    seed = (_VALIDATION if validation else _TRAINING) + number
    return pages.page(level, seed) if level else pages.empty(seed)


def page_ink(scene: Scene) -> PageInk:
    """The ink of a scene as the reader finds it."""
    polarity = paper.judge_polarity(scene.frame)
    found = paper.find_ink(ink.to_grey(scene.frame, polarity), polarity)
    glyphs = tuple(
        PlacedLabel(DIGITS.index(glyph.label), *glyph.box) for line in scene.lines for glyph in line
    )
    return PageInk(found, glyphs)


def hands(names: Sequence[str], data_dir: Path | None, seed: int) -> Hands:
    """Glyphs of training splits, and letters that no hand makes look like digits.

    Args:
        names: Of data.TRAINING_NAMES, whose pictures are all bright on dark.
        data_dir: Folder of the named sets.
        seed: Of what is taken and drawn.

    Raises:
        InputError: A set is not one of those, or cannot be read.
    """
    if others := sorted(set(names) - set(data.TRAINING_NAMES)):
        known = ", ".join(data.TRAINING_NAMES)
        raise InputError(f"{others[0]!r} cannot be written over pages; give some of {known}")
    rng = np.random.default_rng(seed)
    pictures: list[Image] = []
    labels: list[int] = []
    sources = {}
    for name in names:
        held = data.load(name, "train", classes=DIGITS, data_dir=data_dir, seed=seed)
        sources[held.name] = held.sha256
        for place in rng.permutation(len(held))[:_OF_EACH].tolist():
            pictures.append(_trimmed(held.images[place]))
            labels.append(DIGITS.index(str(held.labels[place])))
    letters, _ = synth.generate(UNLIKE_DIGITS, _LETTERS, seed)
    if "unipen" in names:
        real = data.load("unipen", "train", classes=UNLIKE_DIGITS, data_dir=data_dir, seed=seed)
        letters += [real.images[place] for place in rng.permutation(len(real))[:_LETTERS].tolist()]
    pictures += [_trimmed(letter) for letter in letters]
    return Hands(pictures, np.array(labels + len(letters) * [-1]), sources)


def crop(
    page: PageInk, written: Hands, rng: np.random.Generator
) -> tuple[Image, list[PlacedLabel]]:
    """Take a square of a page, and write more on it at times.

    Returns:
        uint8 `[256, 256]`, and the glyphs in it, whole or in part.
    """
    height, width = page.ink.shape
    side = min(int(SIDE / rng.uniform(0.75, 1.25)), height, width)
    for _ in range(4):
        left, top = (int(rng.integers(length - side + 1)) for length in (width, height))
        inside = [
            glyph
            for glyph in page.glyphs
            if left - glyph.w < glyph.x < left + side and top - glyph.h < glyph.y < top + side
        ]
        if inside or not page.glyphs:
            break
    part = page.ink[top : top + side, left : left + side]
    scale = SIDE / side
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.asarray(cv2.resize(part, (SIDE, SIDE), interpolation=kernel), np.float32)
    square = np.clip(square * rng.uniform(0.75, 1.25), 0, 255).astype(np.uint8)
    glyphs = [
        PlacedLabel(label, (x - left) * scale, (y - top) * scale, w * scale, h * scale)
        for label, x, y, w, h in inside
    ]
    if rng.random() < _WRITTEN:
        for _ in range(int(rng.integers(1, 4))):
            glyphs += _write(square, glyphs, written, rng)
    return square, glyphs


def _write(
    square: Image, there: Sequence[PlacedLabel], written: Hands, rng: np.random.Generator
) -> list[PlacedLabel]:
    """Write a line on a crop, in place, unless it would cover a glyph: what was written."""
    letters = rng.random() < _UNLIKE
    choice = np.flatnonzero((written.labels < 0) == letters)
    height = math.exp(rng.uniform(math.log(13), math.log(120)))
    x, y = rng.uniform(-20, 0.7 * SIDE), rng.uniform(-10, SIDE - 0.7 * height)
    gap = rng.uniform(*_GAPS[int(rng.integers(len(_GAPS)))])
    slope, turn = rng.uniform(-0.3, 0.3), rng.normal(0, 8)
    start, placed, line = x, [], np.zeros_like(square)
    for number in rng.choice(choice, int(rng.integers(1, 8))).tolist():
        glyph = _turned(written.pictures[number], height * rng.uniform(0.85, 1.05), turn)
        tall, wide = glyph.shape
        drop = 0.8 * (height - tall) + slope * (x - start) + rng.normal(0, 0.03) * height
        left, top = int(x), int(y + drop)
        spot = line[max(top, 0) : max(top + tall, 0), max(left, 0) : max(left + wide, 0)]
        seen = glyph[max(-top, 0) :, max(-left, 0) :][: spot.shape[0], : spot.shape[1]]
        np.maximum(spot, seen, out=spot)
        if not letters:
            placed.append(PlacedLabel(int(written.labels[number]), left, top, wide, tall))
        x += wide + (gap + rng.normal(0, 0.05)) * height
        if x > SIDE:
            break
    for _, x, y, wide, tall in there:
        low, high = max(int(y) - 4, 0), max(int(y + tall) + 4, 0)
        if line[low:high, max(int(x) - 4, 0) : max(int(x + wide) + 4, 0)].any():
            return []
    soft = cv2.GaussianBlur(line, (0, 0), rng.uniform(0.3, 1.2) * (height / 60 + 0.6))
    grain = (soft > 8) * rng.normal(0, 4, square.shape)
    ink_of_line = np.clip(soft * rng.uniform(0.35, 1.0) + grain, 0, 255).astype(np.uint8)
    np.maximum(square, ink_of_line, out=square)
    return placed


def _turned(picture: Image, side: float, degrees: float) -> Image:
    """A glyph, its longer side so many pixels, turned, cut to its ink."""
    scale = max(side, 8) / max(picture.shape)
    turn = scale * np.asarray(cv2.getRotationMatrix2D((0, 0), degrees, 1))
    height, width = picture.shape
    corners = turn[:, :2] @ np.array([[0, width, width, 0], [0, 0, height, height]])
    turn[:, 2] = 1 - corners.min(axis=1)
    size = np.ceil(np.ptp(corners, axis=1)).astype(int) + 2
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return _trimmed(
        np.asarray(cv2.warpAffine(picture, turn, size.tolist(), flags=kernel), np.uint8)
    )


def _trimmed(picture: Image) -> Image:
    x, y, w, h = cv2.boundingRect((picture > _VISIBLE).astype(np.uint8))
    return picture[y : y + h, x : x + w] if w else picture
