"""Numbers that touch the line under them are read; feet of digits are no such line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.parts import find_parts
from digits_runtime.reader import Reader
from digits_runtime.underlines import without_underlines
from digits_train import synth

Image = NDArray[np.uint8]


def _mask(*rectangles: tuple[int, int, int, int]) -> Image:
    """What is inked: rectangles of left, top, right and bottom."""
    mask = np.zeros((200, 400), np.uint8)
    for left, top, right, bottom in rectangles:
        mask[top:bottom, left:right] = 255
    return mask


def _cleaned(mask: Image) -> Image | None:
    return without_underlines(mask, find_parts(mask))


LINE = (80, 120, 320, 126)


@pytest.mark.parametrize("touching", [1, 2, 4])
def test_a_line_under_several_glyphs_goes_whoever_touches_it(touching: int) -> None:
    glyphs = [(100 + 50 * n, 60, 112 + 50 * n, 120 if n < touching else 114) for n in range(4)]
    cleaned = _cleaned(_mask(LINE, *glyphs))
    assert cleaned is not None
    assert cleaned[118:130].max(initial=0) == 0 or np.mean(cleaned[121:126] > 0) < 0.01
    for left, top, right, bottom in glyphs:
        assert cleaned[top : min(bottom, 117), left:right].min() == 255


def test_a_stroke_across_the_line_stays_whole() -> None:
    cleaned = _cleaned(_mask(LINE, (100, 60, 112, 160), (160, 60, 172, 120), (220, 60, 232, 120)))
    assert cleaned is not None
    assert cleaned[60:160, 103:109].min() == 255


def test_the_foot_of_one_glyph_is_no_underline() -> None:
    assert _cleaned(_mask((100, 60, 112, 126), (100, 120, 180, 126))) is None
    # Nor those of two that touch, which begin where the first does.
    assert _cleaned(_mask((100, 60, 112, 126), (150, 60, 162, 126), (98, 120, 200, 126))) is None


def test_a_bar_above_glyphs_is_no_underline() -> None:
    glyphs = [(100 + 50 * n, 60, 112 + 50 * n, 120) for n in range(4)]
    assert _cleaned(_mask((80, 54, 320, 60), *glyphs)) is None


@pytest.mark.parametrize("slope", [-0.06, 0.0, 0.06])
@pytest.mark.parametrize("lift", [0, 3])
def test_underlined_numbers_are_read(reader: Reader, slope: float, lift: int) -> None:
    rng = np.random.default_rng(6)
    page = np.full((480, 640), 225, np.uint8)
    numbers = ["4086", "395"]
    for row, number in enumerate(numbers):
        left = x = 120
        for digit in number:
            glyph = synth.glyph(digit, rng, height=70)
            y = round(80 + 180 * row + slope * (x - left))
            part = page[y : y + len(glyph), x : x + glyph.shape[1]]
            part[:] = np.minimum(part, 225 - np.uint8(0.8 * glyph.astype(float)))
            x += glyph.shape[1] + 16
        bottom = 80 + 180 * row + 70 + lift
        ends = (left - 15, round(bottom - 15 * slope)), (x, round(bottom + slope * (x - left)))
        cv2.line(page, *ends, (60,), 4, cv2.LINE_AA)
    assert reader.read(page).text.split("\n") == numbers


def test_what_touching_digits_share_is_no_underline() -> None:
    """Crossbars of 4s, which their stems cross."""
    bar = (80, 120, 320, 126)
    stems = [(120 + 80 * n, 60, 130 + 80 * n, 170) for n in range(3)]
    slants = [(85 + 80 * n, 60, 95 + 80 * n, 126) for n in range(3)]
    assert _cleaned(_mask(bar, *stems, *slants)) is None
