"""Tells points and commas, which pass for a small 0 or 1, from the digits they stand between."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from digits_runtime.reading import Box

# A point has this share of the height of the digits beside it at most, and its middle lies lower
# than theirs by that share.
_LOW, _LOWER = 0.5, 0.25
# So far beneath a number's lowest digit, or to its side, it may still be of it, as a share of their
# height.
_BENEATH, _ASIDE = 0.5, 0.6
# So many digits show how high they are.
_SEVERAL = 2


def among(boxes: Sequence[Box], named: Sequence[bool]) -> list[bool]:
    """Which glyphs of a line are points, whatever their names.

    Args:
        boxes: From left to right.
        named: Which have a name for sure.
    """
    heights = [box[3] for box, name in zip(boxes, named, strict=True) if name]
    if len(heights) < _SEVERAL:
        return [False] * len(boxes)
    tall = max(median(heights), median(box[3] for box in boxes))
    high = [box for box in boxes if box[3] > _LOW * tall]
    if len(high) < _SEVERAL:
        return [False] * len(boxes)
    return [box[3] <= _LOW * tall and _lower(box, high, tall) for box in boxes]


def is_of(point: Box, number: Sequence[Box]) -> bool:
    """Whether what stands alone is a point of a number.

    Args:
        point: What stands alone.
        number: The glyphs of the number, from left to right.
    """
    if len(number) < _SEVERAL:
        return False
    tall = median(box[3] for box in number)
    if point[3] > _LOW * tall:
        return False
    left, right = number[0][0], number[-1][0] + number[-1][2]
    middle = point[0] + point[2] / 2
    if not left - _ASIDE * tall <= middle <= right + _ASIDE * tall:
        return False
    nearest = min(number, key=lambda box: abs(box[0] + box[2] / 2 - middle))
    down = point[1] + point[3] / 2 - nearest[1] - nearest[3]
    return -_LOWER * tall <= down <= _BENEATH * tall


def _lower(box: Box, digits: Sequence[Box], tall: float) -> bool:
    """Whether a glyph's middle is far enough below those of the digits on either side."""
    middle = box[0] + box[2] / 2
    near = sorted(digits, key=lambda one: abs(one[0] + one[2] / 2 - middle))[:_SEVERAL]
    level = sum(one[1] + one[3] / 2 for one in near) / len(near)
    return box[1] + box[3] / 2 >= level + _LOWER * tall
