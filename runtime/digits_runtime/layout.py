"""Puts parts of glyphs together, and glyphs into lines, by where they lie."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digits_runtime.ranks import median
from digits_runtime.reading import Box

Boxes = NDArray[np.int64]  # [n, 4]: x, y, width, height

# Lines that rise or fall faster than this are not looked for.
_STEEPEST = 0.6
# Neighbours reach into each other by this share of the narrower box at most; in a line that slopes,
# by that share of the lower one more for each pixel that it falls or rises in one to the right.
_INTO, _ASLANT = 0.6, 0.5
# So many neighbours must agree on a page's slope.
_SURE_SLOPE = 3
# Neighbours in a line are at most this many heights apart; where a gap is this many times the
# usual one of its line, and wider than a glyph is high, another line begins; or this many times the
# narrowest, or the only one, and so many heights wide.
_FAR, _UNUSUAL, _WIDE = 2.2, 2.5, 1.7
# Of two loops of one glyph, in shares of both together: how far apart they are at most, how far in
# each other, how high the larger; by what share of the narrower one they lie above one another;
# and how far a neighbour's top and bottom may be from theirs.
_TOUCHING, _ENTWINED, _PART, _ABOVE, _LEVEL = 0.1, 0.2, 0.72, 0.35, 0.15
# What is so many times as long as glyphs are high on a page, and of so many times their height's
# square, is far larger; of such a glyph a part has this share of its longer side at least.
_LONG, _LARGE, _BAR = 3, 6, 0.25
# Boxes of a cell that overlap by this share of the narrower from side to side are of one glyph.
_BESIDE = 0.3


def join(boxes: Boxes, areas: NDArray[np.int64]) -> list[list[int]]:
    """Join strokes of one glyph that do not touch: the bar of a 5, a dot of ink inside a 0.

    Args:
        boxes: Of the parts.
        areas: `[n]`, their ink in pixels.

    Returns:
        Groups of indexes of parts.
    """
    count = len(boxes)
    if count == 0:
        return []
    x, y, w, h = (column[:, None].astype(np.float64) for column in boxes.T)
    area = areas[:, None]
    overlap = np.minimum(x + w, (x + w).T) - np.maximum(x, x.T)
    gap = np.maximum(y, y.T) - np.minimum(y + h, (y + h).T)
    # Row: the smaller part; column: the larger one it may belong to.
    smaller = (area < area.T) | ((area == area.T) & (np.arange(count)[:, None] > np.arange(count)))
    flat = (h < 0.6 * h.T) & (w < 1.2 * np.maximum(w.T, h.T))
    near = (overlap >= 0.35 * np.minimum(w, w.T)) & (gap <= 0.16 * h.T)
    # But not a glyph and the frame around it.
    inside = (overlap >= 0.8 * w) & (gap <= -0.8 * h) & (h >= 0.12 * h.T)
    # Nor a shadow's edge, a pen or a sheet's outline and what is written beside it.
    longer = np.maximum(w, h)
    tiny = (longer < _BAR * longer.T) & _far_larger(boxes, areas)
    part = smaller & ((flat & near) | inside) & ~tiny
    # Of one glyph only, the nearest: what is left of a rule would make one of all that it touches.
    rows = np.flatnonzero(part.any(axis=1))
    nearest = np.where(part[rows], gap[rows], np.inf).argmin(axis=1)
    same = smaller & _stacked(boxes, overlap, gap)
    same[rows, nearest] = True
    return _connected(same)


def _far_larger(boxes: Boxes, areas: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which boxes are far larger than glyphs usually are on a page: `[n]`.

    Args:
        boxes: Of the parts.
        areas: `[n]`, their ink in pixels.
    """
    heights = boxes[:, 3]
    order = np.argsort(heights, kind="stable")
    weights = np.cumsum(np.sqrt(areas[order]))
    usual = heights[order][np.searchsorted(weights, weights[-1] / 2)]
    long = boxes[:, 2:].max(axis=1) > _LONG * usual
    return np.asarray(long & (boxes[:, 2:].prod(axis=1) > _LARGE * usual**2), np.bool_)


