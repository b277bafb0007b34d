"""Puts what is written in the boxes of a form's combs together: one glyph a box, a row a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digits_runtime import layout
from digits_runtime.combs import Comb, boxes_at, sides_of
from digits_runtime.ranks import median

# What is written in a box has this share of its height; what has less than that share of the height
# of the highest in it is a part of that.
_LOWEST, _AS_HIGH = 0.25, 0.6
# So many glyphs in most boxes of a row are numbers.
_SEVERAL = 2


def one_each(
    boxes: layout.Boxes, groups: Sequence[Sequence[int]], combs: Sequence[Comb]
) -> list[list[int]]:
    """Strokes of a glyph in one box of a comb put together, and what is too low for one left out.

    Args:
        boxes: Of groups of parts.
        groups: The numbers of the parts of each.
        combs: Of the page.

    Returns:
        Groups of parts.
    """
    free = np.ones(len(boxes), np.bool_)
    found: list[list[int]] = []
    for comb in _held(boxes, combs):
        for _, (_, height), cell in comb:
            free[cell] = False
            held = [i for i in cell if max(boxes[i, 2:]) >= _LOWEST * height]
            found += [
                [part for index in one for part in groups[index]] for one in _glyphs(held, boxes)
            ]
    return found + [list(groups[index]) for index in np.flatnonzero(free).tolist()]


def lines_among(
    boxes: layout.Boxes, combs: Sequence[Comb], written: NDArray[np.bool_] | None = None
) -> tuple[list[list[int]], float]:
    """`layout.lines_of`, but what stands in the boxes of a comb is a line up to an empty one.

    Or in each box, if most hold several glyphs.

    Args:
        boxes: Of glyphs, and of whatever may be one.
        combs: Of the page.
        written: As of `layout.lines_of`.

    Returns:
        Lines of indexes into `boxes`, top to bottom, each left to right; and their slope.
    """
    if not combs or len(boxes) == 0:
        return layout.lines_of(boxes, written)
    lines: list[list[int]] = []
    for comb in _held(boxes, combs):
        last = None
        # Where a box holds several it is the field of a number, not of a digit.
        several = bool(comb) and median([len(cell) for _, _, cell in comb]) >= _SEVERAL
        for place, _, cell in comb:
            if last is None or place > last + 1 or several:
                lines.append([])
            lines[-1] += sorted(cell, key=lambda index: int(boxes[index, 0]))
            last = place
    rest = np.setdiff1d(np.arange(len(boxes)), [index for line in lines for index in line])
    others, _ = layout.lines_of(boxes[rest], None if written is None else written[rest])
    lines += [[int(rest[index]) for index in line] for line in others]
    slope = median([comb.slope for comb in combs])
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    level = middles[:, 1] - slope * middles[:, 0]
    lines.sort(key=lambda line: float(level[line].mean()))
    return lines, slope


def _glyphs(cell: Sequence[int], boxes: layout.Boxes) -> list[list[int]]:
    """What of a box is one glyph: all of it, but for what is as high and stands beside it."""
    if not cell:
        return []
    highest = max(boxes[index, 3] for index in cell)
    high = [index for index in cell if boxes[index, 3] >= _AS_HIGH * highest]
    glyphs = layout.pieces_of_one(high, boxes)
    middles = boxes[:, 0] + boxes[:, 2] / 2
    for index in cell:
        if index not in high:
            nearest = min(glyphs, key=lambda one: abs(middles[one].mean() - middles[index]))
            nearest.append(index)
    return glyphs


def _held(
    boxes: layout.Boxes, combs: Sequence[Comb]
) -> list[list[tuple[int, tuple[float, float], list[int]]]]:
    """Of each comb the boxes that hold something: number, width and height, and what they hold."""
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    held: list[dict[int, list[int]]] = [{} for _ in combs]
    free = np.ones(len(boxes), np.bool_)
    for comb, each in zip(combs, held, strict=True):
        places = np.where(free, boxes_at(comb, middles), -1)
        for index in np.flatnonzero(places >= 0).tolist():
            each.setdefault(int(places[index]), []).append(index)
        free &= places < 0
    return [
        [(place, sides_of(comb.cells[place]), cell) for place, cell in sorted(each.items())]
        for comb, each in zip(combs, held, strict=True)
    ]
