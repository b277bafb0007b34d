from __future__ import annotations

import numpy as np
import pytest

from digits_runtime.contract import DIGITS, InkSpec
from digits_runtime.ink import normalise
from digits_train import snapshots, synth


@pytest.fixture(scope="module")
def glyphs() -> np.ndarray:
    inks, _ = synth.generate(DIGITS, 60, 0)
    return np.stack([normalise(ink, InkSpec(40, 28)) for ink in inks])


def _taken(glyphs: np.ndarray, seed: int) -> np.ndarray:
    return snapshots.take(glyphs, InkSpec(), np.random.default_rng(seed))


def test_a_glyph_in_a_poor_picture_is_the_same_glyph_a_little_otherwise(
    glyphs: np.ndarray,
) -> None:
    plain = np.stack([normalise(glyph, InkSpec()) for glyph in glyphs])
    taken = _taken(glyphs, 0)
    assert taken.shape == (60, 1, 28, 28)
    assert taken.dtype == np.uint8
    alike = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(plain, taken[:, 0], strict=True)
    ]
    assert 0.75 < np.median(alike) < 0.99
    assert np.mean(np.array(alike) > 0.4) > 0.9


def test_equal_seeds_take_equal_pictures(glyphs: np.ndarray) -> None:
    assert np.array_equal(_taken(glyphs, 1), _taken(glyphs, 1))
    assert not np.array_equal(_taken(glyphs, 1), _taken(glyphs, 2))


def test_glyphs_may_be_of_any_size_and_what_has_no_ink_stays_without() -> None:
    dot, line = np.full((1, 1), 255, np.uint8), np.full((40, 1), 9, np.uint8)
    for seed in range(20):
        taken = _taken([dot, np.zeros((5, 7), np.uint8), line], seed)
        assert not taken[1].any()
        assert taken.shape == (3, 1, 28, 28)
