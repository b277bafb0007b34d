"""The order in which a page's numbers are read: row by row, each from left to right.

Numbers in columns that share no rows, as two lists beside each other, are read column by column.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from digits_runtime.ranks import median
from digits_runtime.reading import Box

# Numbers whose middles are this share of the higher one's height apart at most stand in one row.
_LEVEL = 0.5
# The median slope of so many neighbours of the same numbers, or more, tells a page's; or so many
# numbers and what stands nearest on their right, no steeper than this, if they agree to that.
_SURE_SLOPE, _BESIDE, _STEEPEST, _AGREE = 3, 2, 0.5, 0.12
# Columns are so far apart at least for how high their numbers are, of so many each, and of the one
# with fewer this share at most stands in a row with one of its neighbour.
_GUTTER, _IN_COLUMN, _SHARED = 1.0, 3, 0.5
# So many numbers at most, one below the other, stand above all columns.
_HEADINGS = 3


class _Number(NamedTuple):
    """Where a number stands, on a page turned level."""

    left: float
    right: float
    middle: float
    tall: float


def in_order(lines: Sequence[Sequence[Box]]) -> list[int]:
    """Say in which order numbers are read.

    Args:
        lines: The boxes of the glyphs of each, from left to right; one at least.

    Returns:
        Their indexes: rows from the top, numbers that stand beside each other from the left. Below
        what stands above all columns these come from the left, if they share no rows.
    """
    slope = _slope(lines)
    numbers = [_level(line, slope) for line in lines]
    rows = _rows(range(len(lines)), numbers)
    for first in range(min(_HEADINGS + 1, len(rows))):
        if first and len(rows[first - 1]) > 1:
            break
        columns = _columns([index for row in rows[first:] for index in row], numbers)
        if len(columns) > 1:
            rows[first:] = [row for column in columns for row in _rows(column, numbers)]
            break
    return [index for row in rows for index in row]


def _rows(chosen: Iterable[int], numbers: Sequence[_Number]) -> list[list[int]]:
    """Some of the numbers in rows from the top, each from the left."""
    left = sorted(chosen, key=lambda index: numbers[index].middle)
    rows = []
    while left:
        row, others = left[:1], list[int]()
        for index in left[1:]:
            beside = _beside(numbers[index], [numbers[other] for other in row])
            (row if beside else others).append(index)
        left = others
        rows.append(sorted(row, key=lambda index: numbers[index].left))
    return rows


def _columns(chosen: Iterable[int], numbers: Sequence[_Number]) -> list[list[int]]:
    """Some of the numbers in columns that share no rows, from the left; none where they do."""
    columns: list[list[int]] = []
    reached = -math.inf
    for index in sorted(chosen, key=lambda index: numbers[index].left):
        if not columns or numbers[index].left - reached >= _GUTTER * numbers[index].tall:
            columns.append([])
        columns[-1].append(index)
        reached = max(reached, numbers[index].right)
    if any(len(column) < _IN_COLUMN for column in columns):
        return []
    for one, other in itertools.pairwise(columns):
        fewer, more = sorted((one, other), key=len)
        level = sum(any(_are_level(numbers[a], numbers[b]) for b in more) for a in fewer)
        if level > _SHARED * len(fewer):
            return []
    return columns


def _beside(number: _Number, row: Sequence[_Number]) -> bool:
    """Whether a number stands beside those of a row, and level with the nearest of them."""
    gaps = [max(number.left - other.right, other.left - number.right) for other in row]
    nearest = row[min(range(len(row)), key=gaps.__getitem__)]
    return min(gaps) >= 0 and _are_level(number, nearest)


def _are_level(one: _Number, other: _Number) -> bool:
    return abs(one.middle - other.middle) <= _LEVEL * max(one.tall, other.tall)


def _level(line: Sequence[Box], slope: float) -> _Number:
    middles = [y + h / 2 - slope * (x + w / 2) for x, y, w, h in line]
    return _Number(
        left=min(x for x, _, _, _ in line),
        right=max(x + w for x, _, w, _ in line),
        middle=sum(middles) / len(middles),
        tall=median([h for _, _, _, h in line]),
    )


def _slope(lines: Sequence[Sequence[Box]]) -> float:
    """Of the page's lines, pixels down for a pixel to the right; 0 where it is not sure."""
    slopes = [
        _steepness(one, other)
        for line in lines
        for one, other in itertools.pairwise(line)
        if _middle(other)[0] > _middle(one)[0]
    ]
    if len(slopes) >= _SURE_SLOPE:
        return median(slopes)
    beside = []
    for line in lines:
        right = [
            other[0]
            for other in lines
            if other[0][0] > line[-1][0] + line[-1][2]
            and abs(_steepness(line[-1], other[0])) <= _STEEPEST
        ]
        if right:
            nearest = min(right, key=lambda box: math.dist(_middle(box), _middle(line[-1])))
            beside.append(_steepness(line[-1], nearest))
    agreed = len(beside) >= _BESIDE and max(beside) - min(beside) <= _AGREE
    return median(beside) if agreed else 0.0


def _steepness(one: Box, other: Box) -> float:
    (x, y), (further, below) = _middle(one), _middle(other)
    return (below - y) / (further - x)


def _middle(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2
