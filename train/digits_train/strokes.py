"""Pen strokes to ink: the one rasteriser for synthetic handwriting and for recorded pen data.

A plain pen is one `cv2.polylines` call on an enlarged canvas, shrunk by area. A real one
first lays the stroke down in runs whose width and darkness drift the way pressure does, then the
paper's grain eats into it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Strokes: TypeAlias = Sequence[NDArray[np.float32]]

_SHIFT = 4  # fractional bits in the coordinates handed to cv2: sixteenths of a pixel
_FULL = 255
_TOOTH = (0.05, 0.1, 0.2, 0.35, 0.6)  # how far paper shows through: ball pen .. pencil
_WIDEST = 0.5  # a wider pen would leave no room for the shape


def render(
    strokes: Strokes,
    *,
    height: int = 64,
    pen: float = 0.08,
    margin: int = 2,
    rng: np.random.Generator | None = None,
) -> NDArray[np.uint8]:
    """Draw pen strokes as bright, antialiased ink on a dark ground.

    Args:
        strokes: Arrays `[k, 2]` of x (right) and y (down), in any one unit; one point is a dot.
        height: Pixels of the ink's longer side, pen width included; the aspect is kept. Ink
            without any extent (dots in one place) is drawn as wide as the pen.
        pen: Width of the pen as a share of `height`, at most 0.5; never under one pixel.
        margin: Dark pixels left on each side.
        rng: Draws a real pen: width and darkness vary along the stroke, the edge is ragged, the
            ink may be grainy. Without it the ink is even and full.

    Returns:
        uint8 `[h, w]`, 0 where there is no ink.

    Raises:
        ValueError: There is no stroke, one is not `[k, 2]` finite numbers with k >= 1, or
            `height`, `pen` or `margin` is out of range.
    """
    if height < 4 or not 0.0 < pen <= _WIDEST or margin < 0:
        raise ValueError(
            f"height must be >= 4, pen in (0, {_WIDEST}] and margin >= 0; "
            f"got {height}, {pen} and {margin}"
        )
    if len(strokes) == 0:
        raise ValueError("there is no stroke to draw")
    for stroke in strokes:
        if stroke.ndim != 2 or stroke.shape[1] != 2 or len(stroke) == 0:
            raise ValueError(f"a stroke must be [k, 2] with k >= 1, not {list(stroke.shape)}")
    points = np.concatenate(list(strokes)).astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError("a stroke holds a coordinate that is not a finite number")

    width = max(pen * height, 1.0)
    low = points.min(axis=0)
    extent = points.max(axis=0) - low
    longest = float(extent.max())
    scale = (height - width) / longest if longest > 0.0 else 0.0
    # The small number keeps rounding errors from adding a pixel.
    sides = np.ceil(extent * scale + width - 1e-6).astype(int) + 2 * margin

    # Drawn larger and shrunk by area, which is the antialiasing: faster than cv2's own, and the
    # one way to a pen of fractional width, since cv2 draws odd numbers of pixels only.
    thick = 2 * int(width * (2.0 if width > 8.0 else 4.0) / 2.0) + 1
    zoom = thick / width
    placed = (points - low) * (scale * zoom) + (margin * zoom + thick / 2.0)
    lines = np.split(placed, np.cumsum([len(stroke) for stroke in strokes])[:-1])
    canvas = np.zeros(np.ceil(sides[::-1] * zoom).astype(int), np.uint8)
    if rng is None:
        for line in lines:
            _line(canvas, line, thick, _FULL)
    else:
        _press(canvas, lines, thick, rng)
    ink = cv2.resize(canvas, sides.tolist(), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return ink if rng is None else _grain(ink, rng)


def _line(canvas: NDArray[np.uint8], stroke: NDArray[np.float64], thick: int, level: int) -> None:
    """Draw one stroke, in canvas pixels counted from the corner, with round caps and joins."""
    # cv2 counts from the centre of the first pixel, half a pixel in.
    fixed = np.rint((stroke - 0.5) * (1 << _SHIFT)).astype(np.int32)
    # A lone point shows only as a line to itself; an even thickness t comes out t + 1 wide.
    lines = [fixed if len(fixed) > 1 else np.repeat(fixed, 2, axis=0)]
    cv2.polylines(canvas, lines, False, level, max(1, thick - 1), cv2.LINE_8, _SHIFT)


def _press(
    canvas: NDArray[np.uint8],
    strokes: list[NDArray[np.float64]],
    thick: int,
    rng: np.random.Generator,
) -> None:
    """Draw strokes with a pressure that drifts along them, changing both width and darkness."""
    swing, fade = rng.uniform(0.0, 0.25), rng.uniform(0.0, 80.0)
    turns = rng.uniform(0.3, 1.5)
    step = max(2.0, thick / 3.0)
    for stroke in strokes:
        way = np.zeros(len(stroke))
        np.cumsum(np.hypot(*(stroke[1:] - stroke[:-1]).T), out=way[1:])
        count = int(way[-1] / step) + 2
        share = np.arange(count) / (count - 1)
        dense = np.empty((count, 2))
        for axis in (0, 1):
            dense[:, axis] = np.interp(share * way[-1], way, stroke[:, axis])
        # From 0, as hard as this pen presses, to 4: it never swells, so no ink leaves the canvas.
        ease = np.rint(2.0 - 2.0 * np.cos(2.0 * np.pi * (rng.random() + turns * share)))
        edges = [0, *(np.flatnonzero(ease[1:] != ease[:-1]) + 1).tolist(), count]
        for first, end in itertools.pairwise(edges):
            relief = float(ease[first]) / 4.0
            width = 2 * int(thick * (1.0 - swing * relief) / 2.0) + 1
            run = dense[first : end + 1]
            _line(canvas, run, min(width, thick), _FULL - int(fade * relief))


def _grain(ink: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Let the paper's tooth show through the ink: a little for a pen, much for a pencil."""
    tooth = np.frombuffer(rng.bytes(ink.size), np.uint8).reshape(ink.shape)
    # A small blur ties neighbouring pixels together, as fibres do.
    soft = cv2.GaussianBlur(tooth, (3, 3), rng.uniform(0.4, 0.9))
    strength = _TOOTH[rng.integers(len(_TOOTH))]
    worn = cv2.multiply(ink, soft, scale=2.0 / _FULL)
    return cv2.addWeighted(ink, 1.0 - strength, worn, strength, 0.0).astype(np.uint8)
