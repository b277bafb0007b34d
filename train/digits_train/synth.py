"""The project's own handwriting: every character drawn from a skeleton, never twice alike.

A skeleton's points are jittered, joined by smooth curves, rounded at corners, over- or undershot at
the ends, drifted, made to tremble, and set at a width, slant and turn. Curves are linear in their
points, so a shape costs two small matrix products.
"""

from __future__ import annotations

import bisect
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train import slash
from digits_train.glyph_shapes import SKELETONS
from digits_train.strokes import render

LABELS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_SPACING = 0.05  # between points along a curve, as a share of the glyph's height
_ROUNDING = 0.06  # how far along a curve a hurried pen cuts its corners, likewise
_THINNEST, _THICKEST = 0.04, 0.22  # pens, as shares of the glyph's longer side
# The most of a glyph's breadth one stroke may take, lest its counters fill until nobody can read
# it: for characters with small counters, and for the others that are more than one bare stroke.
_SHARE_DENSE, _SHARE = 0.27, 0.42
_STRUCK = 0.15  # share of zeros with a bar through them among what is generated
_DENSE = frozenset("8ABEGHKMNQRW")
_BARE = frozenset("1I")


@dataclass(frozen=True)
class _Shape:
    """A skeleton made ready: curves = basis @ points."""

    points: NDArray[np.float64]  # [n, 2], in units of the height
    sharp: NDArray[np.float64]  # [m, n], curves that turn sharply at corners
    rounding: NDArray[np.float64]  # [m, n], what to add for corners cut as far as they may be
    tips: NDArray[np.intp]  # [2s], first and last point of each stroke
    necks: NDArray[np.intp]  # [2s], the point next to each tip
    owner: NDArray[np.intp]  # [n], the stroke each point belongs to
    ends: NDArray[np.intp]  # [s - 1], where curves of one stroke end and the next begins


def draw(
    label: str, rng: np.random.Generator, *, slashed_zero: bool = False
) -> list[NDArray[np.float32]]:
    """Write one character once.

    Args:
        label: One of `LABELS`.
        rng: Decides everything about the writing.
        slashed_zero: Strike every 0 through.

    Returns:
        Strokes float32 `[k, 2]`, x right and y down, about one unit high.

    Raises:
        InputError: The label is not one of `LABELS`.
    """
    shapes, odds = _shapes(label)
    shape = shapes[bisect.bisect(odds, rng.random() * odds[-1])]
    count = len(shape.points)

    care = rng.uniform(0.008, 0.045)
    # Averaged over three neighbours: a hand errs in swings, not point by point.
    errors = rng.normal(0.0, care / np.sqrt(3.0), (count + 2, 2))
    points = shape.points + errors[:-2] + errors[1:-1] + errors[2:]
    # Where the middle lies: some write a small head on a large belly, some the other way round.
    points += rng.normal(0.0, 0.22, 2) * points * (1.0 - points)
    points += rng.normal(0.0, care, (len(shape.ends) + 1, 2))[shape.owner]
    shoot = np.clip(rng.normal(0.03, 0.09, len(shape.tips)), -0.12, 0.2)[:, None]
    points[shape.tips] += shoot * (points[shape.tips] - points[shape.necks])

    curve = shape.sharp @ points + rng.uniform(0.0, 1.0) * (shape.rounding @ points)
    curve += _tremor(len(curve), rng) + _drift(curve, rng)

    slant = np.tan(np.clip(rng.normal(0.14, 0.2), -0.22, 0.57))
    turn = np.clip(rng.normal(0.0, 0.07), -0.16, 0.16)
    stretch = np.exp(np.clip(rng.normal(0.0, 0.2), -0.42, 0.45))
    # x leans right as y goes up, that is, down in value.
    lean = np.array([[stretch, 0.0], [-slant, 1.0]])
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    written = (curve @ (lean @ rotation)).astype(np.float32)
    strokes = np.split(written, shape.ends)
    return slash.struck(strokes, rng) if label == "0" and slashed_zero else strokes


def glyph(
    label: str, rng: np.random.Generator, *, height: int = 48, slashed_zero: bool = False
) -> NDArray[np.uint8]:
    """Write one character once with a random pen, from 4 to 22 % of its height wide.

    Args:
        label: One of `LABELS`.
        rng: Decides everything about the writing and the pen.
        height: Pixels of the ink's longer side.
        slashed_zero: Strike every 0 through.

    Returns:
        uint8 `[h, w]`, bright ink on dark, two dark pixels around it.

    Raises:
        InputError: The label is not one of `LABELS`.
    """
    strokes = draw(label, rng, slashed_zero=slashed_zero)
    widest = _THICKEST
    if label not in _BARE:
        points = np.concatenate(strokes)
        # Across the slant: of points on a ring, the deviation is its breadth over 2 sqrt(2).
        breadth = np.sqrt(8.0 * max(float(np.linalg.eigvalsh(np.cov(points.T))[0]), 0.0))
        dense = label in _DENSE or (label == "0" and slashed_zero)
        share = _SHARE_DENSE if dense else _SHARE
        room = share * breadth / np.ptp(points, axis=0).max()
        widest = min(max(room, 1.25 * _THINNEST), _THICKEST)
    pen = float(np.exp(rng.uniform(np.log(_THINNEST), np.log(widest))))
    return render(strokes, height=height, pen=pen, rng=rng)


