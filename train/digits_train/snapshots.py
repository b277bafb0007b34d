"""Glyphs as cameras and scanners hand them over: loosely cropped, on paper, badly seen.

`augment` varies ink that was found. What finding it in a poor picture does to a glyph (strokes that
run together, grain that is left, a piece of the neighbour) is only learnt from such pictures, read
by the runtime's own `one_glyph.single`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from digits_runtime import ink, one_glyph
from digits_runtime.contract import InkSpec
from digits_train import camera

Image = NDArray[np.uint8]

_FULL = 255
# Share that is scanned, tight and bright on black; the others are photographed on paper.
_SCANNED = 0.25
# Longer sides in pixels: from hardly told to as large as glyphs are drawn.
_SCAN_SIDES = (14, 28)
_PHOTO_SIDES = (16, 72)
# Glyphs are drawn at this size before their pens are broadened.
_DRAWN = 72
# Below this many glyphs a progress bar is gone before it is read.
_LONG = 5_000


def take(
    glyphs: Sequence[Image] | NDArray[np.uint8], spec: InkSpec, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Picture each glyph once and find its ink again.

    Args:
        glyphs: uint8 `[h, w]` each, bright on 0.
        spec: What they are normalised to.
        rng: Decides pens, crops, light and cameras.

    Returns:
        uint8 `[n, 1, spec.size, spec.size]`; all zero where there is no ink.
    """
    console = Console(stderr=True)
    seen = np.zeros((len(glyphs), 1, spec.size, spec.size), np.uint8)
    shown = track(
        glyphs,
        "taking poor pictures",
        console=console,
        transient=True,
        disable=len(glyphs) < _LONG or not console.is_terminal,
    )
    for place, glyph in zip(seen, shown, strict=True):
        if not glyph.any():
            continue
        if rng.random() < _SCANNED:
            place[0] = one_glyph.single(_scanned(_drawn(glyph, rng), rng), spec, "bright")
        else:
            beside = glyphs[int(rng.integers(len(glyphs)))]
            page = _written(_drawn(glyph, rng), beside, rng)
            place[0] = one_glyph.single(_photographed(page, rng), spec, "dark")
    return seen


def _drawn(glyph: Image, rng: np.random.Generator) -> Image:
    """The glyph alone, `_DRAWN` pixels long, half of them by a broader pen, a few with a gap."""
    left, top, width, height = cv2.boundingRect(glyph)
    drawn = _sized(glyph[top : top + height, left : left + width], _DRAWN)
    if rng.random() < 0.5:
        pen = int(rng.integers(2, 10))
        nib = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen, pen))
        roomy = cv2.copyMakeBorder(drawn, 5, 5, 5, 5, cv2.BORDER_CONSTANT)
        drawn = ink.as_grey(cv2.dilate(roomy, nib))
    if rng.random() < 0.1:
        rows, columns = np.indices(drawn.shape)
        at, slope = rng.uniform(0.2, 0.7) * len(drawn), rng.uniform(-0.8, 0.8)
        gap = np.abs(rows - at - slope * (columns - drawn.shape[1] / 2)) < rng.uniform(1, 3.5)
        drawn = np.where(gap, np.uint8(0), drawn)
    return drawn


def _sized(glyph: Image, side: int) -> Image:
    """Scale so that the longer side is so many pixels."""
    scale = side / max(glyph.shape)
    size = (max(1, round(glyph.shape[1] * scale)), max(1, round(glyph.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return ink.as_grey(cv2.resize(glyph, size, interpolation=method))


def _scanned(glyph: Image, rng: np.random.Generator) -> Image:
    """Tight in a small square, some stretched, at most to fill it, some soft.

    Programs that resize whatever they cut out to a square of one size stretch a 1 the most.
    """
    side = int(rng.integers(*_SCAN_SIDES))
    small = _sized(glyph, side)
    if rng.random() < 0.4:
        wide = max(4, round(rng.uniform(0.8 * small.shape[1], side)))
        small = ink.as_grey(cv2.resize(small, (wide, len(small)), interpolation=cv2.INTER_LINEAR))
    if rng.random() < 0.5:
        small = ink.as_grey(cv2.GaussianBlur(small, (0, 0), rng.uniform(0.3, 1.0)))
    square = np.zeros((side, side), np.uint8)
    top, left = (side - len(small)) // 2, (side - small.shape[1]) // 2
    square[top : top + len(small), left : left + small.shape[1]] = small
    return square


def _written(glyph: Image, beside: Image, rng: np.random.Generator) -> Image:
    """A loose crop of the glyph, bright on 0, at times with a piece of its neighbour."""
    small = _sized(glyph, int(rng.integers(*_PHOTO_SIDES)))
    high, wide = small.shape
    loose = rng.uniform(0, 0.6)
    top, bottom, left, right = (int(v) for v in rng.uniform(0, loose, 4) * max(high, wide))
    page = np.zeros((high + top + bottom, wide + left + right), np.uint8)
    page[top : top + high, left : left + wide] = small
    if right > 1 and beside.any() and rng.random() < 0.3:
        x, y, w, h = cv2.boundingRect(beside)
        other = _sized(beside[y : y + h, x : x + w], max(high, wide))
        piece = other[: len(page), : int(rng.integers(1, min(right, 2 + max(high, wide) // 4)))]
        at = int(rng.integers(len(page) - len(piece) + 1))
        page[at : at + len(piece), page.shape[1] - piece.shape[1] :] = piece
    return page


def _photographed(page: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Dark on paper in uneven light, through a camera: uint8 `[h, w, 3]`."""
    strength = rng.uniform(0.3, 0.9)
    lit = _light(page.shape, rng) * (1 - page.astype(np.float32) * (strength / _FULL))
    sharp = cv2.cvtColor(lit.astype(np.float32), cv2.COLOR_GRAY2BGR)
    blur = rng.uniform(0.2, 0.5 + 0.03 * min(max(page.shape), _DRAWN))
    noise = rng.uniform(0, 6) if rng.random() < 0.7 else rng.uniform(6, 16)
    quality = int(rng.integers(40, 96))
    return camera.photograph(
        np.asarray(sharp, np.float32), rng, blur=blur, noise=noise, quality=quality
    )


def _light(size: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Bright paper, its light falling off, at times across a shadow's edge: `[h, w]`."""
    rows, columns = np.indices(size) / max(size) - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    across = rows * np.sin(angle) + columns * np.cos(angle)
    light = rng.uniform(100, 235) * (1 + rng.uniform(0, 0.6) * across)
    if rng.random() < 0.12:
        light = light * np.where(across > rng.uniform(-0.3, 0.3), 1, rng.uniform(0.5, 0.9))
    return np.asarray(light)
