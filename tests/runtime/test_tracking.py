from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits_runtime.reading import Glyph, Reading
from digits_runtime.tracking import Stable, Tracker

FEW = settings(max_examples=20)
RATES = st.sampled_from([5.0, 10.0, 15.0, 30.0, 60.0])
NUMBERS = st.text("0123456789", min_size=3, max_size=9)
PAGES = st.lists(NUMBERS, min_size=1, max_size=3).map("\n".join)


def _page(text: str, at: tuple[float, float] = (60, 80), probability: float = 0.95) -> Reading:
    """A page of lines of glyphs 40 by 60 pixels, its top left corner at x, y."""
    lines = tuple(
        tuple(
            Glyph(label, probability, (round(at[0] + 55 * i), round(at[1] + 110 * row), 40, 60))
            for i, label in enumerate(line)
        )
        for row, line in enumerate(text.split("\n"))
        if line
    )
    return Reading(lines)


class Film:
    """Feeds a tracker at a rate and keeps what was announced, each with the seconds it took."""

    def __init__(self, rate: float = 30.0, start: float = 1e9) -> None:
        self.tracker, self.rate, self.time = Tracker(), rate, start
        self.announced: list[tuple[str, float]] = []
        self.number: Stable | None = None
        self.cut = start

    def show(self, readings: list[Reading]) -> Film:
        self.cut = self.time
        for reading in readings:
            number = self.tracker.update(replace(reading, time=self.time))
            if (number and number.since) != (self.number and self.number.since):
                self.announced.append((number.text if number else "", self.time - self.cut))
            self.number = number
            self.time += 1 / self.rate
        return self

    def hold(self, text: str, seconds: float, **how: tuple[float, float]) -> Film:
        return self.show([_page(text, **how)] * round(seconds * self.rate))

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.announced]


@FEW
@given(PAGES, RATES)
def test_a_number_is_announced_once_and_no_sooner_than_it_is_stable(text: str, rate: float) -> None:
    film = Film(rate).hold(text, 3.0)
    ((announced, after),) = film.announced
    assert announced == text
    assert max(0.3, 2 / rate) <= after + 1e-6 <= max(0.3, 2 / rate) + 1.5 / rate


@FEW
@given(PAGES, RATES, st.integers(0, 2**32 - 1))
def test_misread_and_missed_glyphs_do_not_flicker(text: str, rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def spoilt() -> Reading:
        lines = []
        for line in _page(text).lines:
            glyphs = [g for g in line if rng.random() > 0.06]
            labels = [str(rng.integers(10)) if rng.random() < 0.06 else g.label for g in glyphs]
            pairs = zip(glyphs, labels, strict=True)
            lines.append(tuple(replace(glyph, label=label) for glyph, label in pairs))
        return Reading(tuple(lines))

    film = Film(rate).hold(text, 1.0).show([spoilt() for _ in range(round(6 * rate))])
    assert film.texts == [text]


@FEW
@given(PAGES, st.floats(-25, 25), st.floats(-25, 25), st.sampled_from([15.0, 30.0]))
def test_the_page_may_move(text: str, dx: float, dy: float, rate: float) -> None:
    film = Film(rate).hold(text, 1.0)
    film.show([_page(text, (60 + dx * i, 80 + dy * i)) for i in range(round(2 * rate))])
    assert film.texts == [text]


@FEW
@given(PAGES, RATES, st.floats(0.1, 0.8), st.integers(0, 2**32 - 1))
def test_a_passing_hand_changes_nothing(text: str, rate: float, long: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    covered = []
    steps = max(1, round(long * rate))
    for step in range(steps):
        # A hand twice as wide as three glyphs goes from left to right, its fingers read as glyphs.
        left = -300 + 900 * step / steps
        lines = [
            tuple(g for g in line if not left <= g.box[0] <= left + 330)
            for line in _page(text).lines
        ]
        finger = Glyph("1", 0.7, (round(left + rng.uniform(0, 300)), 90, 20, 70))
        covered.append(Reading((*(line for line in lines if line), (finger,))))
    film = Film(rate).hold(text, 1.0).show(covered).hold(text, 1.0)
    assert film.texts == [text]


@FEW
@given(NUMBERS, NUMBERS, RATES, st.floats(-200, 200), st.floats(-40, 200))
def test_another_paper_is_another_number(
    first: str, second: str, rate: float, dx: float, dy: float
) -> None:
    film = Film(rate).hold(first, 1.0).hold(second, 1.6, at=(60 + dx, 80 + dy))
    assert film.texts == ([first, second] if first != second else [first])


@FEW
@given(PAGES, RATES)
def test_an_empty_page_ends_a_number_after_a_second(text: str, rate: float) -> None:
    film = Film(rate).hold(text, 1.0).hold("", 0.8).hold(text, 1.0)
    assert film.texts == [text]
    film.hold("", 2.0)
    assert film.number is None
    assert film.texts == [text, ""]
    assert 1.0 <= film.announced[-1][1] + 1e-6 <= 1.1 + 5 / rate
    film.hold(text, 2.0)
    assert film.texts == [text, "", text]


def test_a_number_that_is_written_on_grows() -> None:
    film = Film().hold("123", 1.5).hold("1234", 2.0)
    assert film.texts == ["123", "1234"]


def test_a_glyph_that_stays_uncertain_is_announced_as_such() -> None:
    assert Film().hold("12?4", 1.0).texts == ["12?4"]


def test_glyphs_of_a_grid_vote_as_others_do() -> None:
    def sudoku(label: str) -> Reading:
        first, second = Glyph("5", 0.9, (10, 10, 20, 30)), Glyph(label, 0.9, (60, 60, 20, 30))
        return Reading(((first,), (second,)), grid=(((first,), ()), ((), (second,))))

    film = Film().show([sudoku("3"), sudoku("3"), sudoku("8"), sudoku("3")] * 8)
    assert film.texts == ["50\n03"]


def test_confidence_is_that_all_glyphs_are_right() -> None:
    film = Film()
    film.show([_page("123", probability=0.9)] * 20)
    assert film.number is not None
    assert film.number.confidence == pytest.approx(0.9**3)
    film.show([_page("153", probability=0.9)] * 3)
    assert film.number.text == "123"
    assert film.number.confidence < 0.9**3


def test_frames_without_a_time_count_a_tenth_of_a_second() -> None:
    tracker = Tracker()
    answers = [tracker.update(_page("123")) for _ in range(6)]
    assert [answer is None for answer in answers] == [True, True, True, False, False, False]


def test_a_clock_that_jumps_does_no_harm() -> None:
    film = Film().hold("123", 1.0)
    film.time -= 3600
    film.hold("123", 1.0)
    film.time += 7200
    film.hold("123", 1.0)
    assert film.texts == ["123"]
    film.hold("456", 1.5)
    assert film.texts == ["123", "456"]


@FEW
@given(st.lists(PAGES, max_size=30), st.integers(0, 2**32 - 1))
def test_what_is_announced_was_read(texts: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    film = Film(10.0)
    for text in texts:
        film.show([_page(text, (rng.uniform(0, 300), rng.uniform(0, 300)))] * rng.integers(1, 20))
    assert set(film.texts) <= {*texts, ""}


def test_a_thousand_glyphs_of_noise_are_borne() -> None:
    rng = np.random.default_rng(0)
    tracker = Tracker()
    for _ in range(20):
        boxes = rng.integers(0, 2000, (300, 2))
        line = tuple(Glyph("7", 0.5, (int(x), int(y), 20, 20)) for x, y in boxes)
        tracker.update(Reading((line,)))
