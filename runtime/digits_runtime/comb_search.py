"""Finds the combs of a form on a page.

A box is what its walls enclose, whatever is written in it: the outline of a hole in the ink, and
four-sided even where a digit touches a wall and dents it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.combs import SOFT, Comb, Points, axes_of, boxes_at, grown, sides_of
from digits_runtime.grid_outline import four_sided
from digits_runtime.ink import Grey, as_grey
from digits_runtime.ranks import median

# A box is so high and wide at least, pixels, and so broad for its height at least and at most.
_SMALLEST, _SLIM, _BROAD = 12, 0.25, 2.5
# So many pieces so many times as high as broad may be pieces of walls.
_WALLS, _SLENDER = 3, 3
# Four of its points enclose this share of its hull: of a 0, however square, they do not. Of a comb
# of two boxes more. Seen aslant, it fills this share of an upright one.
_FOUR_SIDED, _SURELY, _ASLANT = 0.8, 0.85, 0.85
# More holes than this, and more like boxes than that, are those of texture or squared paper.
_MOST_HOLES, _MOST = 600, 200
# Boxes of one comb differ by so many times in width, by so many where some are missing, and in
# height; they are so far apart at most, and so far up or down, as a share of their height.
_WIDER, _EVEN, _HIGHER, _APART, _ASIDE = 3.0, 1.4, 1.3, 0.45, 0.25
# Walls are so thick at most, as a share of a box's shorter side; strokes are thicker for what they
# enclose. Where a box is missing, since something in it goes from wall to wall, the next one is in
# its place to this share of their distance; so many may be missing side by side.
_WALL, _STRAY, _MISSING = 0.2, 0.2, 3
# Of a box beyond the last one its three walls are inked so far, within so many pixels, at so many
# points.
_INKED, _NEAR, _POINTS = 0.8, 2, 32
# This share of a comb's boxes have others right above or below where it is part of a table, or
# walls that go on there for this share of their height.
_TABLE, _BEYOND = 0.5, 0.5
# A half of a box is not so broad, as a share of the usual one.
_HALF = 0.75
# Of so many boxes or more, what has a corner further from where the others have it than this share
# of their height is dented.
_DENTED, _DENT = 4, 0.12


def may_have_walls(boxes: NDArray[np.int64]) -> bool:
    """Whether so many pieces `[n, 4]` are slender and upright that they may be of boxes' walls."""
    upright = (boxes[:, 3] >= _SMALLEST) & (boxes[:, 3] >= _SLENDER * boxes[:, 2])
    return int(upright.sum()) >= _WALLS


def find_combs(mask: Grey, holes: Sequence[NDArray[np.int32]]) -> list[Comb]:
    """Find the combs of a page.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        holes: The outlines of what it encloses, from `parts.find_parts`.
    """
    large = [hole for hole in holes if min(cv2.boundingRect(hole)[2:]) >= _SMALLEST]
    if not 2 <= len(large) <= _MOST_HOLES:
        return []
    large = [hole for hole in large if _like_a_box(hole)]
    if not 2 <= len(large) <= _MOST:
        return []
    found = [quad for hole in large if (quad := four_sided(hole))]
    boxes = [
        (corners.astype(np.float64), share) for corners, share in found if share >= _FOUR_SIDED
    ]
    if len(boxes) < 2:
        return []
    cells = np.stack([corners for corners, _ in boxes])
    certain = np.array([share >= _SURELY for _, share in boxes])
    combs = []
    for row in _rows(cells):
        if len(row) == 2 and not certain[row].all():
            continue
        if _in_table(cells, row):
            continue
        width, height = sides_of(cells[row].mean(axis=0))
        if not _SLIM <= width / height <= _BROAD:
            continue
        wall = median([_wall(mask, cells[index]) for index in row])
        if not 0 < wall <= _WALL * min(width, height) + SOFT:
            continue
        combs.append(Comb(_whole(cells[row], wall), wall))
    if not combs:
        return []
    near = as_grey(cv2.dilate(mask, np.ones((2 * _NEAR + 1, 2 * _NEAR + 1), np.uint8)))
    extended = [_extended(comb, near) for comb in _bridged(combs)]
    return _apart([comb for comb in extended if not _goes_on(comb, near)])


