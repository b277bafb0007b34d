"""Closings by squares are those of OpenCV, the border going on beyond itself."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.closing import closed


@pytest.mark.parametrize("reach", [1, 7, 10, 11, 12, 31, 32, 36, 63])
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 90), width=st.integers(1, 90))
def test_a_closing_is_an_erosion_of_a_dilation(
    reach: int, seed: int, height: int, width: int
) -> None:
    page = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    # Far enough that what OpenCV takes to be outside tells nothing inside.
    wide = cv2.copyMakeBorder(page, *(4 * (3 * reach,)), cv2.BORDER_REPLICATE)
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inside = slice(3 * reach, -3 * reach)
    expected = cv2.erode(cv2.dilate(wide, square), square)[inside, inside]
    np.testing.assert_array_equal(closed(page, reach), expected)
