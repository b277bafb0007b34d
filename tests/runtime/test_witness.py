"""The page network as a second witness of what little a page holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime import witness
from digits_runtime.page_network import PageNetwork, Sightings
from digits_runtime.reader import Reader
from digits_runtime.reading import Glyph
from digits_train import pages, synth

Box = tuple[int, int, int, int]


def _line(*boxes: Box, sure: float = 0.9, label: str = "3") -> witness.Told:
    return tuple(Glyph(label, 0.99, box) for box in boxes), sure


def _seen(*boxes: Box, share: float = 0.99, scale: float = 1.0, as_: int = 3) -> Sightings:
    rows = np.zeros((len(boxes), 11), np.float32)
    rows[:, as_], rows[:, -1] = share, 1 - share
    return Sightings(np.array(boxes, np.float64).reshape(-1, 4), rows, scale)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ([], False),
        ([_line((0, 0, 10, 30))], True),
        ([_line((0, 0, 10, 30)), _line((0, 50, 10, 30), sure=0.985)], False),
        ([_line((0, 0, 10, 30)), _line((0, 50, 10, 30), sure=0.985, label="1")], True),
        ([_line(*[(20 * n, 0, 10, 30) for n in range(12)], sure=0.97)], True),
        ([_line(*[(20 * n, 0, 10, 30) for n in range(13)], sure=0.97)], False),
        ([_line(*[(20 * n, 0, 10, 30) for n in range(13)], sure=0.8)], True),
    ],
)
def test_a_witness_is_wanted_where_little_is_certain_or_much_unlikely(
    told: list[witness.Told], asked: bool
) -> None:
    assert witness.wanted(told) == asked


def test_a_line_of_which_a_glyph_was_seen_stays_whole() -> None:
    line = _line((10, 10, 12, 30), (30, 10, 12, 30))
    assert witness.confirmed([line], _seen((31, 11, 12, 28)), 1) == [line]


@pytest.mark.parametrize(
    "seen", [_seen(), _seen((200, 10, 12, 30)), _seen((10, 10, 12, 30), share=0.5)]
)
def test_a_line_of_which_none_was_seen_goes(seen: Sightings) -> None:
    assert witness.confirmed([_line((10, 10, 12, 30))], seen, 1) == []


def test_of_few_glyphs_one_must_have_been_seen_as_what_it_is() -> None:
    seen, box = _seen((10, 10, 12, 30), as_=7), (10, 10, 12, 30)
    assert witness.confirmed([_line(box)], seen, 1) == []
    assert witness.confirmed([_line(box, label="?")], seen, 1) == []
    several = _line(box, *[(30 + 20 * n, 10, 12, 30) for n in range(3)])
    assert witness.confirmed([several], seen, 1) == [several]


@pytest.mark.parametrize(("height", "stays"), [(9, False), (12, True), (14, False), (130, True)])
def test_what_the_network_need_not_see_stays(height: int, stays: bool) -> None:
    told = [_line((10, 10, 12, height))]
    assert witness.confirmed(told, _seen(), 1) == (told if stays else [])


def test_what_is_low_and_in_doubt_must_have_been_seen() -> None:
    known, sure = _line((10, 10, 12, 13), (30, 10, 12, 13))
    (doubtful,), _ = _line((50, 10, 12, 13), label="?")
    assert witness.confirmed([((known[0], doubtful), sure)], _seen(), 1) == []
    most = (*known, doubtful), sure
    assert witness.confirmed([most], _seen(), 1) == [most]


@pytest.mark.parametrize(("height", "stays"), [(9, True), (27, True), (28, False)])
def test_on_a_page_seen_smaller_than_it_is_what_is_low_stays(height: int, stays: bool) -> None:
    told = [_line((10, 10, 12, height))]
    assert witness.confirmed(told, _seen(scale=2), 1) == (told if stays else [])


@given(st.floats(0.5, 4), st.integers(0, 300), st.integers(0, 300))
def test_glyphs_of_a_frame_of_any_scale_are_found_where_they_were_seen(
    scale: float, x: int, y: int
) -> None:
    box = (round(x * scale), round(y * scale), round(20 * scale), round(40 * scale))
    told = [_line(box)]
    assert witness.confirmed(told, _seen((x, y, 20, 40)), scale) == told


@pytest.mark.parametrize("seed", [97013, 97354, 97504, 97759, 97782, 98213, 99672])
def test_pieces_of_rules_and_grain_alone_on_a_page_are_no_numbers(
    reader: Reader, seed: int
) -> None:
    assert reader.read(pages.empty(seed).frame).lines == ()


def test_what_is_too_large_to_be_seen_whole_is_looked_at_on_a_smaller_page() -> None:
    network = PageNetwork()
    ink = np.zeros((480, 640), np.uint8)
    glyph = synth.glyph("8", np.random.default_rng(3), height=300)
    ink[90 : 90 + len(glyph), 200 : 200 + glyph.shape[1]] = glyph
    assert network.look(ink).sizes[1] < 300
    seen = network.look(ink, 300, large=True)
    sure = seen.rows[:, -1] < 0.1
    assert seen.rows[sure].argmax(axis=1).tolist() == [8]
    assert abs(seen.boxes[sure][0, 3] - 300) < 60
