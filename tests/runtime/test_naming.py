"""What becomes of a page's lines, by the classifier's probabilities."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.contract import Contract
from digits_runtime.naming import name_lines
from digits_runtime.page import Candidate
from digits_runtime.reader import Reader
from digits_runtime.session import BUNDLED, Session
from digits_train import pages

Row = NDArray[np.float32]


def _contract() -> Contract:
    return Session(BUNDLED).contract


def _row(label: int, probability: float, none: float = 0.0) -> Row:
    row = np.full(11, (1 - probability - none) / 9, np.float32)
    row[label], row[10] = probability, none
    return row


def _candidate(x: int, kind: str, height: int = 60) -> Candidate:
    ink = np.zeros((height, 40), np.uint8)
    if kind in ("short stroke", "speck"):
        height = 40 if kind == "short stroke" else 13
        ink = ink[:height]
    if kind.endswith("stroke"):
        cv2.line(ink, (20, 2), (20, height - 3), (200,), 4)
    else:
        level = {"faint loop": 45, "speck": 30}.get(kind, 200)
        cv2.ellipse(ink, (20, height // 2), (15, height // 2 - 4), 0, 0, 360, (level,), 4)
    return Candidate((x, 100, 40, height), ink, cut=False)


def _texts(lines: list[list[tuple[str, Row]]]) -> list[str]:
    candidates = [
        [_candidate(60 * place, kind) for place, (kind, _) in enumerate(line)] for line in lines
    ]
    rows = [[row for _, row in line] for line in lines]
    named = name_lines(candidates, rows, _contract(), 1.0)
    return ["".join(glyph.label for glyph in glyphs) for glyphs, _ in named]


def test_sure_glyphs_are_a_number() -> None:
    assert _texts([[("loop", _row(0, 0.999)), ("loop", _row(8, 0.999))]]) == ["08"]


def test_a_narrow_loop_alone_is_no_bare_stroke() -> None:
    # Scattered single digits, each a line: more of them than of bare strokes are believed.
    assert _texts([[("loop", _row(0, 0.999))]] * 5) == ["0"] * 5
    assert _texts([[("stroke", _row(1, 0.999))]] * 5) == []


def test_a_bare_stroke_that_is_a_4_for_sure_is_more_than_that() -> None:
    # Of a slanting 4 or 5 the narrowest box is as slender as a stroke's.
    assert _texts([[("stroke", _row(4, 0.999))]] * 5) == ["4"] * 5
    assert _texts([[("stroke", _row(4, 0.95))]] * 5) == []


def test_a_page_of_nothing_but_unlikely_numbers_has_none() -> None:
    unlikely = [("faint loop", _row(4, 0.91)), ("faint loop", _row(9, 0.91))]
    litter = [[("loop", _row(0, 0.001, none=0.99))]] * 40
    assert _texts([unlikely, *litter]) == []
    likely = [("loop", _row(0, 0.999)), ("loop", _row(8, 0.999))]
    assert _texts([unlikely, likely, *litter]) == ["49", "08"]


@pytest.mark.parametrize("seed", [64009, 64288, 64313, 64314])
def test_a_lone_glyph_that_is_unlikely_right_is_litter(seed: int) -> None:
    assert Reader().read(pages.empty(seed).frame).text == ""


@pytest.mark.parametrize("seed", [98414, 98512])
def test_a_letter_that_looks_like_a_digit_in_a_word_is_none(seed: int) -> None:
    assert Reader().read(pages.empty(seed).frame).text == ""


def test_what_is_written_beside_one_known_digit_alone_makes_no_word_of_it() -> None:
    digit, letter = ("loop", _row(0, 0.999)), ("loop", _row(0, 0.001, none=0.99))
    assert _texts([[letter, digit]]) == ["0"]
    assert _texts([[digit, letter, letter]]) == ["0"]
    assert _texts([[letter, digit, letter]]) == []
    assert _texts([[letter, letter, digit, letter]]) == []
    # A letter cut in two at the end of others; but not a number with its unit.
    stroke, half = ("stroke", _row(1, 0.999)), ("loop", _row(4, 0.6, none=0.3))
    assert _texts([[letter, letter, stroke, half]]) == []
    assert _texts([[half, stroke, letter, letter]]) == []
    assert _texts([[half, digit, letter, letter]]) == ["?0"]
    assert _texts([[letter, digit, half]]) == ["0?"]
    # Beside one that is sure others are named with less; a doubt is a glyph too.
    likely = ("loop", _row(4, 0.85))
    assert _texts([[letter, likely, digit, likely, letter]]) == ["404"]
    doubt = ("loop", _row(4, 0.5))
    assert _texts([[letter, letter, digit, doubt, digit, letter, letter]]) == ["0?0"]


def test_a_doubt_within_a_number_is_never_left_out() -> None:
    doubtful = [("loop", _row(4, 0.999)), ("loop", _row(9, 0.5)), ("loop", _row(0, 0.999))]
    assert _texts([doubtful]) == ["4?0"]


def test_text_is_no_number_though_some_letters_look_like_digits() -> None:
    like, letter = ("loop", _row(5, 0.999)), ("loop", _row(3, 0.02, none=0.97))
    assert _texts([[like, letter, like, letter, like, like, letter, like, like, like]]) == []
    # Fewer of them are a number with doubts.
    assert _texts([[like, letter, like, like, letter, like, like, like]]) == ["5?55?555"]


def test_what_lies_beyond_two_that_are_none_is_not_of_the_number() -> None:
    like, none = ("loop", _row(5, 0.999)), ("loop", _row(3, 0.001, none=0.99))
    perhaps = ("loop", _row(6, 0.1, none=0.8))
    assert _texts([[perhaps, none, none, none, like, like, like]]) == ["555"]
    assert _texts([[like, like, like, none, none, perhaps]]) == ["555"]
    # One alone may be two glyphs that touch.
    assert _texts([[perhaps, none, like, like, like]]) == ["??555"]
    assert _texts([[perhaps, none, none, none]]) == []


def test_beside_a_number_a_line_of_which_a_third_has_no_name_is_text() -> None:
    like, doubtful = ("loop", _row(2, 0.999)), ("loop", _row(6, 0.5))
    line = [like, doubtful, like, doubtful, like, doubtful, like, like]
    number = [like] * 3
    assert _texts([line]) == ["2?2?2?22"]
    assert _texts([line, number]) == ["222"]
    # With one doubt or two it stays, for it may be a number.
    assert _texts([[like, doubtful, doubtful, like], number]) == ["2??2", "222"]


def test_a_lone_stroke_like_several_lone_digits_is_one_of_them() -> None:
    litter = [[("loop", _row(0, 0.001, none=0.99))]] * 10
    stroke = [("stroke", _row(1, 0.999))]
    digit = [("loop", _row(8, 0.999))]
    assert _texts([digit, stroke, digit, *litter]) == ["8", "1", "8"]
    assert _texts([digit, [("short stroke", _row(1, 0.999))], *litter]) == ["8"]
    assert _texts([digit, [("stroke", _row(1, 0.97))], digit, *litter]) == ["8", "8"]


def test_the_one_stroke_on_a_page_of_litter_is_a_1_if_it_is_tall() -> None:
    litter = [[("loop", _row(0, 0.001, none=0.99))]] * 10
    tall, short = [("stroke", _row(1, 0.999))], [("short stroke", _row(1, 0.999))]
    assert _texts([tall, *litter]) == ["1"]
    assert _texts([short, *litter]) == []
    assert _texts([tall, tall, *litter]) == []


def test_show_through_at_the_end_of_a_number_is_none_of_it() -> None:
    digit, faint = ("loop", _row(8, 0.999)), ("faint loop", _row(0, 0.999))
    assert _texts([[faint, digit, digit]]) == ["88"]
    assert _texts([[digit, digit, faint]]) == ["88"]
    assert _texts([[digit, faint, digit]]) == ["808"]


def test_a_lone_digit_like_several_certain_ones_is_one_of_them() -> None:
    certain = [[("loop", _row(0, 0.999))]] * 2
    assert _texts([*certain, [("loop", _row(8, 0.95))]]) == ["0", "0", "8"]
    assert _texts([certain[0], [("loop", _row(8, 0.95))]]) == ["0"]


def test_among_many_bare_strokes_lines_like_a_sure_number_are_numbers() -> None:
    loop, stroke = ("loop", _row(8, 0.999)), ("stroke", _row(1, 0.999))
    rules = [[stroke]] * 12
    assert _texts([[loop, loop, loop], [loop, stroke, stroke], *rules]) == ["888", "811"]
    assert _texts([[loop, stroke, stroke], *rules]) == []


def test_two_specks_that_pass_for_a_number_do_not_outweigh_several_certain_digits() -> None:
    specks = [("speck", _row(1, 0.98)), ("speck", _row(4, 0.99))]
    digits = [[("loop", _row(label, 0.999))] for label in (8, 5, 2)]
    assert _texts([digits[0], specks, *digits[1:]]) == ["8", "5", "2"]


def test_beside_a_plain_number_words_are_none() -> None:
    contract, digit, letter = _contract(), _row(0, 0.999), _row(0, 0.001, none=0.99)
    blind = np.append(np.full(10, 0.001, np.float32), np.float32(0.99))

    def line(
        kinds: str, hint: Row | None, height: int = 60, top: int = 100
    ) -> tuple[list[Candidate], list[Row]]:
        found = []
        for place in range(len(kinds)):
            one = _candidate(60 * place, "loop", height)
            box = (60 * place, top, 40, height)
            found.append(Candidate(box, one.ink, cut=False, hint=hint))
        return found, [{"0": digit, "x": letter}[kind] for kind in kinds]

    number = line("000", digit)

    def read(other: tuple[list[Candidate], list[Row]]) -> list[str]:
        lines, rows = zip(number, other, strict=True)
        named = name_lines(lines, rows, contract, 1.0)
        return ["".join(glyph.label for glyph in glyphs) for glyphs, _ in named]

    assert read(line("00", digit, top=200)) == ["000", "00"]
    # Hardly seen; half of it none; low, and not quite seen, beside a letter.
    assert read(line("00", blind, top=200)) == ["000", "00"]
    assert read(line("00x", blind, top=200)) == ["000"]
    assert read(line("00", blind, height=36, top=200)) == ["000"]
    assert read(line("0xx0", digit, top=200)) == ["000"]
    faintly = (digit + blind) / 2
    assert read(line("00", faintly, top=200)) == ["000", "00"]
    assert read(line("00", faintly, height=36, top=200)) == ["000", "00"]
    assert read(line("00x", faintly, height=36, top=200)) == ["000"]


def test_slivers_do_not_outnumber_a_far_larger_number() -> None:
    stroke, digit = ("stroke", _row(1, 0.999)), ("loop", _row(5, 0.999))
    candidates = [[_candidate(60 * place, "loop", 120) for place in range(2)]]
    slivers = [[_candidate(300, "stroke", 24)] for _ in range(12)]
    rows = [[digit[1]] * 2, *[[stroke[1]]] * 12]
    named = name_lines(candidates + slivers, rows, _contract(), 1.0)
    assert ["".join(glyph.label for glyph in glyphs) for glyphs, _ in named] == ["55"]


def test_strokes_further_apart_than_ones_of_a_number_are_none() -> None:
    one = _row(1, 0.999)

    def text(gap: int) -> list[str]:
        line = [
            Candidate((left, 100, 40, 60), _candidate(0, "stroke").ink, cut=False)
            for left in (0, 40 + gap)
        ]
        return [
            "".join(g.label for g in glyphs)
            for glyphs, _ in name_lines([line], [[one, one]], _contract(), 1.0)
        ]

    assert text(20) == ["11"]
    assert text(50) == []


def test_small_print_like_letters_beside_a_number_is_none() -> None:
    litter = [[_candidate(60 * place, "loop", 20)] for place in range(70)]
    none = [[_row(0, 0.001, none=0.99)]] * 70
    number = [_candidate(60 * place, "loop", 120) for place in range(2)]
    words = [[_candidate(60 * place, "loop", 20) for place in range(3)] for _ in range(2)]
    rows = [[_row(4, 0.999)] * 2, [_row(0, 0.999)] * 3, [_row(4, 0.999)] * 3, *none]
    named = name_lines([number, *words, *litter], rows, _contract(), 1.0)
    assert ["".join(g.label for g in glyphs) for glyphs, _ in named] == ["44", "444"]