def generate(
    labels: Sequence[str], count: int, seed: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.str_]]:
    """Write `count` characters, each label as often as the others but for one.

    Some zeros are struck through.

    Args:
        labels: The labels wanted, each one of `LABELS`.
        count: How many characters in all.
        seed: Equal seeds give equal characters.

    Returns:
        The glyphs, uint8 `[h, w]` as `glyph` draws them, and their labels `[count]`, shuffled.

    Raises:
        InputError: There is no label, or one is not of `LABELS`.
    """
    if not labels:
        raise InputError("no labels to write; name at least one of " + LABELS)
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.resize(np.array(list(labels), dtype=np.str_), count))
    struck = (truth == "0") & (rng.random(count) < _STRUCK)
    return [
        glyph(str(label), rng, slashed_zero=bool(bar))
        for label, bar in zip(truth, struck, strict=True)
    ], truth


def _tremor(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Low-frequency unsteadiness along `count` points of the pen's way, `[count, 2]`."""
    # Cycles per unit of way: slower than the pen's own turns are, so no shape is undone.
    pace = rng.uniform(0.6, 2.5, 2) * (_SPACING * 2.0 * np.pi)
    phase = rng.uniform(0.0, 2.0 * np.pi, 2)
    return rng.uniform(0.0, 0.012) * np.sin(np.arange(count)[:, None] * pace + phase)


def _drift(curve: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth elastic displacement of each point by where it lies, `[m, 2]`."""
    wave = rng.normal(0.0, 2.2, (2, 2))
    phase = rng.uniform(0.0, 2.0 * np.pi, 2)
    return rng.uniform(0.0, 0.08) * np.sin(curve @ wave + phase)


@functools.cache
def _shapes(label: str) -> tuple[list[_Shape], list[float]]:
    """Return a label's shapes and their running total of weights."""
    if label not in SKELETONS:
        raise InputError(f"no such label: {label!r}; there are {LABELS}")
    skeletons = SKELETONS[label]
    shapes = [_prepare(skeleton.strokes, skeleton.aspect) for skeleton in skeletons]
    return shapes, list(itertools.accumulate(skeleton.weight for skeleton in skeletons))


def _prepare(text: str, aspect: float) -> _Shape:
    """Turn a skeleton's text into points and the matrices that join them."""
    points: list[NDArray[np.float64]] = []
    bases: list[NDArray[np.float64]] = []
    for stroke in text.split(";"):
        marks = stroke.split()
        xy = np.array([[float(c) for c in mark.rstrip("!").split(",")] for mark in marks])
        xy = xy / 100.0 * (aspect, 1.0)
        corners = [i for i, mark in enumerate(marks) if mark.endswith("!")]
        points.append(xy)
        bases.append(_basis(xy, corners))
    sizes = [len(xy) for xy in points]
    last = np.cumsum(sizes)
    first = last - sizes
    sharp = np.zeros((sum(len(b) for b in bases), sum(sizes)))
    blunt = np.zeros_like(sharp)
    row = 0
    for basis, start, end in zip(bases, first, last, strict=True):
        sharp[row : row + len(basis), start:end] = basis
        blunt[row : row + len(basis), start:end] = _smoother(len(basis)) @ basis
        row += len(basis)
    return _Shape(
        points=np.concatenate(points),
        sharp=sharp,
        rounding=blunt - sharp,
        tips=np.concatenate([first, last - 1]),
        necks=np.concatenate([first + 1, last - 2]),
        owner=np.repeat(np.arange(len(sizes)), sizes),
        ends=np.cumsum([len(basis) for basis in bases])[:-1],
    )


def _basis(xy: NDArray[np.float64], corners: list[int]) -> NDArray[np.float64]:
    """Build the matrix `[m, k]` that draws a curve through `k` points, sharp at `corners`.

    Cubic Hermite pieces with Catmull-Rom tangents on centripetal knots, which neither loop nor
    overshoot where points lie unevenly (Yuksel, Schaefer and Keyser, "Parameterization and
    applications of Catmull-Rom curves", 2011).
    """
    count = len(xy)
    chords = np.hypot(*np.diff(xy, axis=0).T)
    gaps = np.sqrt(np.maximum(chords, 1e-3))
    slopes = (np.eye(count)[1:] - np.eye(count)[:-1]) / gaps[:, None]
    rows = [np.eye(count)[:1]]
    for i in range(count - 1):
        into, out = slopes[i], slopes[i]
        if i > 0 and i not in corners:
            into = (gaps[i] * slopes[i - 1] + gaps[i - 1] * slopes[i]) / (gaps[i] + gaps[i - 1])
        if i < count - 2 and i + 1 not in corners:
            out = (gaps[i + 1] * slopes[i] + gaps[i] * slopes[i + 1]) / (gaps[i] + gaps[i + 1])
        t = np.linspace(0.0, 1.0, max(2, round(chords[i] / _SPACING)) + 1)[1:, None]
        start, end = np.eye(count)[i], np.eye(count)[i + 1]
        rows.append(
            (1 + 2 * t) * (1 - t) ** 2 * start
            + t**2 * (3 - 2 * t) * end
            + gaps[i] * (t * (1 - t) ** 2 * into + t**2 * (t - 1) * out)
        )
    return np.concatenate(rows)


def _smoother(count: int) -> NDArray[np.float64]:
    """Build the matrix `[count, count]` that averages a curve along itself, its tips held fast."""
    steps = np.arange(count)
    # The reach shrinks to nothing at the tips, so a stroke keeps its length.
    reach = np.minimum(_ROUNDING / _SPACING, np.minimum(steps, count - 1 - steps) / 2.0 + 1e-3)
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / reach[:, None]) ** 2)
    smoother: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return smoother
