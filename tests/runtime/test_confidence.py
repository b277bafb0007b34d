"""The confidence of a line: a probability that means what it says."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.confidence import Evidence, confidence
from digits_runtime.reading import Glyph

chances = st.floats(0, 1)


def line(probabilities: list[float], label: str = "7") -> Evidence:
    glyphs = [
        Glyph(label, probability, (30 * place, 0, 20, 40))
        for place, probability in enumerate(probabilities)
    ]
    return Evidence(glyphs, tall=40, strength=200, litter=0)


@given(st.lists(chances, min_size=1, max_size=12), chances)
def test_a_surer_glyph_never_makes_a_line_less_sure(told: list[float], other: float) -> None:
    low, high = sorted((told[0], other))
    before, after = (confidence(line([first, *told[1:]])) for first in (low, high))
    assert 0 < before <= after < 1


def test_a_line_with_an_uncertain_glyph_is_not_right() -> None:
    assert confidence(line([0.5], label="?")) == 0


def test_a_clear_line_is_nearly_sure() -> None:
    assert confidence(line([0.999] * 5)) > 0.98


def test_faint_small_and_touching_lines_among_litter_are_less_sure() -> None:
    clear = line([0.99, 0.99])
    touching = [replace(clear.glyphs[1], box=(19, 0, 20, 40)), clear.glyphs[0]]
    for worse in (
        replace(clear, strength=40.0),
        replace(clear, tall=12.0),
        replace(clear, litter=40),
        replace(clear, glyphs=touching),
    ):
        assert confidence(worse) < confidence(clear)
