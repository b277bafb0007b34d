from __future__ import annotations

import numpy as np
import pytest

from digits_runtime.contract import ALNUM, DIGITS, InkSpec
from digits_runtime.pairs import PAIRS
from digits_train import data, negatives, synth


@pytest.fixture
def digits(few_glyphs: None) -> np.ndarray:
    source = data.load("synth", "validation", classes=DIGITS, data_dir=None, seed=0)
    return source.normalised(InkSpec())


def test_negatives_are_inked_images_of_the_models_size(digits: np.ndarray) -> None:
    images = negatives.make(digits, DIGITS, 200, InkSpec(), seed=0)
    assert images.shape == (200, 1, 28, 28)
    assert images.dtype == np.uint8
    assert (images.max(axis=(1, 2, 3)) > 128).all()


def test_equal_seeds_give_equal_negatives(digits: np.ndarray) -> None:
    first, again, other = (
        negatives.make(digits, DIGITS, 20, InkSpec(), seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_letter_that_is_a_class_is_never_a_negative(
    digits: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(label: str, *_: object) -> np.ndarray:
        raise AssertionError(f"{label} was drawn")

    monkeypatch.setattr(synth, "glyph", refuse)
    negatives.make(digits, ALNUM, 50, InkSpec(), seed=0)
    with pytest.raises(AssertionError, match="was drawn"):
        negatives.make(digits, DIGITS, 50, InkSpec(), seed=0)


def test_letters_beside_pairs_are_more_and_narrowed(
    digits: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(negatives.unlike(DIGITS)) < set(negatives.unlike(PAIRS))
    assert negatives.unlike(ALNUM) == []
    seen = []

    def narrow(ink: np.ndarray) -> np.ndarray:
        seen.append(ink)
        return ink

    monkeypatch.setattr(negatives, "squeezed", narrow)
    negatives.make(digits, DIGITS, 50, InkSpec(), seed=0)
    assert not seen
    negatives.make(digits, PAIRS, 50, InkSpec(), seed=0)
    assert len(seen) >= 5


def test_beside_pairs_two_glyphs_are_no_negative_but_three(
    digits: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> np.ndarray:
        raise AssertionError("two were put together")

    three = []

    def put(*_: object) -> np.ndarray:
        three.append(1)
        return np.full((28, 60), 200, np.uint8)

    monkeypatch.setattr(negatives, "_pair", refuse)
    monkeypatch.setattr(negatives, "_three", put)
    negatives.make(digits, PAIRS, 100, InkSpec(), seed=0)
    assert len(three) >= 5
    with pytest.raises(AssertionError, match="two were put together"):
        negatives.make(digits, DIGITS, 100, InkSpec(), seed=0)
