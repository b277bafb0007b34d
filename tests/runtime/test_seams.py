from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.ink import Grey
from digits_runtime.seams import seams

HIGH = 0.65


def _two_leaning(slant: float) -> Grey:
    """Two strokes of 40 rows that lean alike, joined by a thin one."""
    ink = np.zeros((40, 60), np.uint8)
    for foot in (10, 30):
        cv2.line(ink, (foot, 39), (round(foot + 39 * slant), 0), 255, 5)
    middle = round(20 * slant)
    cv2.line(ink, (10 + middle, 20), (30 + middle, 20), 255, 2)
    return ink


@pytest.mark.parametrize("slant", [-0.2, 0.0, 0.2, 0.5])
def test_a_cut_leans_with_the_strokes_and_crosses_only_what_joins_them(slant: float) -> None:
    ink = _two_leaning(slant)
    found = seams(ink, HIGH)
    rows = np.arange(len(ink))
    crossed = [int((ink[rows, np.minimum(columns, 59)] > 0).sum()) for columns in found]
    assert min(crossed) <= 3
    columns = found[int(np.argmin(crossed))]
    assert columns[0] - columns[-1] == pytest.approx(39 * slant, abs=6)


def test_one_stroke_is_not_cut() -> None:
    ink = np.zeros((40, 20), np.uint8)
    cv2.line(ink, (10, 0), (10, 39), 255, 3)
    cv2.line(ink, (10, 20), (19, 20), 255, 3)  # an arm is no glyph
    assert all(6 <= columns.mean() <= 12 for columns in seams(ink, HIGH))


@given(st.integers(2, 40), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_cuts_go_from_left_to_right_and_leave_tall_pieces(
    height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    ink = np.where(rng.random((height, width)) < 0.4, rng.integers(1, 256, (height, width)), 0)
    ink[0, 0] = 255
    ink = ink.astype(np.uint8)
    strokes = ink > ink.max() / 4
    whole = 1 + np.ptp(np.flatnonzero(strokes.any(axis=1)))
    found = seams(ink, HIGH)
    middles = [float(columns.mean()) for columns in found]
    assert middles == sorted(middles)
    for columns in found:
        assert columns.shape == (height,)
        assert columns.min() >= 0
        assert columns.max() <= width
        left = np.arange(width)[None] < columns[:, None]
        for side in (strokes & left, strokes & ~left):
            rows = np.flatnonzero(side.any(axis=1))
            assert len(rows) > 0
            assert 1 + np.ptp(rows) >= HIGH * whole
