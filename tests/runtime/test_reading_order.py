"""Numbers are read row by row, each from left to right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.reading import Box
from digits_runtime.reading_order import in_order


def _number(x: float, y: float, glyphs: int = 3, tall: int = 40, slope: float = 0.0) -> list[Box]:
    return [
        (round(x + 30 * place), round(y + slope * (x + 30 * place)), 24, tall)
        for place in range(glyphs)
    ]


def test_of_numbers_in_one_row_the_left_one_is_first_though_it_stands_lower() -> None:
    rows = [_number(300, 100), _number(20, 112), _number(20, 200), _number(300, 192)]
    assert in_order(rows) == [1, 0, 2, 3]


def test_numbers_one_below_the_other_are_rows_though_they_stand_close() -> None:
    assert in_order([_number(60, 150), _number(20, 100), _number(200, 125)]) == [1, 2, 0]


@pytest.mark.parametrize("slope", [-0.3, -0.1, 0.1, 0.3])
def test_rows_may_slope(slope: float) -> None:
    rows = [_number(400 * column, 90 * row, slope=slope) for row in range(3) for column in range(2)]
    assert in_order(rows) == list(range(6))


@pytest.mark.parametrize("slope", [-0.3, -0.1, 0.1, 0.3])
def test_rows_of_lone_glyphs_may_slope(slope: float) -> None:
    rows = [_number(200 * column, 160 * row, 1, slope=slope) for row in (0, 1) for column in (0, 1)]
    assert in_order(rows) == list(range(4))


def test_a_low_number_beside_a_tall_one_is_in_its_row() -> None:
    assert in_order([_number(200, 90, tall=80), _number(20, 130, tall=30)]) == [1, 0]


def _lists(*shifts: int, rows: int = 4) -> list[list[Box]]:
    """Columns of numbers, each so much lower than the first."""
    return [
        _number(250 * column, 100 * row + shift)
        for column, shift in enumerate(shifts)
        for row in range(rows)
    ]


def test_columns_that_share_no_rows_are_read_one_after_the_other() -> None:
    assert in_order(_lists(0, 50)) == list(range(8))
    assert in_order(_lists(0, 50, 10)) == list(range(12))


def test_what_stands_above_the_columns_is_read_first() -> None:
    assert in_order([*_lists(0, 50), _number(60, -80, glyphs=6)]) == [8, *range(8)]


def test_columns_of_few_are_rows_whatever_their_heights() -> None:
    assert in_order(_lists(0, 50, rows=2)) == [0, 2, 1, 3]


def test_columns_most_of_whose_rows_agree_are_rows() -> None:
    one = [_number(0, 100 * row) for row in range(5)]
    other = [_number(250, y) for y in (-45, 60, 220, 310, 390)]
    assert in_order(one + other) == [5, 0, 6, 1, 2, 7, 3, 8, 4, 9]


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000), st.integers(1, 6)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_each_is_read_once_whatever_the_order_they_were_found_in(
    places: list[tuple[int, int, int]], rng: object
) -> None:
    lines = [_number(x, y, glyphs) for x, y, glyphs in dict.fromkeys(places)]
    assert sorted(in_order(lines)) == list(range(len(lines)))


@given(st.permutations(range(12)))
def test_a_page_of_rows_and_columns_is_read_alike_however_it_was_found(found: list[int]) -> None:
    rng = np.random.default_rng(1)
    lines = [
        _number(250 * column + int(rng.integers(-20, 20)), 100 * row + int(rng.integers(-9, 9)))
        for row in range(4)
        for column in range(3)
    ]
    told = [found[index] for index in in_order([lines[place] for place in found])]
    assert told == list(range(12))
