"""Outlines of grids whose rules are broken, and faint rules within boxes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.grid_outline import framed, outlines
from digits_runtime.grid_rules import BANDS, MARGIN, followed

SQUARE = np.array([[60, 50], [260, 50], [260, 190], [60, 190]], np.float64)


def _drawn(corners: np.ndarray, parts: int = 3) -> np.ndarray:
    """The sides of a quadrilateral and rules that part it, level and upright: uint8 `[2, h, w]`."""
    rules = np.zeros((2, 240, 320), np.uint8)
    for way, (a, b, c, d) in enumerate((corners[[0, 1, 3, 2]], corners[[1, 2, 0, 3]])):
        for share in np.linspace(0, 1, parts + 1):
            ends = np.rint([a + share * (c - a), b + share * (d - b)]).astype(int).tolist()
            cv2.line(rules[way], ends[0], ends[1], 255)
    return rules


def _nearest(rules: np.ndarray, corners: np.ndarray) -> float:
    """How far the best guess is off at its worst corner, in pixels."""
    guesses = [guess for guess in outlines(*rules) if guess is not None]
    return min(float(np.linalg.norm(guess - corners, axis=1).max()) for guess in guesses)


@given(
    st.lists(st.integers(-12, 12), min_size=8, max_size=8),
    st.integers(0, 3),
    st.integers(10, 30),
)
def test_a_corner_that_is_missing_is_where_its_sides_meet(
    moved: list[int], missing: int, radius: int
) -> None:
    corners = SQUARE + np.array(moved).reshape(4, 2)
    rules = _drawn(corners)
    for way in rules:
        cv2.circle(way, tuple(int(v) for v in corners[missing]), radius, 0, cv2.FILLED)
    assert _nearest(rules, corners) < 5


@given(st.integers(0, 3), st.floats(0.2, 0.8), st.integers(4, 20))
def test_a_side_may_have_a_gap(side: int, place: float, gap: int) -> None:
    rules = _drawn(SQUARE, parts=1)
    a, b = SQUARE[side], SQUARE[(side + 1) % 4]
    x, y = np.rint(a + place * (b - a)).astype(int).tolist()
    half = gap // 2
    rules[:, max(y - half, 0) : y + half, max(x - half, 0) : x + half] = 0
    assert _nearest(rules, SQUARE) < 5


@given(st.lists(st.integers(-12, 12), min_size=8, max_size=8), st.integers(1, 9))
def test_a_frame_is_found_by_its_four_sides_whatever_is_in_it_and_beside(
    moved: list[int], breadth: int
) -> None:
    corners = SQUARE + np.array(moved).reshape(4, 2)
    mask = np.zeros((240, 320), np.uint8)
    cv2.polylines(mask, [np.rint(corners).astype(np.int32)], True, 255, breadth)
    for x in range(80, 250, 30):
        cv2.putText(mask, "8", (x, 130), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 2)
    cv2.putText(mask, "NOTES", (80, 225), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    (found,) = framed(mask)
    assert np.linalg.norm(found - corners, axis=1).max() < 3 + breadth


def test_what_is_round_and_what_is_small_is_no_frame() -> None:
    mask = np.zeros((240, 320), np.uint8)
    cv2.circle(mask, (160, 120), 80, 255, 3)
    cv2.rectangle(mask, (5, 5), (40, 40), 255, 2)
    assert framed(mask) == []
    assert framed(np.zeros((240, 320), np.uint8)) == []


def test_without_rules_there_is_no_outline() -> None:
    assert all(guess is None for guess in outlines(*np.zeros((2, 240, 320), np.uint8)))


def test_text_above_that_looks_like_a_rule_moves_no_corner() -> None:
    rules = _drawn(SQUARE)
    rules[0, 40:50, 20:120] = 255
    assert _nearest(rules, SQUARE) < 5


@pytest.mark.parametrize(("strength", "found"), [(7, 10), (10, 10), (0, 4)])
def test_rules_too_faint_alone_part_the_boxes_of_a_sudoku_together(
    strength: int, found: int
) -> None:
    rng = np.random.default_rng(0)
    side = 360 + 2 * MARGIN
    # Paper whose columns differ hides a faint rule; at 10 a single one of them shows.
    flat = rng.normal(20, 3, (side, side)) + rng.normal(0, 2, side)
    for number in range(10):
        at = MARGIN + 40 * number
        flat[:, at - 1 : at + 2] += 150 if number % 3 == 0 else strength
    for _ in range(40):
        y, x = MARGIN + 40 * rng.integers(0, 9, 2)
        flat[y + 10 : y + 32, x + 12 : x + 28] = 120
    lines = followed(np.clip(flat, 0, 255).astype(np.uint8))
    assert lines.shape == (found, BANDS)
    np.testing.assert_allclose(lines, np.linspace(0, 360, found)[:, None].repeat(BANDS, 1), atol=3)
