from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.ranks import median, of_columns, of_page, percentile

VALUES = st.lists(st.integers(0, 255), min_size=1, max_size=40)


@given(VALUES, st.integers(0, 100))
def test_percentiles_are_those_of_numpy(values: list[int], share: int) -> None:
    given_bytes = np.array(values, np.uint8)
    assert percentile(given_bytes, share) == pytest.approx(np.percentile(values, share))
    assert median(given_bytes) == np.median(values)


def test_any_shape_is_taken() -> None:
    assert median(np.arange(6.0).reshape(2, 3)) == 2.5


@given(VALUES, st.integers(0, 100), st.data())
def test_those_of_a_page_are_the_same(values: list[int], share: int, data: st.DataObject) -> None:
    page = np.array([values], np.uint8)
    assert of_page(page, share) == pytest.approx(np.percentile(values, share))
    kept = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    mask = np.array([kept], np.uint8) * np.uint8(255)
    if mask.any():
        assert of_page(page, share, mask) == pytest.approx(np.percentile(page[mask > 0], share))


@given(st.integers(1, 30), st.integers(1, 8), st.integers(0, 255), st.data())
def test_those_of_columns_are_of_the_sorted_columns(
    height: int, width: int, seed: int, data: st.DataObject
) -> None:
    page = np.random.default_rng(seed).integers(0, seed + 1, (height, width)).astype(np.uint8)
    rank = data.draw(st.integers(0, height - 1))
    np.testing.assert_array_equal(of_columns(page, rank), np.sort(page, axis=0)[rank])
