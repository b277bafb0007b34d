"""Points and commas between digits, which pass for a small 0 or 1."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digits_runtime import points
from digits_runtime.reader import Reader
from digits_runtime.reading import Box, Glyph
from digits_train import synth

DIGITS: list[Box] = [(0, 10, 40, 60), (60, 12, 38, 58), (140, 8, 40, 62)]


def test_what_is_low_and_small_is_a_point() -> None:
    line = [*DIGITS[:2], (108, 56, 14, 26), DIGITS[2]]
    assert points.among(line, [True, True, False, True]) == [False, False, True, False]


def test_a_small_digit_that_has_a_name_is_none() -> None:
    line = [*DIGITS[:2], (108, 56, 14, 26), DIGITS[2]]
    assert points.among(line, [True] * 4) == [False] * 4


@pytest.mark.parametrize("box", [(108, 14, 14, 26), (108, 30, 24, 34)])
def test_what_is_high_or_large_is_none(box: Box) -> None:
    line = [*DIGITS[:2], box, DIGITS[2]]
    assert points.among(line, [True, True, False, True]) == [False] * 4


def test_one_digit_does_not_tell() -> None:
    assert points.among([DIGITS[0], (50, 56, 14, 26)], [True, True]) == [False, False]


def test_a_point_beneath_a_number_is_of_it() -> None:
    number = [Glyph("5", 1.0, box) for box in DIGITS]
    assert points.is_of(Glyph("0", 1.0, (110, 62, 16, 22)), number)
    assert not points.is_of(Glyph("2", 1.0, (110, 62, 16, 22)), number)
    assert not points.is_of(Glyph("0", 1.0, (110, 80, 16, 22)), number)
    assert not points.is_of(Glyph("0", 1.0, (400, 62, 16, 22)), number)
    assert not points.is_of(Glyph("0", 1.0, (110, 62, 30, 30)), number)


@pytest.mark.parametrize("kind", ["point", "comma", "ring"])
def test_a_number_with_a_comma_is_its_digits(reader: Reader, kind: str) -> None:
    rng = np.random.default_rng(5)
    cover = np.zeros((300, 640), np.uint8)
    x = 60
    for place, label in enumerate("58463"):
        glyph = synth.glyph(label, rng, height=90)
        cover[90 : 90 + glyph.shape[0], x : x + glyph.shape[1]] = glyph
        x += glyph.shape[1] + 16
        if place == 1:
            if kind == "point":
                cv2.circle(cover, (x + 4, 176), 6, 255, cv2.FILLED)
            elif kind == "comma":
                cv2.line(cover, (x + 10, 166), (x, 202), 255, 7, cv2.LINE_AA)
            else:
                cv2.ellipse(cover, (x + 8, 176), (6, 9), 0, 0, 360, 255, 4, cv2.LINE_AA)
            x += 34
    assert reader.read(np.asarray(225 - 0.8 * cover, np.uint8)).text == "58463"
