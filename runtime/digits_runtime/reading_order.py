"""The order in which a page's numbers are read: row by row, each from left to right."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from digits_runtime.ranks import median
from digits_runtime.reading import Box

# Numbers whose middles are this share of the higher one's height apart at most stand in one row.
_LEVEL = 0.5
# So many neighbours must agree on a page's slope.
_SURE_SLOPE = 3


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
        Their indexes: rows from the top, numbers that stand beside each other from the left.
    """
    slope = _slope(lines)
    numbers = [_level(line, slope) for line in lines]
    left = sorted(range(len(lines)), key=lambda index: numbers[index].middle)
    order: list[int] = []
    while left:
        row = [left.pop(0)]
        for index in list(left):
            if _beside(numbers[index], [numbers[other] for other in row]):
                row.append(index)
                left.remove(index)
        order += sorted(row, key=lambda index: numbers[index].left)
    return order


def _beside(number: _Number, row: Sequence[_Number]) -> bool:
    """Whether a number stands beside those of a row, and level with the nearest of them."""
    gaps = [max(number.left - other.right, other.left - number.right) for other in row]
    nearest = row[min(range(len(row)), key=gaps.__getitem__)]
    apart = abs(number.middle - nearest.middle)
    return min(gaps) >= 0 and apart <= _LEVEL * max(number.tall, nearest.tall)


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
    slopes = []
    for line in lines:
        centres = [(x + w / 2, y + h / 2) for x, y, w, h in line]
        for (x, y), (further, below) in itertools.pairwise(centres):
            if further > x:
                slopes.append((below - y) / (further - x))
    return median(slopes) if len(slopes) >= _SURE_SLOPE else 0.0
