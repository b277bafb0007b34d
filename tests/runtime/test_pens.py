"""What stands at the end of a number: of its pen, or litter."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.page import Candidate
from digits_runtime.pens import goes_on, of_one_pen, without_faint_ends
from digits_runtime.reader import Reader
from digits_train import pages


def _stroke(strength: int, width: int) -> NDArray[np.uint8]:
    ink = np.zeros((50, 30), np.uint8)
    cv2.line(ink, (15, 5), (15, 45), (strength,), width)
    return ink


@pytest.mark.parametrize(
    ("strength", "width", "fits"),
    [(120, 5, True), (100, 7, True), (60, 5, False), (120, 13, False)],
)
def test_what_the_border_cuts_is_of_a_number_if_it_is_of_its_pen(
    strength: int, width: int, fits: bool
) -> None:
    fellows = [_stroke(120, 5), _stroke(130, 5), _stroke(110, 7)]
    assert of_one_pen(_stroke(strength, width), fellows) == fits


def _candidate(left: int, width: int, height: int, strength: int, pen: int) -> Candidate:
    ink = np.zeros((height, width), np.uint8)
    cv2.ellipse(ink, (width // 2, height // 2), (width // 3, height // 3), 0, 0, 360, strength, pen)
    return Candidate((left, 100, width, height), ink, cut=False)


_NUMBER = [_candidate(100, 30, 40, 120, 4), _candidate(140, 30, 40, 130, 4)]


@pytest.mark.parametrize("left", [58, 175])
def test_touching_glyphs_at_either_end_of_a_number_are_of_it(left: int) -> None:
    last = _NUMBER[0 if left < 100 else 1]
    assert goes_on(_candidate(left, 40, 42, 125, 4), last, _NUMBER)


@pytest.mark.parametrize(
    "beside",
    [
        _candidate(220, 40, 42, 125, 4),  # far off
        _candidate(175, 40, 42, 60, 4),  # faint, as show-through is
        _candidate(175, 40, 42, 255, 4),  # far stronger
        _candidate(175, 20, 22, 125, 4),  # small
        _candidate(175, 100, 42, 125, 4),  # a dash
        _candidate(175, 40, 42, 125, 16),  # a blot
    ],
    ids=["far", "faint", "strong", "small", "long", "broad"],
)
def test_litter_beside_a_number_is_not_of_it(beside: Candidate) -> None:
    assert not goes_on(beside, _NUMBER[1], _NUMBER)


def test_touching_digits_at_a_numbers_end_are_not_left_out() -> None:
    text = Reader().read(pages.page(3, 73068).frame).text.split("\n")
    assert {"029406", "0294?"} & set(text)


@pytest.mark.parametrize(
    ("gap", "strength", "stroke", "kept"),
    [
        (60, 70, True, 2),
        (60, 70, False, 3),
        (10, 70, True, 3),
        (10, 40, True, 2),
        (60, 90, True, 3),
    ],
)
def test_a_faint_stroke_far_off_is_none_of_a_number(
    gap: int, strength: int, stroke: bool, kept: int
) -> None:
    end = _candidate(170 + gap, 30, 40, strength, 4)
    strokes = [False, False, stroke]
    strengths = [120, 130, strength]
    written = without_faint_ends([*_NUMBER, end], strengths, strokes, slice(0, 3))
    assert written == slice(0, kept)
    start = _candidate(70 - gap, 30, 40, strength, 4)
    line = [start, *_NUMBER]
    written = without_faint_ends(line, strengths[::-1], strokes[::-1], slice(0, 3))
    assert written == slice(3 - kept, 3)
