from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_runtime.page import Candidate, find_page
from digits_runtime.paper import find_ink

Image = NDArray[np.uint8]


def _lines(ink: Image) -> list[list[Candidate]]:
    return find_page(ink).lines


Put = Callable[..., None]

HEIGHT, WIDTH = 480, 640


@pytest.fixture
def ink() -> Image:
    """An empty page of ink."""
    return np.zeros((HEIGHT, WIDTH), np.uint8)


def _sizes(lines: list[list[Candidate]]) -> list[int]:
    return [len(line) for line in lines]


def _lefts(line: list[Candidate]) -> list[int]:
    return [candidate.box[0] for candidate in line]


# What is found


def test_a_glyph_is_found_where_it_is(ink: Image, put: Put) -> None:
    put(ink, "8", 200, 150)
    ((found,),) = _lines(ink)
    assert found.box == pytest.approx(cv2.boundingRect(ink), abs=2)
    assert not found.cut


def test_the_ink_of_a_candidate_is_its_own_alone(ink: Image, put: Put) -> None:
    put(ink, "7", 200, 150)
    alone = _lines(ink)[0][0]
    put(ink, "1", 170, 120)
    put(ink, "0", 280, 180)
    together = next(c for line in _lines(ink) for c in line if c.box == alone.box)
    np.testing.assert_array_equal(together.ink, alone.ink)


def test_soft_edges_of_a_stroke_belong_to_it(ink: Image) -> None:
    cv2.line(ink, (200, 100), (200, 200), (255,), 6)
    soft = np.asarray(cv2.GaussianBlur(ink, (0, 0), 1.0), np.uint8)
    ((found,),) = _lines(soft)
    assert int(found.ink.sum()) > 0.97 * int(soft.sum())


def test_lines_run_top_to_bottom_and_glyphs_left_to_right(ink: Image, put: Put) -> None:
    for seed, (x, y) in enumerate([(300, 300), (100, 60), (400, 310), (220, 50), (180, 305)]):
        put(ink, "2", x, y, seed=seed)
    lines = _lines(ink)
    assert _sizes(lines) == [2, 3]
    assert all(_lefts(line) == sorted(_lefts(line)) for line in lines)
    assert lines[0][0].box[1] < lines[1][0].box[1]


@pytest.mark.parametrize("slope", [-0.3, -0.15, 0.0, 0.15, 0.3])
def test_a_sloping_line_is_one_line(ink: Image, put: Put, slope: float) -> None:
    for place in range(6):
        put(ink, "3", 40 + 90 * place, round(200 + slope * 90 * (place - 2.5)), seed=place)
    assert _sizes(_lines(ink)) == [6]


@pytest.mark.parametrize("slope", [-0.4, -0.25, -0.12, 0.0, 0.12, 0.25, 0.4])
def test_two_lines_stay_two(ink: Image, put: Put, slope: float) -> None:
    for row in (150, 250):
        for place in range(6):
            y = round(row + slope * 90 * (place - 2.5))
            put(ink, "4", 40 + 90 * place, y, seed=place + row)
    assert _sizes(_lines(ink)) == [6, 6]


@pytest.mark.parametrize("height", [20, 60, 110])
def test_numbers_far_apart_are_lines_of_their_own(ink: Image, put: Put, height: int) -> None:
    put(ink, "6", 20, 150, height=height)
    put(ink, "6", 500, 150, height=height)
    assert _sizes(_lines(ink)) == [1, 1]


def test_larger_writing_beside_smaller_is_a_line_of_its_own(ink: Image, put: Put) -> None:
    put(ink, "8", 100, 100, height=150)
    put(ink, "8", 260, 160, height=40)
    assert _sizes(_lines(ink)) == [1, 1]


# What belongs together


def test_the_detached_bar_of_a_five_joins_its_body(ink: Image) -> None:
    cv2.line(ink, (205, 150), (200, 175), (255,), 5)
    cv2.ellipse(ink, (215, 195), (24, 20), 0, -120, 140, (255,), 5)
    ((body,),) = _lines(ink)
    cv2.line(ink, (212, 140), (245, 137), (255,), 5)
    ((five,),) = _lines(ink)
    assert five.box[1] < body.box[1] - 5
    assert five.box[1] + five.box[3] == body.box[1] + body.box[3]


