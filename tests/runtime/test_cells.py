"""What reaches over several cells of a grid is cut; what is written in each stays apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.cells import by_cell, parted
from digits_runtime.grid import Grid
from digits_runtime.grid_search import by_frame
from digits_runtime.levels import find_levels
from digits_runtime.paper import find_ink
from digits_runtime.parts import find_parts
from digits_runtime.sudoku import one_each

Mask = NDArray[np.uint8]

SIDE, START = 60, 90


@pytest.fixture(scope="module")
def grid() -> Grid:
    """A sudoku of cells of 60 pixels, its upper left corner at (90, 90)."""
    page = np.full((720, 720), 220, np.uint8)
    for line in range(10):
        at = START + line * SIDE
        cv2.line(page, (at, START), (at, START + 9 * SIDE), (60,), 2)
        cv2.line(page, (START, at), (START + 9 * SIDE, at), (60,), 2)
    inked = find_ink(page, "dark")
    levels = find_levels(inked)
    assert levels is not None
    found = by_frame(inked, levels.faint)
    assert found is not None
    return found


def _mask(*boxes: tuple[float, float, float, float]) -> Mask:
    """What is inked: boxes of left, top, right and bottom, in cells."""
    mask = np.zeros((720, 720), np.uint8)
    for box in boxes:
        left, top, right, bottom = (round(START + SIDE * side) for side in box)
        mask[top:bottom, left:right] = 255
    return mask


def _cells(grid: Grid, mask: Mask) -> list[tuple[int, int]]:
    centres, _ = grid.in_cells(find_parts(mask).boxes)
    return sorted((int(x), int(y)) for x, y in np.floor(centres))


def _parted(grid: Grid, mask: Mask) -> Mask:
    return parted(grid, mask, find_parts(mask))


def test_two_digits_that_touch_across_a_rule_are_cut_there(grid: Grid) -> None:
    mask = _mask((4.2, 3.2, 4.7, 3.8), (5.3, 3.2, 5.8, 3.8), (4.5, 3.5, 5.5, 3.6))
    assert _cells(grid, _parted(grid, mask)) == [(4, 3), (5, 3)]


def test_a_tail_in_the_next_cell_is_no_digit(grid: Grid) -> None:
    mask = _mask((2.2, 2.1, 2.7, 2.9), (2.4, 2.9, 2.5, 3.45))
    assert _cells(grid, _parted(grid, mask)) == [(2, 2)]


def test_what_is_left_of_a_frame_is_nothing_beside_a_digit(grid: Grid) -> None:
    digit = (0.3, 8.2, 0.7, 8.8)
    frame = ((0.1, 8.1, 0.15, 8.95), (0.1, 8.9, 1.9, 8.95), (1.85, 8.1, 1.9, 8.95))
    mask = _parted(grid, _mask(digit, *frame))
    left, top, right, bottom = (round(START + SIDE * side) for side in digit)
    assert mask[top:bottom, left:right].min() == 255
    assert (0, 8) in _cells(grid, mask)
    assert np.count_nonzero(mask[top:bottom, : left - 2]) == 0


def test_what_fits_its_cell_is_not_touched(grid: Grid) -> None:
    mask = _mask((1.2, 1.2, 1.7, 1.8), (4.9, 4.2, 5.5, 4.9))
    np.testing.assert_array_equal(_parted(grid, mask), mask)


def test_glyphs_of_two_cells_are_not_joined_but_a_bar_in_the_cell_above_is(grid: Grid) -> None:
    def boxes(*cells: tuple[float, float, float, float]) -> NDArray[np.int64]:
        return np.array(
            [[START + SIDE * x, START + SIDE * y, SIDE * w, SIDE * h] for x, y, w, h in cells]
        ).astype(np.int64)

    two = boxes((1.3, 1.2, 0.4, 0.7), (1.4, 2.1, 0.2, 0.5))
    assert by_cell(grid, [[0, 1]], two) == [[0], [1]]
    bar = boxes((1.3, 2.1, 0.4, 0.7), (1.4, 1.8, 0.5, 0.1))
    assert by_cell(grid, [[0, 1]], bar) == [[0, 1]]


@pytest.mark.parametrize(
    ("given", "noted", "kept"),
    [
        (20, (0.1, 0.1, 0.25, 0.35), 0),  # a candidate
        (20, (0.4, 0.4, 0.55, 0.65), 1),  # small, in the middle
        (20, (0.1, 0.1, 0.4, 0.6), 1),  # hardly smaller than digits
        (8, (0.1, 0.1, 0.25, 0.35), 1),  # of no sudoku to solve
    ],
)
def test_what_is_noted_small_in_a_sudokus_cells_is_none_of_its_digits(
    grid: Grid, given: int, noted: tuple[float, float, float, float], kept: int
) -> None:
    left, top, right, bottom = noted
    places = [(place % 9, place // 9) for place in range(given)]
    digits = [(x + 0.3, y + 0.2, x + 0.7, y + 0.8) for x, y in places]
    mask = _mask(*digits, (8 + left, 8 + top, 8 + right, 8 + bottom))
    boxes = find_parts(mask).boxes
    cells = by_cell(grid, [[part] for part in range(len(boxes))], boxes)
    told = [[[] for _ in range(9)] for _ in range(9)]
    for group in cells:
        x, y = np.floor(grid.in_cells(boxes[group])[0][0]).astype(int)
        told[y][x].append(list(group))
    left_over = one_each(grid, told, boxes)
    assert sum(len(cell) for row in left_over for cell in row) == given + kept