def pieces_of_one(cell: list[int], boxes: Boxes) -> list[list[int]]:
    """Which boxes of a cell are of one glyph: numbers stand side by side, so what overlaps is.

    Args:
        cell: Indexes into `boxes`.
        boxes: Of the page's pieces, joined as far as `join` does.

    Returns:
        Those indexes by glyph, from left to right.
    """
    glyphs: list[list[int]] = []
    right = 0
    for index in sorted(cell, key=lambda i: int(boxes[i, 0])):
        x, width = int(boxes[index, 0]), int(boxes[index, 2])
        if glyphs:
            narrower = min(width, int(boxes[glyphs[-1], 2].min()))
        if glyphs and right - x >= _BESIDE * narrower:
            glyphs[-1].append(index)
            right = max(right, x + width)
        else:
            glyphs.append([index])
            right = x + width
    return glyphs


def lines_of(
    boxes: Boxes, written: NDArray[np.bool_] | None = None
) -> tuple[list[list[int]], float]:
    """Chain boxes into lines: each to its nearest fellow on the right, along the page's slope.

    Args:
        boxes: Of glyphs, and of whatever may be one.
        written: `[n]`, which of them tell the slope; None: all.

    Returns:
        Lines of indexes into `boxes`, top to bottom, each left to right; and their slope, pixels
        down for a pixel to the right, 0 where it is not sure.
    """
    if len(boxes) == 0:
        return [], 0.0
    x, y, w, h = (column[:, None].astype(np.float64) for column in boxes.T)
    middle, tall = x + w / 2, np.maximum(h, h.T)
    gap = x.T - (x + w)
    narrower, lower = np.minimum(w, w.T), np.minimum(h, h.T)
    right = (middle < middle.T) & (gap <= _FAR * tall) & (lower >= 0.4 * tall)
    telling = right & (gap <= 1.5 * tall) & (gap >= -_INTO * narrower)
    if written is not None:
        telling &= written & written[:, None]
    slopes = _slopes(middle, y + h / 2, telling)
    slope = median(slopes) if len(slopes) else 0.0
    fellow = right & (gap >= -_INTO * narrower - _ASLANT * abs(slope) * lower)
    centre = y + h / 2 - slope * middle
    apart = np.abs(centre - centre.T)
    distance = np.where(
        fellow & (apart <= 0.45 * tall + 0.15 * np.maximum(gap, 0)), gap + 2 * apart, np.inf
    )
    nearest = distance.argmin(axis=1)
    linked = np.zeros_like(fellow)
    found = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    linked[found, nearest[found]] = True
    # Of several that name the same right neighbour only the nearest is its left neighbour.
    linked &= distance == np.where(linked, distance, np.inf).min(axis=0, keepdims=True)
    each, centres = boxes.tolist(), centre[:, 0].tolist()
    chained = [sorted(group, key=lambda i: int(each[i][0])) for group in _connected(linked)]
    lines = [part for line in chained for part in _numbers(line, each)]
    lines.sort(key=lambda line: sum(centres[i] for i in line) / len(line))
    # Two or three glyphs of a level line may well step like this.
    return lines, slope if len(slopes) >= _SURE_SLOPE else 0.0


def bounds(boxes: Sequence[Sequence[int]]) -> tuple[int, int, int, int]:
    """The box around boxes, which are few: as plain numbers they take a tenth of the time."""
    left, top = min(x for x, _, _, _ in boxes), min(y for _, y, _, _ in boxes)
    right, bottom = max(x + w for x, _, w, _ in boxes), max(y + h for _, y, _, h in boxes)
    return left, top, right - left, bottom - top