def test_a_dot_of_ink_inside_a_zero_is_part_of_it(ink: Image) -> None:
    cv2.ellipse(ink, (300, 200), (30, 45), 0, 0, 360, (255,), 5)
    cv2.circle(ink, (300, 200), 6, (255,), -1)
    ((zero,),) = _lines(ink)
    assert zero.ink[zero.ink.shape[0] // 2, zero.ink.shape[1] // 2] > 0


def test_glyphs_one_above_another_stay_two(ink: Image, put: Put) -> None:
    put(ink, "5", 200, 100)
    put(ink, "5", 200, 175)
    assert _sizes(_lines(ink)) == [1, 1]


# What is left out


def test_an_empty_page_yields_nothing(ink: Image) -> None:
    assert _lines(ink) == []


@pytest.mark.parametrize("size", [1, 2, 4, 6])
def test_specks_are_left_out(ink: Image, put: Put, size: int) -> None:
    put(ink, "9", 200, 150)
    put(ink, "9", 280, 150, seed=1)
    for x, y in ((50, 50), (170, 300), (600, 400), (400, 20), (262, 205)):
        ink[y : y + size, x : x + size] = 255
    assert _sizes(_lines(ink)) == [2]


def _ruled(squared: bool, strength: float, thick: int, turn: float) -> Image:
    """Blue-grey lines on paper, as light as they are printed."""
    rules = np.zeros((HEIGHT, WIDTH), np.uint8)
    rise = round(np.tan(np.deg2rad(turn)) * WIDTH)
    for y in range(-20, HEIGHT + 40, 34):
        cv2.line(rules, (0, y), (WIDTH, y + rise), (255,), thick, cv2.LINE_AA)
    if squared:
        for x in range(-20, WIDTH + 40, 34):
            cv2.line(
                rules, (x, 0), (x - rise * HEIGHT // WIDTH, HEIGHT), (255,), thick, cv2.LINE_AA
            )
    return (strength * rules.astype(float)).astype(np.uint8)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("strength", [0.1, 0.2, 0.3, 0.5])
@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_of_ruled_and_squared_paper_only_the_glyphs_are_left(
    ink: Image, put: Put, squared: bool, strength: float, turn: float
) -> None:
    for place, label in enumerate("3708"):
        put(ink, label, 90 + 110 * place, 200, seed=place, height=80)
    alone = [candidate.box for candidate in _lines(ink)[0]]
    ruled = np.maximum(ink, _ruled(squared, strength, 1, turn))
    (line,) = _lines(ruled)
    for found, box in zip(line, alone, strict=True):
        assert found.box == pytest.approx(box, abs=6)


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("thick", [1, 3])
def test_rules_alone_are_no_writing(squared: bool, thick: int) -> None:
    assert _lines(_ruled(squared, 0.5, thick, 0.0)) == []


def test_an_underlined_number_is_read_without_its_line(ink: Image, put: Put) -> None:
    for place, label in enumerate("418"):
        put(ink, label, 150 + 100 * place, 200, seed=place)
    cv2.line(ink, (100, 280), (500, 284), (255,), 4)
    assert _sizes(_lines(ink)) == [3]


@pytest.mark.parametrize("seed", range(3))
def test_noise_yields_little_and_fast(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    started = time.perf_counter()
    found = sum(_sizes(_lines(find_ink(noise, "dark"))))
    assert time.perf_counter() - started < 2.0
    assert found <= 600


@pytest.mark.parametrize("density", [0.001, 0.02, 0.2, 0.5])
def test_salt_and_pepper_yields_little_and_fast(density: float) -> None:
    salt = np.random.default_rng(0).random((HEIGHT, WIDTH)) < density
    started = time.perf_counter()
    found = sum(_sizes(_lines((255 * salt).astype(np.uint8))))
    assert time.perf_counter() - started < 2.0
    assert found <= 600


# Any frame


def _in_frame(lines: list[list[Candidate]], shape: tuple[int, ...]) -> None:
    height, width = shape
    for candidate in (candidate for line in lines for candidate in line):
        x, y, w, h = candidate.box
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        assert candidate.cut == (x == 0 or y == 0 or x + w == width or y + h == height)
        assert candidate.ink.shape >= (h, w)


@given(
    st.integers(1, 120),
    st.integers(1, 120),
    st.integers(0, 2**32 - 1),
    st.floats(0, 1),
    st.integers(1, 9),
)
def test_boxes_of_any_page_lie_in_the_frame(
    height: int, width: int, seed: int, density: float, grain: int
) -> None:
    rng = np.random.default_rng(seed)
    coarse = (rng.random((height // grain + 1, width // grain + 1)) < density) * 255
    page = np.kron(coarse, np.ones((grain, grain))).astype(np.uint8)[:height, :width]
    page = np.ascontiguousarray(page)
    _in_frame(_lines(page), page.shape)


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 3), (480, 640)])
def test_an_even_page_of_any_strength_yields_nothing(shape: tuple[int, int], level: int) -> None:
    assert _lines(np.full(shape, level, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (10, 4000), (4000, 10)])
@pytest.mark.parametrize("density", [0.03, 0.5])
def test_odd_shapes_are_no_crash(shape: tuple[int, int], density: float) -> None:
    page = ((np.random.default_rng(0).random(shape) < density) * 255).astype(np.uint8)
    _in_frame(_lines(page), shape)


def test_a_large_page_is_searched_whole(put: Put) -> None:
    page = np.zeros((3000, 4000), np.uint8)
    put(page, "2", 3800, 2800, height=150)
    put(page, "2", 30, 30, height=150, seed=1)
    assert _sizes(_lines(page)) == [1, 1]
