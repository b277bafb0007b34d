from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_calibration.samples import stratified
from digits_runtime.errors import InputError


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.integers(1, 100))
def test_classes_are_picked_evenly_and_no_glyph_twice(labels: list[int], count: int) -> None:
    known = np.array(labels, np.int64)
    picked = stratified(known, count, seed=0)
    assert 1 <= len(picked) <= count
    assert len(set(picked.tolist())) == len(picked)
    share = -(-count // len(np.unique(known)))
    assert np.bincount(known[picked]).max() <= share


def test_the_same_samples_come_every_time() -> None:
    labels = np.arange(100) % 10
    first, again, other = (stratified(labels, 30, seed) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()


def test_nothing_to_calibrate_on_is_refused() -> None:
    with pytest.raises(InputError, match="at least one training glyph"):
        stratified(np.zeros(0, np.int64), 10, 0)
