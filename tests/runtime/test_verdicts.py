"""What a model says of all candidates of a page tells of the page."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime import verdicts
from digits_runtime.page import Candidate, Page, with_more
from digits_runtime.session import BUNDLED, Session

CONTRACT = Session(BUNDLED).contract


def _rows(*named: tuple[int, float]) -> NDArray[np.float32]:
    rows = np.zeros((len(named), 11), np.float32)
    for row, (label, probability) in zip(rows, named, strict=True):
        row[label], row[10] = probability, 1 - probability
    return rows


def _candidate(x: int, height: int = 40) -> Candidate:
    return Candidate((x, 100, 20, height), np.full((height, 20), 200, np.uint8), cut=False)


def test_a_page_is_in_doubt_where_some_names_are_sure_and_some_are_not() -> None:
    sure, not_sure = (3, 0.999), (3, 0.4)
    assert verdicts.in_doubt(_rows(sure, not_sure), CONTRACT)
    assert not verdicts.in_doubt(_rows(sure, sure), CONTRACT)
    assert not verdicts.in_doubt(_rows(not_sure, not_sure), CONTRACT)


def test_a_page_is_in_doubt_where_little_is_found_and_one_is_rather_a_glyph() -> None:
    rather, hardly = (3, 0.6), (3, 0.4)
    assert verdicts.in_doubt(_rows(rather, hardly), CONTRACT)
    assert verdicts.in_doubt(_rows(rather, *[hardly] * 11), CONTRACT)
    assert not verdicts.in_doubt(_rows(rather, *[hardly] * 12), CONTRACT)
    assert not verdicts.in_doubt(_rows(), CONTRACT)


def test_a_page_of_lone_glyphs_is_hesitant_where_one_is_not_certain() -> None:
    certain, hardly, doubtful = (3, 0.999), (3, 0.95), (3, 0.6)
    lone = [[_candidate(0)], [_candidate(100)]]
    assert verdicts.hesitant(lone, _rows(certain, hardly), CONTRACT)
    assert not verdicts.hesitant(lone, _rows(certain, certain), CONTRACT)
    # A doubt alone makes the page one in doubt; beside a number a lone glyph needs less.
    assert not verdicts.hesitant(lone, _rows(certain, doubtful), CONTRACT)
    number = [[_candidate(0), _candidate(30)], [_candidate(100)]]
    assert not verdicts.hesitant(number, _rows(certain, certain, hardly), CONTRACT)
    many = [[_candidate(30 * place)] for place in range(13)]
    assert not verdicts.hesitant(many, _rows(*[hardly] * 13), CONTRACT)


@pytest.mark.parametrize(("digits", "filled"), [(2, False), (5, True)])
def test_cells_full_of_strokes_and_doubts_are_squared_paper(digits: int, filled: bool) -> None:
    rows = np.full((10, 11), 0.0, np.float32)
    rows[:digits, 8] = rows[digits:8, 1] = 1
    rows[8:, (3, 5)] = 0.5
    assert verdicts.filled_in(rows, CONTRACT) == filled


@pytest.mark.parametrize(("doubts", "filled"), [(3, True), (4, False)])
def test_cells_full_of_digits_and_doubts_are_squared_paper(doubts: int, filled: bool) -> None:
    rows = np.zeros((10, 11), np.float32)
    rows[doubts:, 8] = 1
    rows[:doubts, (3, 5)] = 0.5
    assert verdicts.filled_in(rows, CONTRACT) == filled


def test_only_certain_glyphs_as_high_as_those_left_are_lost() -> None:
    left = [_candidate(100), _candidate(200)]
    before = [_candidate(x) for x in (0, 30, 60)] + [_candidate(130, height=15), _candidate(105)]
    rows = _rows((6, 0.999), (6, 0.93), (1, 1.0), (8, 1.0), (5, 1.0))
    lost = verdicts.lost(before, rows, left, _rows((3, 0.999), (7, 0.999)), CONTRACT)
    # Neither a doubt, nor a stroke, a bit, or what is there already.
    assert lost == before[:1]


def test_a_glyph_with_a_sure_name_between_those_left_was_lost_too() -> None:
    left = [_candidate(100), _candidate(160)]
    before = [_candidate(x) for x in (55, 130, 260)]
    rows = _rows((4, 0.93), (4, 0.93), (4, 0.93))
    lost = verdicts.lost(before, rows, left, _rows((3, 0.999), (7, 0.999)), CONTRACT)
    # The first is 25 pixels off, more than 0.6 of their height.
    assert lost == before[1:2]


def test_a_glyph_of_which_strokes_went_with_the_texture_takes_the_place_of_what_is_left() -> None:
    whole = _candidate(150)
    part = Candidate((152, 105, 14, 33), np.full((33, 14), 200, np.uint8), cut=False)
    left = [_candidate(100), part, _candidate(200)]
    unsure = _rows((3, 0.999), (2, 0.4), (7, 0.999))
    rows = _rows((8, 1.0))
    assert verdicts.lost([whole], rows, left, unsure, CONTRACT) == [whole]
    (line,) = with_more(Page([left]), [whole]).lines
    assert [one.box for one in line] == [left[0].box, whole.box, left[2].box]
    # What has a name without those strokes is that.
    named = _rows((3, 0.999), (2, 0.95), (7, 0.999))
    assert verdicts.lost([whole], rows, left, named, CONTRACT) == []


def test_what_holds_a_glyph_put_back_and_has_no_name_goes() -> None:
    around = Candidate((140, 100, 40, 40), np.full((40, 40), 200, np.uint8), cut=False)
    page = Page([[_candidate(100), around, _candidate(200)]])
    (line,) = with_more(page, [_candidate(150)]).lines
    assert [one.box[0] for one in line] == [100, 150, 200]


def test_what_was_lost_stands_in_its_line_again() -> None:
    page = Page([[_candidate(100), _candidate(200)]])
    (line,) = with_more(page, [_candidate(150)]).lines
    assert [one.box[0] for one in line] == [100, 150, 200]
    assert with_more(page, []) is page
