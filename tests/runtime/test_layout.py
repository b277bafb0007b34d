"""Which parts are one glyph, by where they lie alone."""

from __future__ import annotations

import numpy as np
import pytest

from digits_runtime.layout import join, lines_of

# Of an 8 between a 2 and a 9, its loops apart: x, y, width, height.
_BESIDE = [(263, 308, 69, 88), (441, 314, 68, 89)]
_LOOPS = [(370, 308, 35, 34), (371, 342, 40, 55)]


def _joined(boxes: list[tuple[int, int, int, int]]) -> list[list[int]]:
    found = np.array(boxes, np.int64)
    return join(found, found[:, 2:].prod(axis=1))


def test_the_loops_of_an_eight_join_beside_glyphs_as_high_as_both() -> None:
    assert _joined([*_BESIDE, *_LOOPS]) == [[0], [1], [2, 3]]


@pytest.mark.parametrize("apart", [0, 6])
def test_digits_of_two_lines_stay_two_however_close_the_lines(apart: int) -> None:
    rows = [(x, y, 35, 45) for y in (100, 145 + apart) for x in (100, 160, 220)]
    assert _joined(rows) == [[index] for index in range(6)]


def test_one_upon_the_other_without_neighbours_stay_two() -> None:
    assert _joined(_LOOPS) == [[0], [1]]


def test_loops_well_apart_stay_two() -> None:
    upper, (x, y, width, height) = _LOOPS
    assert _joined([*_BESIDE, upper, (x, y + 12, width, height - 12)]) == [[0], [1], [2], [3]]


def test_what_is_left_of_a_rule_joins_one_digit_at_most() -> None:
    digits = [(100, 100, 30, 40), (136, 100, 30, 40), (118, 146, 30, 40)]
    left_of_rule = (122, 141, 22, 4)
    assert len(_joined([*digits, left_of_rule])) == 3


def test_a_shadows_edge_takes_no_digit_beside_it_for_its_bar() -> None:
    digits = [(x, y, 30, 40) for y in (100, 160) for x in (100, 140, 180, 220)]
    edge = (90, 60, 300, 320)  # aslant across the page, so that its box holds the digits
    areas = np.array([300] * 8 + [2500])
    assert join(np.array([*digits, edge]), areas) == [[index] for index in range(9)]


def test_a_large_digit_beside_small_ones_keeps_its_bar() -> None:
    small = [(x, 400, 20, 30) for x in (100, 130, 160, 190, 220, 250)]
    assert _joined([*small, (100, 60, 180, 260), (180, 50, 120, 24)])[6:] == [[6, 7]]


def test_digits_far_apart_on_one_level_are_two_numbers() -> None:
    near, far = ([(100, 100, 30, 40), (130 + gap, 100, 30, 40)] for gap in (60, 80))
    assert lines_of(np.array(near, np.int64))[0] == [[0, 1]]
    assert len(lines_of(np.array(far, np.int64))[0]) == 2


def test_digits_that_lean_over_each_other_are_one_number() -> None:
    # A 5 with a long bar, under which a slim 3 begins.
    beside = [(321, 110, 45, 35), (356, 120, 19, 36)]
    assert lines_of(np.array(beside, np.int64))[0] == [[0, 1]]
    upon = [(321, 110, 45, 35), (346, 120, 19, 36)]
    assert len(lines_of(np.array(upon, np.int64))[0]) == 2


def test_slim_digits_of_a_steep_line_are_one_number() -> None:
    # Of a line that falls by a third the boxes lie half above one another.
    long = [(200 + 30 * place, 100 + 10 * place, 22, 26) for place in range(5)]
    slim = [(100 + 9 * place, 300 + 3 * place, 22, 26) for place in range(3)]
    lines, slope = lines_of(np.array([*long, *slim], np.int64))
    assert slope == pytest.approx(1 / 3, abs=0.02)
    assert sorted(map(len, lines)) == [3, 5]
    level = [(200 + 30 * place, 100, 22, 26) for place in range(5)]
    flat = [(100 + 9 * place, 300, 22, 26) for place in range(3)]
    assert max(map(len, lines_of(np.array([*level, *flat], np.int64))[0])) == 5


def test_digits_evenly_far_apart_are_one_number() -> None:
    row = [(100 + 110 * place, 100, 30, 40) for place in range(6)]
    assert lines_of(np.array(row, np.int64))[0] == [list(range(6))]
    lone = [*row[:3], (row[2][0] + 38, 100, 30, 40)]
    assert lines_of(np.array(lone, np.int64))[0] == [[0], [1], [2, 3]]
