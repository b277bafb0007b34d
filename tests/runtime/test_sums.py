"""Terms of a sum are numbers of their own; hyphens of a telephone's number part nothing."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.page import Candidate
from digits_runtime.session import BUNDLED, Session
from digits_runtime.sums import terms_apart

CONTRACT = Session(BUNDLED).contract


def _row(label: int, probability: float, none: float = 0.0) -> NDArray[np.float32]:
    row = np.full(11, (1 - probability - none) / 9, np.float32)
    row[label], row[10] = probability, none
    return row


NONE = _row(0, 0.001, none=0.99)


def _digit(x: int) -> tuple[Candidate, NDArray[np.float32]]:
    ink = np.zeros((60, 40), np.uint8)
    cv2.ellipse(ink, (20, 30), (15, 26), 0, 0, 360, (200,), 4)
    return Candidate((x, 100, 40, 60), ink, cut=False), _row(0, 0.999)


def _drawn(
    x: int, y: int, width: int, height: int, bars: list[tuple[int, int, int, int]]
) -> Candidate:
    ink = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in bars:
        cv2.rectangle(ink, (left, top), (right - 1, bottom - 1), (200,), -1)
    return Candidate((x, y, width, height), ink, cut=False)


def _bar(x: int, y: int = 128) -> tuple[Candidate, NDArray[np.float32]]:
    return _drawn(x, y, 26, 6, [(0, 0, 26, 6)]), NONE


def _plus(x: int) -> tuple[Candidate, NDArray[np.float32]]:
    return _drawn(x, 116, 28, 28, [(0, 12, 28, 16), (12, 0, 16, 28)]), NONE


def _equals(x: int) -> tuple[Candidate, NDArray[np.float32]]:
    return _drawn(x, 120, 28, 20, [(0, 0, 28, 5), (0, 15, 28, 20)]), _row(2, 0.3, none=0.5)


def _terms(*lines: list[tuple[Candidate, NDArray[np.float32]]]) -> list[list[int]]:
    """Of each line how many glyphs its parts hold."""
    whole = [([one for one, _ in line], [row for _, row in line]) for line in lines]
    return [[len(part) for part, _ in parts] for parts in terms_apart(whole, CONTRACT)]


def test_a_plus_parts_what_it_stands_between_whichever_line_it_was_found_in() -> None:
    assert _terms([_digit(0), _digit(50), _plus(100), _digit(140)]) == [[2, 1]]
    assert _terms([_digit(0), _digit(50), _digit(140)], [_plus(100)])[0] == [2, 1]


def test_an_equals_sign_parts_in_one_piece_or_two() -> None:
    assert _terms([_digit(0), _digit(100)], [_equals(55)])[0] == [1, 1]
    assert _terms([_digit(0), _digit(100)], [_bar(55, 120)], [_bar(56, 136)])[0] == [1, 1]


def test_signs_that_might_be_glyphs_part_unless_they_have_a_name() -> None:
    """Of a broad pen a plus looks like a 4, and the bars of an equals sign touch."""
    plus, named = (_plus(60)[0], _row(4, 0.6, none=0.4)), (_plus(60)[0], _row(4, 0.95))
    assert _terms([_digit(0), plus, _digit(100)]) == [[1, 1]]
    assert _terms([_digit(0), named, _digit(100)]) == [[3]]
    bars = [(0, 0, 28, 9), (3, 9, 22, 11), (0, 11, 28, 20)]
    broad = _drawn(60, 120, 28, 20, bars), NONE
    block = _drawn(60, 120, 28, 20, [(0, 0, 28, 20)]), NONE
    assert _terms([_digit(0), broad, _digit(100)]) == [[1, 1]]
    assert _terms([_digit(0), block, _digit(100)]) == [[3]]


def test_a_bar_parts_in_a_sum_alone() -> None:
    assert _terms([_digit(0), _digit(100), _digit(150)], [_bar(55)])[0] == [3]
    assert _terms([_digit(0), _digit(100), _digit(200)], [_bar(55)], [_equals(155)])[0] == [1, 1, 1]
    # The result may be a line of its own.
    assert _terms([_digit(0), _digit(100)], [_bar(55)], [_equals(155)], [_digit(260)])[0] == [1, 1]


def test_what_is_not_between_glyphs_or_far_too_large_parts_nothing() -> None:
    assert _terms([_digit(0), _digit(100)], [_equals(240)])[0] == [2]
    broad = _drawn(30, 60, 120, 120, [(0, 50, 120, 70), (50, 0, 70, 120)]), NONE
    assert _terms([_digit(0), _digit(150)], [broad])[0] == [2]
    above = _drawn(55, 60, 28, 28, [(0, 12, 28, 16), (12, 0, 16, 28)]), NONE
    assert _terms([_digit(0), _digit(100)], [above])[0] == [2]


def test_a_four_is_no_plus_and_a_candidate_without_ink_no_sign() -> None:
    four = _drawn(100, 100, 40, 60, [(0, 30, 40, 36), (28, 0, 34, 60), (0, 0, 6, 36)]), NONE
    assert _terms([_digit(0), four, _digit(150)]) == [[3]]
    empty = Candidate((55, 120, 28, 28), np.zeros((28, 28), np.uint8), cut=False), NONE
    assert _terms([_digit(0), empty, _digit(100)]) == [[3]]
