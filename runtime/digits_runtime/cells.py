"""Keeps what is written in a grid's cells apart from what reaches into them from others."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from digits_runtime.grid import TALLEST, Grid
from digits_runtime.ink import Grey, as_grey
from digits_runtime.layout import Boxes
from digits_runtime.parts import Parts
from digits_runtime.rules import LEVEL, UPRIGHT

# What is cut from its neighbours in other cells is a digit if it is so high or broad, and so close
# to the middle of its cell.
_WHOLE, _MIDST = 0.45, 0.3
# Of what is joined from two cells that is a glyph of its own which is so high.
_HIGH = 0.35


def parted(grid: Grid, mask: Grey, parts: Parts) -> Grey:
    """A mask on which what reaches over several cells is cut where they meet.

    What is left of a stroke that reaches into a cell is too low for a digit, or of a rule not
    in its midst or beside what is written in it, and goes.

    Args:
        grid: Any.
        mask: uint8 `[h, w]`, without the grid's rules.
        parts: Of that mask.
    """
    centres_of_parts, sizes_of_parts = grid.in_cells(parts.boxes)
    inside = ((centres_of_parts > 0) & (centres_of_parts < grid.shape[::-1])).all(axis=1)
    broad = np.flatnonzero(inside & (sizes_of_parts > TALLEST).any(axis=1))
    if len(broad) == 0:
        return mask
    # Not what they enclose: there may be digits within what is left of a frame.
    labels = np.asarray(cv2.connectedComponents(mask, connectivity=8)[1])
    at = np.stack([parts.contours[index][0, 0] for index in broad.tolist()])
    own = np.where(np.isin(labels, labels[at[:, 1], at[:, 0]]), mask, 0).astype(np.uint8)
    bands = cv2.bitwise_or(*(grid.drawn(mask.shape, axis)[0] for axis in (LEVEL, UPRIGHT)))
    pieces = as_grey(cv2.bitwise_and(own, cv2.bitwise_not(bands)))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(pieces, connectivity=8)
    centres, sizes = grid.in_cells(stats[:, : cv2.CC_STAT_AREA].astype(np.int64))
    kept = (sizes.max(axis=1) >= _WHOLE) & (sizes <= TALLEST).all(axis=1)
    kept &= (np.abs(centres % 1 - 0.5) <= _MIDST).all(axis=1)
    whole = inside & (sizes_of_parts[:, 1] >= _HIGH)
    whole[broad] = False
    taken = {tuple(cell) for cell in np.floor(centres_of_parts[whole]).tolist()}
    kept &= [tuple(cell) not in taken for cell in np.floor(centres).tolist()]
    kept[0] = False
    rest = as_grey(cv2.bitwise_and(mask, cv2.bitwise_not(own)))
    return as_grey(cv2.bitwise_or(rest, np.where(kept, 255, 0).astype(np.uint8)[labels]))


def by_cell(grid: Grid, groups: Sequence[Sequence[int]], boxes: Boxes) -> list[list[int]]:
    """Groups of boxes, by their numbers, parted where they hold something high of each cell."""
    centres, sizes = grid.in_cells(boxes)
    cells = [tuple(cell) for cell in np.floor(centres).astype(int).tolist()]
    # The bar of a 5 may be in the cell above.
    high = sizes[:, 1] >= _HIGH
    apart: list[list[int]] = []
    for group in groups:
        each: dict[tuple[int, ...], list[int]] = {}
        for index in sorted(group, key=lambda one: not high[one]):
            cell = cells[index] if high[index] or cells[index] in each else None
            each.setdefault(cell or next(iter(each), cells[index]), []).append(index)
        apart += [sorted(one) for one in each.values()]
    return apart