def scaled(box: Box, scale: float) -> Box:
    """A box of the ink map in pixels of the frame, of which one of its own is so many."""
    x, y, width, height = (round(value * scale) for value in box)
    return x, y, width, height


def shares(one: Sequence[int], other: Sequence[int]) -> tuple[float, float]:
    """Which share of each of two boxes (x, y, width, height) lies within the other."""
    across, down = (
        min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis])
        for axis in (0, 1)
    )
    common = max(across, 0) * max(down, 0)
    return common / (one[2] * one[3]), common / (other[2] * other[3])


def _stacked(
    boxes: Boxes, overlap: NDArray[np.float64], gap: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Loops of an 8 that do not quite touch: one upon the other, as high as a neighbour together.

    Args:
        boxes: Of the parts.
        overlap: `[n, n]`, how far each two lie above one another, pixels.
        gap: `[n, n]`, how far each two are apart from top to bottom, pixels; or below 0.
    """
    stacked = np.zeros(gap.shape, np.bool_)
    # Few lie above one another at all.
    first, second = np.nonzero(np.triu(overlap > 0, 1))
    x, y, w, h = boxes.T
    ends = y + h
    both = np.maximum(ends[first], ends[second]) - np.minimum(y[first], y[second])
    apart = gap[first, second]
    close = (apart <= _TOUCHING * both) & (apart >= -_ENTWINED * both)
    close &= overlap[first, second] >= _ABOVE * np.minimum(w[first], w[second])
    close &= np.maximum(h[first], h[second]) <= _PART * both
    for i, j in zip(first[close].tolist(), second[close].tolist(), strict=True):
        left, top, width, height = bounds(boxes[[i, j]].tolist())
        level = np.maximum(np.abs(y - top), np.abs(ends - top - height)) <= _LEVEL * height
        aside = np.maximum(x - left - width, left - x - w)
        beside = (aside >= 0) & (aside <= _FAR * height)
        stacked[i, j] = stacked[j, i] = bool((level & beside).any())
    return stacked


def _numbers(line: list[int], boxes: Sequence[Sequence[int]]) -> list[list[int]]:
    """Part a line where a gap is far wider than its others: columns, numbers side by side."""
    if len(line) == 1:
        return [line]
    ends = itertools.pairwise(boxes[index] for index in line)
    gaps = [right[0] - left[0] - left[2] for left, right in ends]
    tall = statistics.median(boxes[index][3] for index in line)
    usual, least = (max(gap, 0.2 * tall) for gap in (statistics.median(gaps), min(gaps)))
    parts = [line[:1]]
    for index, gap in zip(line[1:], gaps, strict=True):
        wide = gap > _WIDE * tall
        if len(gaps) > 1:
            wide = wide and gap > _UNUSUAL * least
            wide = wide or (gap > _UNUSUAL * usual and gap > tall)
        if wide:
            parts.append([])
        parts[-1].append(index)
    return parts


def _connected(linked: NDArray[np.bool_]) -> list[list[int]]:
    """Connected groups of a graph given by its adjacency matrix, in order of first member."""
    owner = list(range(len(linked)))

    def root(member: int) -> int:
        while owner[member] != member:
            owner[member] = owner[owner[member]]
            member = owner[member]
        return member

    for first, second in np.argwhere(linked).tolist():
        one, other = root(first), root(second)
        owner[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for member in range(len(owner)):
        groups.setdefault(root(member), []).append(member)
    return list(groups.values())


def _slopes(
    middle: NDArray[np.float64], centre: NDArray[np.float64], fellow: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The slope of each box's way to its nearest fellow on the right, where it has one."""
    across, down = middle.T - middle, centre.T - centre
    fellow = fellow & (np.abs(down) <= _STEEPEST * across)
    distance = np.where(fellow, np.hypot(across, down), np.inf)
    found = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    nearest = distance.argmin(axis=1)[found]
    return np.asarray(down[found, nearest] / across[found, nearest], np.float64)