def _like_a_box(hole: NDArray[np.int32]) -> bool:
    """Whether the outline of a hole may be a box's, told in little time."""
    sides = cv2.minAreaRect(hole)[1]
    return cv2.contourArea(cv2.convexHull(hole)) >= _ASLANT * sides[0] * sides[1]


def _rows(cells: Points) -> list[list[int]]:
    """Boxes that stand side by side: two at least, from left to right."""
    middles = cells.mean(axis=1)
    sizes = np.array([sides_of(cell) for cell in cells])
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for index, cell in enumerate(cells):
        right, down = axes_of(cell)
        apart = middles - middles[index]
        along, aside = apart @ right, np.abs(apart @ down)
        width, height = sizes[index]
        gaps = along - (width + sizes[:, 0]) / 2
        ratios = np.maximum(sizes / sizes[index], sizes[index] / sizes)
        fits = (along > width / 2) & (gaps <= _APART * height) & (aside <= _ASIDE * height)
        fits &= (ratios <= (_WIDER, _HIGHER)).all(axis=1)
        if fits.any():
            other = int(np.where(fits, along, np.inf).argmin())
            if other not in before:
                after[index], before[other] = other, index
    rows = []
    for index in range(len(cells)):
        if index in before or index not in after:
            continue
        row = [index]
        while row[-1] in after:
            row.append(after[row[-1]])
        rows.append(row)
    return rows


def _in_table(cells: Points, row: list[int]) -> bool:
    """Whether boxes of a row have others right above or below them."""
    middles = cells.mean(axis=1)
    others = np.setdiff1d(np.arange(len(cells)), row)
    if len(others) == 0:
        return False
    count = 0
    for index in row:
        right, down = axes_of(cells[index])
        width, height = sides_of(cells[index])
        apart = middles[others] - middles[index]
        along, aside = np.abs(apart @ right), np.abs(apart @ down)
        count += bool(((along <= width / 2) & (aside <= (1 + _APART) * height)).any())
    return count >= _TABLE * len(row)


def _wall(mask: Grey, cell: Points) -> float:
    """How thick the walls of a box are: the median of its sides, at their middles."""
    reach = int(_WALL * 2 * min(sides_of(cell))) + 2
    steps = np.arange(reach)
    right, down = axes_of(cell)
    thick = []
    for side, way in enumerate((-down, right, down, -right)):
        middle = (cell[side] + cell[(side + 1) % 4]) / 2
        at = np.rint(middle + steps[:, None] * way).astype(int)
        x, y = at.T
        inside = (x >= 0) & (x < mask.shape[1]) & (y >= 0) & (y < mask.shape[0])
        inked = np.zeros(reach, np.bool_)
        inked[inside] = mask[y[inside], x[inside]] > 0
        places = np.flatnonzero(inked)
        if len(places) and places[0] <= _NEAR:
            rest = np.flatnonzero(~inked[places[0] :])
            thick.append(float(rest[0] if len(rest) else reach))
    return median(thick) if thick else 0.0


def _bridged(combs: list[Comb]) -> list[Comb]:
    """Combs of which boxes are missing between put together."""
    combs = sorted(combs, key=lambda comb: float(comb.cells[0, 0, 0]))
    done: list[Comb] = []
    for comb in combs:
        for place, left in enumerate(done):
            count = _missing(left, comb)
            if count:
                first, last = left.cells[-1], comb.cells[0]
                shares = np.arange(1, count + 1)[:, None, None] / (count + 1)
                between = first + shares * (last - first)
                cells = np.concatenate((left.cells, between, comb.cells))
                done[place] = Comb(cells, max(left.wall, comb.wall))
                break
        else:
            done.append(comb)
    return done


def _missing(left: Comb, right: Comb) -> int:
    """How many boxes are missing between two parts of a comb; 0 if they are none of one."""
    first, last = left.cells[-1], right.cells[0]
    (w, h), (wide, high) = sides_of(first), sides_of(last)
    if max(w / wide, wide / w) > _EVEN or max(h / high, high / h) > _HIGHER:
        return 0
    step = (left.cells[-1] - left.cells[0]).mean(axis=0) / (len(left.cells) - 1)
    apart = (last - first).mean(axis=0)
    count = round(float(apart @ step / (step @ step)))
    strays = np.linalg.norm(apart - count * step) > _STRAY * np.linalg.norm(step) * count
    return 0 if strays or not 2 <= count <= _MISSING + 1 else count - 1


