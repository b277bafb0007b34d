from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_runtime.pairs import BUNDLED_PAIRS, PAIRS, PairNames, squeezed
from digits_runtime.session import BUNDLED, Session
from digits_train import synth
from digits_train.data.touching import touching

NAMES = PairNames(provider="cpu")


def _pair(left: str, right: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return touching(synth.glyph(left, rng), synth.glyph(right, rng), rng)


def test_ink_is_made_narrower_and_never_nothing() -> None:
    assert squeezed(np.zeros((40, 50), np.uint8)).shape == (40, 30)
    assert squeezed(np.full((3, 1), 255, np.uint8)).tolist() == [[255]] * 3


def test_the_bundled_network_is_small_and_knows_single_digits_and_pairs() -> None:
    assert BUNDLED_PAIRS.stat().st_size < 200_000
    contract = Session(BUNDLED_PAIRS, provider="cpu").contract
    assert contract.labels == PAIRS
    assert contract.rejects
    assert contract.precision == "int8"


def test_digits_that_touch_are_named_left_and_right() -> None:
    right = 0
    for left, second in itertools.product("0235", "4689"):
        told = NAMES.tell(_pair(left, second, int(left + second)))
        assert told.shape == (2, 11)
        np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-5)
        right += [DIGITS[int(row[:10].argmax())] for row in told] == [left, second]
    assert right >= 14


@pytest.mark.parametrize("label", DIGITS)
def test_one_digit_is_not_two(label: str) -> None:
    rng = np.random.default_rng(int(label))
    told = np.stack([NAMES.tell(synth.glyph(label, rng)) for _ in range(8)])
    assert np.median(told[:, :, -1]) > 0.9


def test_no_ink_is_not_two_digits() -> None:
    assert (NAMES.tell(np.zeros((30, 40), np.uint8))[:, -1] > 0.5).all()


def test_a_model_of_single_digits_is_refused_once_it_is_asked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not name pairs of digits"):
        PairNames(BUNDLED, provider="cpu").tell(np.zeros((30, 40), np.uint8))
    with pytest.raises(InputError, match="missing"):
        PairNames(tmp_path / "missing.onnx", provider="cpu").tell(np.zeros((30, 40), np.uint8))
