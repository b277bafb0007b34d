"""Finds the grid of a page and what is written in it, by whichever levels of ink show it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from digits_runtime import sudoku
from digits_runtime.cells import parted
from digits_runtime.grid import LIKELY, SUDOKU, Grid
from digits_runtime.grid_search import by_frame, by_rules, part_of, reach_beyond
from digits_runtime.ink import Grey
from digits_runtime.levels import IN_CELLS, Levels, find_levels
from digits_runtime.parts import Parts, find_parts
from digits_runtime.rules import DENSE, FRAME, Rules, find_rules

# Writing is faint if so many times as many cells hold some by weaker levels.
_MORE = 1.02
# Cells of squared paper are not so large, pixels; its rules reach around so many times as much as
# what of it passes for a grid.
_ROOMY, _BEYOND = 40, 1.5
# What is so many times as large as a frame is not in it.
_AROUND = 1.05
# Of squared paper this share of the rules goes on beyond what of it passes for a grid, or that
# share beyond what hardly does.
_GOES_ON, _SEEMS_TO = 0.5, 0.25
# Of a sudoku whose corners are round some does, beyond an outline within it.
_SUDOKU_GOES_ON = 0.75
# A grid has so many rules either way at least. Without a frame, paper ruled one way alone has none,
# nor has squared paper, which has so many pieces of rules both ways.
_SIDES, _SQUARES = 2, 30


def find_gridded(
    ink: Grey, levels: Levels, rules: Rules | None
) -> tuple[Grid | None, Levels, Parts] | None:
    """A page's grid, if it has one, what of the page is ink then, and the parts written in it.

    If the writing is faint, it is told by a limit closer to the paper's texture, which does little
    harm in a cell: what is no glyph is left out there.

    Args:
        ink: uint8 `[h, w]`.
        levels: Of that page.
        rules: Those of what is ink by these levels; None if there are none.

    Returns:
        The grid, the levels by which its writing was told, and the parts of that; None without one.
        Where a large one has nothing in its cells, no grid, and the levels without its rules.
    """
    frame = by_frame(ink, levels.faint)
    if frame is None and rules is not None and not 0 < min(rules.counts) < _SQUARES:
        return None
    grid = _grid_of(ink, levels.faint, rules, frame)
    crossed = rules is not None and min(rules.counts) > 0
    weaker = None
    if frame is None and (grid is not None or crossed):
        weaker = find_levels(ink, IN_CELLS) or levels
        frame = by_frame(ink, weaker.faint)
        if frame is not None and (grid is None or not part_of(frame, grid)):
            grid = frame
    if grid is not None and _squared(grid, rules, ink.shape):
        return None
    sure = None if grid is None else _written(grid, levels)
    if grid is not None and sure is None:
        return _without(grid, levels)
    if grid is None and not crossed:
        return None
    weaker = weaker or find_levels(ink, IN_CELLS) or levels
    if grid is None:
        grid = _surely(ink, weaker.faint, find_rules(weaker.faint))
    if grid is None and rules is not None:
        dense = find_rules(levels.faint, crowded=DENSE)
        if dense is not None and dense.has_more_than(rules):
            grid = _surely(ink, levels.faint, dense)
    if grid is None or _cut_from_more(grid, ink.shape):
        return None
    faint = _written(grid, weaker)
    if sure is None or (faint is not None and faint.cells > _MORE * sure.cells):
        return None if faint is None else (faint.grid, weaker, faint.parts)
    return sure.grid, levels, sure.parts


class _Written(NamedTuple):
    """What is written in a grid: the parts, and in how many cells."""

    grid: Grid
    parts: Parts
    cells: int


def _written(grid: Grid, levels: Levels) -> _Written | None:
    """What is written in the cells by these levels; None where they hold none of it."""
    mask = grid.erased(levels.mask)
    parts = find_parts(mask)
    grid = sudoku.in_boxes(grid, parts.boxes)
    inside = grid.may_hold(parts.boxes)
    if inside is None:
        return None
    held = parts.only(inside)
    cells = sum(bool(c) for row in grid.filled(held.boxes) for c in row)
    if grid.shape == SUDOKU and len(inside) < len(parts.boxes):
        cut = find_parts(parted(grid, mask, parts))
        held = cut.only(np.flatnonzero(grid.small(cut.boxes)))
    return _Written(grid, held, cells)


def _squared(grid: Grid, rules: Rules | None, shape: tuple[int, ...]) -> bool:
    """Whether a grid is a part of squared paper: its rules go on, those of small cells far."""
    if _cut_from_more(grid, shape):
        return True
    small = not (grid.is_sudoku or _roomy(grid))
    return rules is not None and small and reach_beyond(rules, grid, _BEYOND)


def _cut_from_more(grid: Grid, shape: tuple[int, ...]) -> bool:
    """Whether more cells follow beyond a grid; fewer tell so of what is hardly like one."""
    if grid.shape == SUDOKU:
        least = _SUDOKU_GOES_ON
    else:
        least = _GOES_ON if grid.likeness >= LIKELY else _SEEMS_TO
    return grid.goes_on(shape) >= least


def _roomy(grid: Grid) -> bool:
    """Whether its cells are larger than the squares of paper."""
    return bool(grid.area >= _ROOMY**2 * np.prod(grid.shape))


def _without(grid: Grid, levels: Levels) -> tuple[None, Levels, Parts] | None:
    """A page without the rules of a grid; None if something is in its cells, or they are small.

    Strokes along a rule would go with it, so what is written across the cells is left to
    `without_rules`, which tells ink from fainter print.
    """
    if grid.likeness < LIKELY or not _roomy(grid):
        return None
    mask = grid.erased(levels.mask)
    parts = find_parts(mask)
    if any(cell for row in grid.filled(parts.boxes) for cell in row):
        return None
    return None, levels._replace(mask=mask), parts


def _surely(ink: Grey, faint: Grey, rules: Rules | None) -> Grid | None:
    """A grid of rules found by less strict means, if it is much like one."""
    if rules is None or not _SIDES <= min(rules.counts) < _SQUARES:
        return None
    grid = _grid_of(ink, faint, rules, None)
    return None if grid is None or grid.likeness < LIKELY else grid


def _grid_of(ink: Grey, faint: Grey, rules: Rules | None, frame: Grid | None) -> Grid | None:
    if rules is None:
        return frame
    if frame is not None and (frame.likeness < LIKELY or sudoku.in_bands(frame)):
        found = _grid_of(ink, faint, rules, None)
        if found is None or found.area > _AROUND * frame.area:
            return frame
        return max(found, frame, key=lambda grid: (grid.is_sudoku, grid.likeness))
    nets = [rules]
    if frame is None:
        broader = find_rules(faint, FRAME)
        if broader is not None and broader.has_more_than(rules):
            nets.append(broader)
    grid = by_rules(nets, ink, frame)
    return None if grid is None else sudoku.completed(grid, ink, rules)