def _apart(combs: list[Comb]) -> list[Comb]:
    """Combs without those in a box of another: the halves of one that a digit parts."""
    kept: list[Comb] = []
    for comb in sorted(combs, key=lambda comb: -len(comb.cells)):
        middles = comb.cells.mean(axis=1)
        if all((boxes_at(other, middles) < 0).all() for other in kept):
            kept.append(comb)
    return kept


def _whole(cells: Points, wall: float) -> Points:
    """Boxes of a row, the two halves of one that a stroke parts from wall to wall put together."""
    widths = [sides_of(cell)[0] for cell in cells]
    usual = median(widths)
    whole = [cells[0]]
    last = widths[0]
    for cell, width in zip(cells[1:], widths[1:], strict=True):
        both = last + width + 2 * wall
        if max(last, width) < _HALF * usual and usual / _EVEN <= both <= usual * _EVEN:
            whole[-1] = np.stack((whole[-1][0], cell[1], cell[2], whole[-1][3]))
            last = both
        else:
            whole.append(cell)
            last = width
    return np.stack(whole)


def _undented(cells: Points) -> Points:
    """Boxes of a comb, those that are dented by what is in them as the others have it.

    By straight lines through the corners of all: medians of their slopes, and of what is left
    (Theil-Sen).
    """
    if len(cells) < _DENTED:
        return cells
    places = np.arange(len(cells))
    first, second = np.triu_indices(len(cells), 1)
    slopes = (cells[second] - cells[first]) / (second - first)[:, None, None]
    slope = np.median(slopes, axis=0)
    start = np.median(cells - places[:, None, None] * slope, axis=0)
    even = start + places[:, None, None] * slope
    dented = np.abs(cells - even).max(axis=(1, 2)) > _DENT * sides_of(even[0])[1] + 1
    if 2 * dented.sum() >= len(cells):  # boxes of several breadths
        return cells
    return np.where(dented[:, None, None], even, cells)


def _extended(comb: Comb, near: Grey) -> Comb:
    """A comb with the boxes beyond its ends of which the walls are there."""
    cells = list(_undented(comb.cells))
    for right in (True, False):
        while True:
            last, previous = (cells[-1], cells[-2]) if right else (cells[0], cells[1])
            beyond = last + (last - previous).mean(axis=0)
            if not _walled(near, beyond, comb.wall, right=right):
                break
            cells = [*cells, beyond] if right else [beyond, *cells]
    return Comb(np.stack(cells), comb.wall)


def _goes_on(comb: Comb, near: Grey) -> bool:
    """Whether walls go on above or below a comb, as rules of squared paper do."""
    cells = grown(comb.cells, comb.wall / 2)
    for start, end in ((0, 3), (3, 0), (1, 2), (2, 1)):
        inked = [
            _inked(near, cell[start], cell[start] + _BEYOND * (cell[start] - cell[end]))
            for cell in cells
        ]
        if sum(share is not None and share >= _INKED for share in inked) >= _TABLE * len(inked):
            return True
    return False


def _inked(near: Grey, start: Points, end: Points) -> float | None:
    """How much of a line is inked; None where hardly any of it is on the page."""
    shares = np.linspace(0, 1, _POINTS)[:, None]
    x, y = np.rint(start + shares * (end - start)).astype(int).T
    inside = (x >= 0) & (x < near.shape[1]) & (y >= 0) & (y < near.shape[0])
    if inside.sum() < _POINTS // 4:
        return None
    return float((near[y[inside], x[inside]] > 0).mean())


def _walled(near: Grey, cell: Points, wall: float, *, right: bool) -> bool:
    """Whether three walls of a box are inked: the upper, the lower and the one that is far.

    Of a box that the frame's border cuts that one need not be there.
    """
    corners = grown(cell[None], wall / 2)[0]
    far = _inked(near, *corners[[1, 2] if right else [0, 3]])
    others = [_inked(near, *corners[ends]) for ends in ([0, 1], [3, 2])]
    walls = [*others, 1.0 if far is None else far]
    return all(share is not None and share >= _INKED for share in walls)
