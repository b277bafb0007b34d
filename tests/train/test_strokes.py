from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_train.strokes import render

TALL = [np.array([[3.0, 10.0], [3.5, 50.0], [3.0, 90.0]], np.float32)]
CROSS = [
    np.array([[0.0, 0.0], [80.0, 100.0]], np.float32),
    np.array([[80.0, 0.0], [0.0, 100.0]], np.float32),
]


def random_strokes(seed: int) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, rng.integers(1, 4))
    return [rng.uniform(-500.0, 500.0, (size, 2)).astype(np.float32) for size in sizes]


def test_ink_is_bright_on_dark_bytes() -> None:
    ink = render(CROSS)
    assert ink.dtype == np.uint8
    assert ink.ndim == 2
    assert (ink.min(), ink.max()) == (0, 255)


@given(
    seed=st.integers(0, 1000),
    height=st.integers(20, 120),
    pen=st.floats(0.03, 0.3),
    textured=st.booleans(),
)
def test_longer_side_is_the_height_asked_for(
    seed: int, height: int, pen: float, textured: bool
) -> None:
    strokes = [*random_strokes(seed), *CROSS]
    rng = np.random.default_rng(seed) if textured else None
    ink = render(strokes, height=height, pen=pen, margin=3, rng=rng)
    assert max(ink.shape) == height + 6


@given(seed=st.integers(0, 1000), pen=st.floats(0.03, 0.3), textured=st.booleans())
def test_ink_keeps_to_its_margin(seed: int, pen: float, textured: bool) -> None:
    rng = np.random.default_rng(seed) if textured else None
    ink = render(random_strokes(seed), pen=pen, margin=2, rng=rng)
    inside = ink.copy()
    inside[2:-2, 2:-2] = 0
    # Rounding to whole pixels may leave a breath of ink beside the box.
    assert inside.max() < 64
    assert ink.max() > 0


@given(pen=st.floats(0.03, 0.3), height=st.integers(40, 120))
def test_a_stroke_is_as_wide_as_the_pen(pen: float, height: int) -> None:
    ink = render(TALL, height=height, pen=pen)
    width = ink[len(ink) // 2].sum() / 255.0
    assert width == pytest.approx(pen * height, abs=0.2, rel=0.05)


def test_a_textured_stroke_is_never_wider_than_the_pen() -> None:
    for seed in range(20):
        ink = render(TALL, height=64, pen=0.15, rng=np.random.default_rng(seed))
        width = (ink > 0).sum(axis=1)
        assert width.max() <= np.ceil(0.15 * 64) + 2
        assert width[20:40].min() >= 0.5 * 0.15 * 64


def test_aspect_is_kept() -> None:
    ink = render([CROSS[0] * (0.5, 1.0)], height=100, pen=0.02, margin=0)
    assert ink.shape[0] == 100
    assert ink.shape[1] == pytest.approx(40, abs=3)


def test_texture_follows_the_generator_alone() -> None:
    one, same, other = (render(CROSS, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_unit_of_the_strokes_does_not_matter() -> None:
    moved = [stroke * np.float32(8.0) + np.float32(16.0) for stroke in CROSS]
    assert np.array_equal(render(CROSS), render(moved))


@pytest.mark.parametrize("points", [[[5.0, 5.0]], [[5.0, 5.0], [5.0, 5.0]]])
def test_a_stroke_without_extent_is_a_dot_as_wide_as_the_pen(points: list[list[float]]) -> None:
    ink = render([np.array(points, np.float32)], height=40, pen=0.25, margin=1)
    assert ink.shape == (12, 12)
    assert ink.sum() / 255.0 == pytest.approx(np.pi * 5.0**2, rel=0.15)


def test_a_dot_beside_a_stroke_shows() -> None:
    dot = np.array([[60.0, 90.0]], np.float32)
    ink = render([*TALL, dot], height=64, pen=0.1)
    assert ink[:, -6:].max() == 255


@pytest.mark.parametrize(
    "strokes",
    [
        [],
        [np.zeros((0, 2), np.float32)],
        [np.zeros((3, 3), np.float32)],
        [np.zeros(2, np.float32)],
        [np.array([[0.0, np.nan]], np.float32)],
        [np.array([[0.0, 0.0], [np.inf, 1.0]], np.float32)],
    ],
)
def test_what_is_no_stroke_is_refused(strokes: list[NDArray[np.float32]]) -> None:
    with pytest.raises(ValueError, match="stroke"):
        render(strokes)


@pytest.mark.parametrize(
    ("height", "pen", "margin"), [(3, 0.1, 2), (64, 0.0, 2), (64, 0.6, 2), (64, 0.1, -1)]
)
def test_sizes_out_of_range_are_refused(height: int, pen: float, margin: int) -> None:
    with pytest.raises(ValueError, match="height must be"):
        render(CROSS, height=height, pen=pen, margin=margin)
