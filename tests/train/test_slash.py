from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.ink import normalise_each
from digits_runtime.reader import Reader
from digits_runtime.session import Session
from digits_train import pages, scenes, slash, synth
from digits_train.strokes import render

_TURN = np.linspace(0, 2 * np.pi, 40)
ZERO = [np.stack((25 * np.cos(_TURN), 50 * np.sin(_TURN)), 1).astype(np.float32)]


@given(st.integers(0, 10_000))
def test_a_bar_goes_through_the_middle_of_a_zero(seed: int) -> None:
    bowl, bar = slash.struck(ZERO, np.random.default_rng(seed))
    assert np.array_equal(bowl, ZERO[0])
    assert (np.abs(bar[1]) < (15, 30)).all()
    # It is no chord near an end: it reaches at least as far as halfway out on either side.
    assert ((bar[[0, 2]] / (25, 50)) ** 2).sum(axis=1).min() > 0.15
    assert render([bowl, bar], pen=0.08).max() == 255


def test_bars_rise_to_the_right_mostly_and_often_go_beyond_the_bowl() -> None:
    bars = [slash.struck(ZERO, np.random.default_rng(seed))[-1] for seed in range(200)]
    assert np.mean([bar[0, 1] > bar[2, 1] and bar[0, 0] < bar[2, 0] for bar in bars]) > 0.9
    assert 0.3 < np.mean([((bar[2] / (25, 50)) ** 2).sum() > 1.1 for bar in bars]) < 1


@pytest.mark.parametrize("points", [[[3, 4]], [[0, 0], [0, 9]], [[0, 0], [9, 0]]])
def test_even_a_zero_without_breadth_gets_a_bar(points: list[list[int]]) -> None:
    bar = slash.struck([np.array(points, np.float32)], np.random.default_rng(0))[-1]
    assert np.isfinite(bar).all()
    assert np.ptp(bar, axis=0).max() > 0


def test_the_bundled_digits_know_zeros_struck_through() -> None:
    session, rng = Session(), np.random.default_rng(11)
    zeros = [synth.glyph("0", rng, slashed_zero=True) for _ in range(300)]
    rows = session.probabilities(normalise_each(zeros, session.contract.ink))
    assert np.mean(rows.argmax(axis=1) == 0) > 0.93
    assert np.mean(rows[:, 1:10].max(axis=1) >= session.contract.threshold) < 0.01


def test_numbers_with_zeros_struck_through_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes.synth, "draw", functools.partial(synth.draw, slashed_zero=True))
    reader, wanted, read = Reader(), 0, 0
    for seed in range(79_000, 79_020):
        page = pages.page(1, seed)
        told = reader.read(page.frame).text.splitlines()
        numbers = ["".join(glyph.label for glyph in line) for line in page.lines]
        wanted += sum("0" in number for number in numbers)
        read += sum("0" in number and number in told for number in numbers)
    assert read >= 0.7 * wanted > 5
