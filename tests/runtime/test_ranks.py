from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.ranks import median, percentile

VALUES = st.lists(st.integers(0, 255), min_size=1, max_size=40)


@given(VALUES, st.integers(0, 100))
def test_percentiles_are_those_of_numpy(values: list[int], share: int) -> None:
    given_bytes = np.array(values, np.uint8)
    assert percentile(given_bytes, share) == pytest.approx(np.percentile(values, share))
    assert median(given_bytes) == np.median(values)


def test_any_shape_is_taken() -> None:
    assert median(np.arange(6.0).reshape(2, 3)) == 2.5
