"""Tells points and commas, which pass for a small 0 or 1, from the digits they stand between."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from digits_runtime.reading import Box, Glyph

# A point in a number has this share of the height of the digits beside it at most, one that stands
# alone that, and its middle lies lower than theirs by so much.
_LOW, _LOW_ALONE, _LOWER = 0.5, 0.38, 0.25
# It looks like these labels at most.
_LIKE = frozenset("01")
# So far to a number's side it may still be of it, as a share of the digits' height.
_ASIDE = 0.6
# So many digits show how high they are.
_SEVERAL = 2


def among(boxes: Sequence[Box], named: Sequence[bool]) -> list[bool]:
    """Which glyphs of a line without a name are points.

    Args:
        boxes: From left to right.
        named: Which have a name for sure.
    """
    digits = [box for box, name in zip(boxes, named, strict=True) if name]
    if len(digits) < _SEVERAL:
        return [False] * len(boxes)
    tall = median(box[3] for box in digits)
    return [
        not name and box[3] <= _LOW * tall and _lower(box, digits, tall)
        for box, name in zip(boxes, named, strict=True)
    ]


def is_of(point: Glyph, number: Sequence[Glyph]) -> bool:
    """Whether what stands alone is a point of a number, on whose lower edge it lies.

    Args:
        point: What stands alone.
        number: The glyphs of the number, from left to right.
    """
    if len(number) < _SEVERAL or point.label not in _LIKE:
        return False
    boxes = [glyph.box for glyph in number]
    tall = median(box[3] for box in boxes)
    x, y, width, height = point.box
    middle = x + width / 2
    left, right = boxes[0][0] - _ASIDE * tall, boxes[-1][0] + boxes[-1][2] + _ASIDE * tall
    if height > _LOW_ALONE * tall or not left <= middle <= right:
        return False
    nearest = min(boxes, key=lambda box: abs(box[0] + box[2] / 2 - middle))
    low = nearest[1] + nearest[3]
    return low - _LOWER * tall <= y + height / 2 and y <= low


def _lower(box: Box, digits: Sequence[Box], tall: float) -> bool:
    """Whether a glyph's middle is far enough below those of the digits on either side."""
    middle = box[0] + box[2] / 2
    near = sorted(digits, key=lambda one: abs(one[0] + one[2] / 2 - middle))[:_SEVERAL]
    level = sum(one[1] + one[3] / 2 for one in near) / len(near)
    return box[1] + box[3] / 2 >= level + _LOWER * tall
