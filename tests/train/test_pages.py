from __future__ import annotations

import numpy as np
import pytest

from digits_train import grids, pages


@pytest.mark.parametrize("level", range(1, 6))
def test_a_page_says_what_is_written_in_it_and_where(level: int) -> None:
    for seed in range(3):
        scene = pages.page(level, seed)
        assert scene.frame.dtype == np.uint8
        assert scene.frame.shape == (480, 640, 3)
        assert scene.text
        for x, y, w, h in (glyph.box for line in scene.lines for glyph in line):
            assert 0 < x < x + w < 640
            assert 0 < y < y + h < 480
            assert h >= 12


def test_the_glyphs_of_a_page_are_where_its_truth_says() -> None:
    scene = pages.page(1, 5)
    darkest = scene.frame.min(axis=2)
    for x, y, w, h in (glyph.box for line in scene.lines for glyph in line):
        assert darkest[y : y + h, x : x + w].min() < 0.75 * np.median(darkest)


@pytest.mark.parametrize("seed", range(5))
def test_an_empty_page_has_no_digit(seed: int) -> None:
    scene = pages.empty(seed)
    assert scene.frame.shape == (480, 640, 3)
    assert scene.lines == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_grid_says_what_is_in_each_cell(seed: int) -> None:
    scene = grids.grid(seed)
    assert len({len(row) for row in scene.grid}) == 1
    filled = [row.replace("0", "") for row in scene.grid]
    assert ["".join(glyph.label for glyph in line) for line in scene.lines] == filled
    height, width = scene.frame.shape[:2]
    for x, y, w, h in (glyph.box for line in scene.lines for glyph in line):
        assert 0 < x < x + w < width
        assert 0 < y < y + h < height


def test_equal_seeds_give_equal_pages() -> None:
    for make in (lambda seed: pages.page(4, seed), pages.empty, grids.grid):
        one, same, other = (make(seed) for seed in (1, 1, 2))
        assert one.lines == same.lines
        assert np.array_equal(one.frame, same.frame)
        assert not np.array_equal(one.frame, other.frame)
