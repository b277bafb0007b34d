"""What is known of a grid that is a sudoku: nine by nine cells in nine boxes, a digit in each."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.grid import LIKELY, LOWEST, SUDOKU, Grid, of_rules, within
from digits_runtime.grid_outline import around_all
from digits_runtime.ink import Grey
from digits_runtime.layout import Boxes
from digits_runtime.ranks import median
from digits_runtime.rules import Rules

# Cells along a side of a box, and boxes along a side of a sudoku.
_BOX = 3
# Of a sudoku so many rows and columns at least are found.
_PART = 6
# Of so many digits or more at most this share lies across the rules of cells too faint to be found,
# by so much of a cell, and in each third of a box there is so much of them.
_FEW, _ACROSS, _OVER, _IN_A_THIRD = 12, 0.1, 0.15, 0.15
# This share of the filled cells may seem to hold several glyphs.
_SEVERAL = 0.1
# A candidate noted in a cell is lower than this share of the digits, of which there are so many at
# least, and so much of a cell off its middle.
_LOW, _GIVEN, _OFF = 0.5, 17, 0.25

# Rows of cells of glyphs of indexes into boxes.
Cells = list[list[list[list[int]]]]


def completed(grid: Grid, ink: Grey, rules: Rules) -> Grid:
    """The sudoku of which a grid is a part, where its other rules are broken or hardly to be seen.

    Args:
        grid: Any.
        ink: uint8 `[h, w]`, the page.
        rules: Those found on it.

    Returns:
        The sudoku; the same grid if it is none, or a whole one.
    """
    side = SUDOKU[0]
    rows, columns = grid.shape
    if grid.shape == SUDOKU or max(grid.shape) > side:
        return grid
    blocks = []
    if min(grid.shape) >= _PART:
        blocks = [
            grid.corners((-left, -top), (side - left, side - top))
            for left, top in product(range(side - columns + 1), range(side - rows + 1))
        ]
    if (outline := around_all(rules.level, rules.upright)) is not None:
        blocks.append((outline * rules.step).astype(np.float32))
    whole, most = grid, -1.0
    for outline in blocks:
        if _reaches_beyond(outline, ink.shape):
            continue
        found = within(outline, ink)
        if found is None or not found.is_sudoku or found.likeness < LIKELY:
            continue
        # Of several the one with most ink: the edge of a sheet may be where a rule would be.
        block = np.zeros_like(ink)
        cv2.fillConvexPoly(block, np.rint(outline).astype(np.int32), 255)
        inked = cv2.mean(ink, block)[0]
        if inked > most:
            whole, most = found, inked
    return whole


def _reaches_beyond(outline: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
    """Whether half a cell or more at a sudoku's corner is not on the page, so that no rule is."""
    aside = np.sqrt(cv2.contourArea(outline)) / SUDOKU[0] / 2
    return bool((outline < -aside).any() or (outline > shape[::-1] + aside).any())


def in_bands(grid: Grid) -> bool:
    """Whether a grid may be a sudoku of which only rules between its boxes were found, one way."""
    return set(grid.shape) in ({_BOX}, {_BOX, SUDOKU[0]})


def in_boxes(grid: Grid, boxes: Boxes) -> Grid:
    """Part a sudoku of which only the rules between its boxes were found, by what is written.

    Every digit of one lies in a third of its box, across and down, and in all thirds some do.

    Args:
        grid: Any.
        boxes: int64 `[n, 4]`, what is written, without the rules found.

    Returns:
        The grid of nine by nine cells; the same one where nothing says that it is one.
    """
    if not in_bands(grid):
        return grid
    centres, sizes = grid.in_cells(boxes)
    finer = np.array(SUDOKU) / grid.shape[::-1]
    centres, sizes = centres * finer, sizes * finer
    inside = ((centres > 0) & (centres < SUDOKU)).all(axis=1)
    written = inside & (sizes[:, 1] >= LOWEST) & ~of_rules(centres, sizes)
    centres, sizes = centres[written], sizes[written]
    if len(centres) < _FEW:
        return grid
    across = (np.abs(centres % 1 - 0.5) + sizes / 2 > 0.5 + _OVER).mean(axis=0)
    thirds = np.floor(centres % _BOX).astype(int)
    least = min(np.bincount(axis, minlength=_BOX).min() for axis in thirds.T) / len(centres)
    if across.max() > _ACROSS or least < _IN_A_THIRD:
        return grid
    columns, rows = (
        _in_thirds(lines) if len(lines) == _BOX + 1 else lines for lines in (grid.across, grid.down)
    )
    return replace(grid, across=columns, down=rows)


def one_each(grid: Grid, cells: Cells, boxes: Boxes) -> Cells:
    """The glyphs of a sudoku's cells, the one in the middle of each, if nearly all hold one.

    Small candidates noted beside a cell's middle are none. Beside a glyph is what a rule or a slip
    of the pen has left. Of other tables all glyphs are kept.

    Args:
        grid: Any.
        cells: Its glyphs.
        boxes: int64 `[n, 4]`.
    """
    if grid.shape != SUDOKU:
        return cells
    cells = _without_candidates(grid, cells, boxes)
    filled = [cell for row in cells for cell in row if cell]
    if sum(len(cell) > 1 for cell in filled) > _SEVERAL * len(filled):
        return cells
    aside = np.abs(grid.in_cells(boxes)[0][:, 0] % 1 - 0.5)

    def off(glyph: list[int]) -> float:
        return float(aside[glyph].min())

    return [[[min(cell, key=off)] if cell else [] for cell in row] for row in cells]


def _without_candidates(grid: Grid, cells: Cells, boxes: Boxes) -> Cells:
    """The glyphs of a sudoku's cells without what is noted small beside their middles."""
    filled = [cell for row in cells for cell in row if cell]
    if len(filled) < _GIVEN:
        return cells
    centres, sizes = grid.in_cells(boxes)
    low, high = centres - sizes / 2, centres + sizes / 2

    def tall(glyph: list[int]) -> float:
        return float(high[glyph, 1].max() - low[glyph, 1].min())

    highest = sorted((max(map(tall, cell)) for cell in filled), reverse=True)
    least = _LOW * median(highest[:_GIVEN])

    def noted(glyph: list[int]) -> bool:
        middle = (low[glyph].min(axis=0) + high[glyph].max(axis=0)) / 2
        return tall(glyph) < least and bool((np.abs(middle % 1 - 0.5) > _OFF).any())

    return [[[glyph for glyph in cell if not noted(glyph)] for cell in row] for row in cells]


def _in_thirds(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lines `[n, bands]` and two more between each two."""
    shares = np.arange(_BOX)[None, :, None] / _BOX
    between = lines[:-1, None] + shares * np.diff(lines, axis=0)[:, None]
    return np.concatenate((between.reshape(-1, lines.shape[1]), lines[-1:]))
