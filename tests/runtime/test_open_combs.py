"""Forms whose boxes are open above: a line, ticks between digits, walls at its ends."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime import levels, paper, parts
from digits_runtime.combs import Comb
from digits_runtime.open_combs import find_open_combs
from digits_runtime.reader import Reader
from digits_train import synth

Image = NDArray[np.uint8]
PAPER = 220


def _form(
    numbers: list[str], *, boxes: int = 8, side: int = 60, tick: float = 0.4, end: float = 1.0
) -> Image:
    """A page with a comb for each number; ticks and the walls at its ends as shares of a box."""
    rng = np.random.default_rng(4)
    page = np.full((60 + 120 * len(numbers), 80 + boxes * side), PAPER, np.uint8)
    for row, number in enumerate(numbers):
        bottom = 40 + 120 * row + side
        cv2.line(page, (30, bottom), (30 + boxes * side, bottom), (110,), 3)
        for place in range(boxes + 1):
            high = end if place in (0, boxes) else tick
            x = 30 + place * side
            cv2.line(page, (x, bottom), (x, bottom - round(high * side)), (110,), 3)
        for place, digit in enumerate(number):
            glyph = synth.glyph(digit, rng, height=round(0.65 * side))[:, : side - 10]
            y = bottom - side // 6 - len(glyph)
            x = 30 + place * side + (side - glyph.shape[1]) // 2
            part = page[y : y + len(glyph), x : x + glyph.shape[1]]
            part[:] = np.minimum(part, 255 - np.uint8(0.85 * glyph.astype(float)))
    return page


def _found(page: Image) -> list[Comb]:
    told = levels.find_levels(paper.find_ink(page, "dark"))
    assert told is not None
    return find_open_combs(told.mask, parts.find_parts(told.mask).boxes)


@pytest.mark.parametrize(("tick", "end"), [(0.25, 1.0), (0.45, 1.0), (0.45, 0.45)])
def test_each_comb_is_a_number(reader: Reader, tick: float, end: float) -> None:
    numbers = ["40869351", "27", "935618"]
    assert reader.read(_form(numbers, tick=tick, end=end)).text.split("\n") == numbers


@pytest.mark.parametrize("turn", [-4, 3])
def test_a_comb_may_lie_aslant(reader: Reader, turn: float) -> None:
    page = _form(["408653", "2793"])
    middle = (page.shape[1] / 2, page.shape[0] / 2)
    by = cv2.getRotationMatrix2D(middle, turn, 0.9)
    page = np.asarray(cv2.warpAffine(page, by, page.shape[::-1], borderValue=(PAPER,)), np.uint8)
    assert reader.read(page).text.split("\n") == ["408653", "2793"]


def test_boxes_ticks_and_walls_are_where_they_were_drawn() -> None:
    (comb,) = _found(_form([""], boxes=6, tick=0.4))
    assert len(comb.cells) == 6
    assert comb.tick == pytest.approx(0.4 * 60, abs=4)
    lower_left = comb.cells[:, 3]
    assert np.abs(lower_left[:, 0] - 30 - 60 * np.arange(6)).max() < 2.5
    assert np.abs(lower_left[:, 1] - 100).max() < 4


def test_an_underlined_number_is_in_no_comb(reader: Reader) -> None:
    page = np.full((200, 500), PAPER, np.uint8)
    rng = np.random.default_rng(2)
    for place, digit in enumerate("28403"):
        glyph = synth.glyph(digit, rng, height=60)
        x = 60 + 70 * place
        part = page[60 : 60 + len(glyph), x : x + glyph.shape[1]]
        part[:] = np.minimum(part, 255 - np.uint8(0.85 * glyph.astype(float)))
    cv2.line(page, (40, 135), (440, 137), (60,), 4)
    assert _found(page) == []
    assert reader.read(page).text == "28403"


def test_a_table_of_which_walls_go_on_below_is_no_comb() -> None:
    page = np.full((300, 560), PAPER, np.uint8)
    for y in (60, 130, 200):
        cv2.line(page, (40, y), (500, y), (60,), 3)
    for x in range(40, 501, 46):
        cv2.line(page, (x, 60), (x, 200), (60,), 3)
    mask = np.asarray(np.where(page < 100, 255, 0), np.uint8)
    found = find_open_combs(mask, parts.find_parts(mask).boxes)
    # The lowest rule alone has walls above it and none below.
    assert len(found) <= 1
