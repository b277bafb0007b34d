from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from digits_calibration import ranges
from digits_calibration.ranges import METHODS, Histogram, Method
from digits_runtime.errors import InputError


def held(*batches: np.ndarray) -> Histogram:
    def again() -> Iterator[Mapping[str, np.ndarray]]:
        return ({"x": batch} for batch in batches)

    return ranges.histograms(again)["x"]


def error(values: np.ndarray, reach: tuple[float, float]) -> float:
    step = (reach[1] - reach[0]) / 255
    return float(((values - np.rint(np.clip(values, *reach) / step) * step) ** 2).mean())


VALUES = arrays.arrays(
    np.float32, st.integers(1, 200), elements=st.floats(-1e4, 1e4, width=32, allow_nan=False)
)


@given(VALUES, st.sampled_from(METHODS))
@example(np.array([2.8e-44], np.float32), "minmax")
def test_every_range_holds_zero_and_lies_within_what_was_seen(
    values: np.ndarray, method: Method
) -> None:
    low, high = ranges.choose(held(values), method)
    assert low <= 0 <= high
    slack = 1e-3 * max(1.0, float(np.abs(values).max()))
    assert low >= min(0.0, float(values.min())) - slack
    assert high <= max(1.0, float(values.max())) + slack


def test_batches_count_as_one() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    whole, parts = held(values), held(values[:300], values[300:])
    assert (whole.low, whole.high) == (parts.low, parts.high)
    assert whole.counts.tolist() == parts.counts.tolist()
    assert whole.counts.sum() == 1000


def test_one_outlier_is_clipped_where_rarity_decides() -> None:
    values = np.append(np.abs(np.random.default_rng(0).normal(size=100_000)), 20).astype(np.float32)
    found = {method: ranges.choose(held(values), method)[1] for method in METHODS}
    assert found["minmax"] == 20
    assert found["percentile"] < 10
    assert found["entropy"] < 10


def test_mse_has_the_least_squared_error() -> None:
    values = np.random.default_rng(0).laplace(size=50_000).clip(0).astype(np.float32)
    errors = {method: error(values, ranges.choose(held(values), method)) for method in METHODS}
    assert errors["mse"] <= 1.01 * min(errors.values())


def test_a_dead_layer_has_a_range_too() -> None:
    low, high = ranges.choose(held(np.zeros(10, np.float32)), "mse")
    assert low == 0
    assert high > 0


def test_the_last_bits_of_a_sum_do_not_reach_the_file() -> None:
    values = np.random.default_rng(0).random(1000).astype(np.float32)
    nudged = np.nextafter(values, np.float32(2))
    for method in METHODS:
        assert ranges.choose(held(values), method) == ranges.choose(held(nudged), method)


def test_nothing_and_no_numbers_are_refused() -> None:
    def none() -> Iterable[Mapping[str, np.ndarray]]:
        return []

    with pytest.raises(InputError, match="at least one training glyph"):
        ranges.histograms(none)
    with pytest.raises(InputError, match="no numbers"):
        held(np.array([1, np.nan], np.float32))
