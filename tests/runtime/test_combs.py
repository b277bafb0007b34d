"""Forms with a box for each digit: their walls are no ones, and each row is a number."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime import comb_search, combs, levels, paper, parts
from digits_runtime.reader import Reader
from digits_train import synth

Image = NDArray[np.uint8]
PAPER = 220


def _form(
    numbers: list[str],
    *,
    boxes: int = 8,
    side: int = 60,
    apart: int = 0,
    wall: int = 3,
    grey: int = 110,
    reach: float = 0.68,
) -> Image:
    """A page with a row of boxes for each number, a digit in each box from the left on.

    Args:
        numbers: What is written.
        boxes: In each row.
        side: Of a box.
        apart: Pixels between boxes; 0 where they share a wall.
        wall: How thick walls are.
        grey: Of the walls.
        reach: Height of the digits, as a share of a box's.
    """
    rng = np.random.default_rng(3)
    page = np.full((60 + 120 * len(numbers), 60 + boxes * (side + apart)), PAPER, np.uint8)
    cover = np.zeros_like(page)
    for row, number in enumerate(numbers):
        top = 40 + 120 * row
        for place in range(boxes):
            left = 25 + place * (side + apart)
            cv2.rectangle(page, (left, top), (left + side, top + side), grey, wall)
            if number[place : place + 1].strip():
                glyph = synth.glyph(number[place], rng, height=round(reach * side))
                glyph = glyph[:, : side - 8]
                y = top + (side - glyph.shape[0]) // 2
                x = left + (side - glyph.shape[1]) // 2
                part = cover[y : y + glyph.shape[0], x : x + glyph.shape[1]]
                np.maximum(part, glyph, out=part)
    return np.minimum(page, 255 - np.uint8(0.85 * cover.astype(float)))


def _found(page: Image) -> list[combs.Comb]:
    inked = paper.find_ink(page, "dark")
    told = levels.find_levels(inked)
    assert told is not None
    return comb_search.find_combs(told.mask, parts.find_parts(told.mask).holes)


@pytest.mark.parametrize(("apart", "grey"), [(0, 60), (0, 140), (10, 60), (10, 140)])
def test_each_row_of_boxes_is_a_number(reader: Reader, apart: int, grey: int) -> None:
    numbers = ["4086", "27", "935618"]
    page = _form(numbers, apart=apart, grey=grey)
    assert reader.read(page).text.split("\n") == numbers


@pytest.mark.parametrize("turn", [-7, 4, 9])
def test_boxes_may_lie_aslant(reader: Reader, turn: float) -> None:
    page = _form(["40865", "2793"])
    middle = (page.shape[1] / 2, page.shape[0] / 2)
    by = cv2.getRotationMatrix2D(middle, turn, 0.9)
    turned = cv2.warpAffine(page, by, page.shape[::-1], borderValue=(PAPER,))
    assert reader.read(np.asarray(turned, np.uint8)).text.split("\n") == ["40865", "2793"]


def test_all_boxes_are_found_empty_ones_too() -> None:
    found = _found(_form(["40", "935618"]))
    assert sorted(len(comb.cells) for comb in found) == [8, 8]
    assert all(2 <= comb.wall <= 6 for comb in found)


def test_a_box_in_which_a_digit_reaches_from_wall_to_wall_is_one_of_its_row(
    reader: Reader,
) -> None:
    page = _form(["4086"])
    cv2.line(page, (25 + 4 * 60 + 30, 38), (25 + 4 * 60 + 30, 102), 40, 5)
    (comb,) = _found(page)
    assert len(comb.cells) == 8
    assert reader.read(page).text == "40861"


def test_boxes_that_the_border_cuts_are_of_their_row() -> None:
    (comb,) = _found(np.ascontiguousarray(_form(["4086"])[:, 50:]))
    assert len(comb.cells) == 8


def test_a_form_that_is_not_filled_in_holds_no_number(reader: Reader) -> None:
    assert reader.read(_form(["", "", ""])).text == ""


def test_an_empty_box_parts_two_numbers(reader: Reader) -> None:
    assert reader.read(_form(["12 34"])).text.split("\n") == ["12", "34"]


def test_loops_are_no_boxes() -> None:
    page = np.full((200, 600), PAPER, np.uint8)
    for place in range(7):
        cv2.ellipse(page, (60 + 62 * place, 100), (28, 45), 0, 0, 360, (40,), 6)
    assert _found(page) == []


def test_squared_paper_is_no_form() -> None:
    page = np.full((480, 640), PAPER, np.uint8)
    for at in range(20, 640, 40):
        cv2.line(page, (at, 0), (at, 480), 120, 2)
        cv2.line(page, (0, at), (640, at), 120, 2)
    assert _found(page) == []


def test_walls_go_and_strokes_across_them_stay() -> None:
    page = _form([""])
    cv2.line(page, (60, 20), (70, 120), 40, 6)
    inked = paper.find_ink(page, "dark")
    told = levels.find_levels(inked)
    assert told is not None
    found = comb_search.find_combs(told.mask, parts.find_parts(told.mask).holes)
    left = combs.without_walls(inked, told.mask, found)
    (outline, *others) = parts.find_parts(np.asarray((left > 60) * 255, np.uint8)).boxes.tolist()
    assert others == []
    assert outline[3] >= 95


def test_boxes_that_hold_numbers_are_lines_of_their_own(reader: Reader) -> None:
    rng = np.random.default_rng(4)
    page = np.full((240, 560), PAPER, np.uint8)
    cover = np.zeros_like(page)
    for left, number in ((30, "375"), (270, "978")):
        cv2.rectangle(page, (left, 70), (left + 210, 160), 60, 3)
        x = left + 22
        for digit in number:
            glyph = synth.glyph(digit, rng, height=52)
            cover[90 : 90 + glyph.shape[0], x : x + glyph.shape[1]] = glyph
            x += glyph.shape[1] + 14
    frame = np.minimum(page, 255 - np.uint8(0.85 * cover.astype(float)))
    assert reader.read(frame).text.split("\n") == ["375", "978"]


@pytest.mark.parametrize("wide", [20, 80])
def test_a_box_twice_or_half_as_wide_as_its_neighbour_makes_no_fault(
    reader: Reader, wide: int
) -> None:
    page = np.full((300, 400), 235, np.uint8)
    cv2.rectangle(page, (100, 100), (140, 150), 40, 1)
    cv2.rectangle(page, (140, 100), (140 + wide, 150), 40, 1)
    assert reader.read(page).text == ""


def _seconds(reader: Reader, rows: int) -> float:
    page = np.full((960, 1280), PAPER, np.uint8)
    for row in range(rows):
        for column in range(16):
            x, y = 30 + 78 * column, 30 + 76 * row
            cv2.rectangle(page, (x, y), (x + 56, y + 50), 60, 2)
            cv2.line(page, (x + 28, y + 10), (x + 26, y + 40), 30, 4)
    started = time.process_time()
    reader.read(page)
    return time.process_time() - started


def test_four_times_as_many_boxes_take_hardly_more_than_four_times_as_long(
    reader: Reader,
) -> None:
    _seconds(reader, 1)
    few = min(_seconds(reader, 3) for _ in range(3))
    assert min(_seconds(reader, 12) for _ in range(3)) < 10 * few
