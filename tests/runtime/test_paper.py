"""Ink found on paper: in any light, of any colour, dark or bright."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_runtime.ink import to_grey
from digits_runtime.one_glyph import guess_polarity
from digits_runtime.paper import find_ink

from .examples import images

Image = NDArray[np.uint8]

PAPER = 230


def _page(text: str = "5281", paper: int = PAPER, ink: int = 40) -> Image:
    page = np.full((300, 400), paper, np.uint8)
    for place, glyph in enumerate(text):
        cv2.putText(page, glyph, (30 + 90 * place, 190), cv2.FONT_HERSHEY_SIMPLEX, 3, (ink,), 8)
    return page


def _lit(page: Image, light: NDArray[np.float64]) -> Image:
    return (page * light).astype(np.uint8)


# What is ink


@pytest.mark.parametrize("darkest", [0.3, 0.5, 0.8])
def test_uneven_light_leaves_strokes_as_strong(darkest: float) -> None:
    even = find_ink(_page(), "dark")
    uneven = find_ink(_lit(_page(), np.linspace(1, darkest, 400)[None]), "dark")
    strokes = even > 200
    assert np.abs(even[strokes].astype(int) - uneven[strokes]).max() <= 4
    assert uneven[_page() == PAPER].max() < 30


@pytest.mark.parametrize("shade", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("upright", [True, False])
def test_the_hard_edge_of_a_shadow_is_no_ink(shade: float, upright: bool) -> None:
    paper = np.full((300, 400), PAPER, np.uint8)
    light = np.where(np.arange(400) < 190, 1, shade)[None] * np.ones((300, 1))
    if not upright:
        light = np.where(np.arange(300) < 130, 1, shade)[:, None] * np.ones((1, 400))
    assert find_ink(_lit(paper, light), "dark").max() == 0


@pytest.mark.parametrize("shade", [0.3, 0.5, 0.7])
def test_a_shadow_that_falls_aslant_is_no_ink(shade: float) -> None:
    paper = np.full((300, 400), PAPER, np.uint8)
    y, x = np.mgrid[:300, :400]
    ink = find_ink(_lit(paper, np.where(x + y < 350, 1.0, shade)), "dark")
    # A pixel in the corner between shadow and border is less than a speck.
    assert (ink >= 20).sum() <= 1, f"ink at {np.argwhere(ink >= 20)[0]}"


def test_a_stroke_across_the_edge_of_a_shadow_is_as_strong_on_both_sides() -> None:
    page = np.full((200, 300), PAPER, np.uint8)
    cv2.line(page, (40, 100), (260, 100), (60,), 6)
    light = np.where(np.arange(300) < 150, 1.0, 0.5)[None]
    stroke = find_ink(_lit(page, light), "dark")[100, 45:255]
    assert int(stroke.max()) - int(stroke.min()) <= 4


@pytest.mark.parametrize(
    "colour", [(0, 0, 255), (255, 0, 0), (0, 128, 0), (200, 60, 30), (150, 0, 150)]
)
def test_coloured_ink_stands_out_as_more_than_its_grey(colour: tuple[int, int, int]) -> None:
    page = np.full((120, 120, 3), 235, np.uint8)
    cv2.line(page, (20, 20), (100, 100), colour, 6)
    seen = find_ink(to_grey(page, "dark"), "dark")[60, 60]
    assert seen > 200
    assert seen > find_ink(np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY)), "dark")[60, 60]


@pytest.mark.parametrize("colour", [(0, 0, 255), (255, 120, 0), (0, 255, 255), (255, 255, 255)])
def test_coloured_chalk_stands_out_on_a_board(colour: tuple[int, int, int]) -> None:
    board = np.full((120, 120, 3), 30, np.uint8)
    cv2.line(board, (20, 20), (100, 100), colour, 6)
    assert find_ink(to_grey(board, "bright"), "bright")[60, 60] > 200


@pytest.mark.parametrize(("shade", "least"), [(0.6, 0.8), (0.4, 0.7)])
def test_chalk_in_the_shade_is_nearly_as_strong_as_in_the_light(shade: float, least: float) -> None:
    board = _page("1111", paper=50, ink=130)
    lit = find_ink(board, "bright")
    shaded = find_ink(_lit(board, np.where(np.arange(400) < 210, 1.0, shade)[None]), "bright")
    chalk = (board == 130) & (np.arange(400) > 250)
    # Where nothing is done about it, a shade of 0.6 leaves 0.6 of it, and one of 0.4 a third.
    assert np.median(shaded[chalk]) >= least * np.median(lit[chalk])
    assert shaded[(board == 50) & (np.abs(np.arange(400) - 210) > 20)].max() < 20


@pytest.mark.parametrize("noise", [1.5, 5.0])
def test_a_white_wall_beside_a_board_is_no_ink(noise: float) -> None:
    scene = np.full((360, 640), 45, np.uint8)
    scene[:, :200] = 246
    cv2.putText(scene, "52", (380, 220), cv2.FONT_HERSHEY_SIMPLEX, 4, (150,), 10)
    noisy = scene + np.random.default_rng(0).normal(0, noise, scene.shape)
    ink = find_ink(noisy.clip(0, 255).astype(np.uint8), "bright")
    assert (ink[:, :190] > 40).mean() < 0.001
    assert (ink[:, 230:] > 60).mean() > 0.02


def test_empty_paper_of_any_brightness_has_no_ink() -> None:
    for level in (0, 1, 31, 32, 33, 128, 254, 255):
        paper = np.full((50, 70), level, np.uint8)
        assert find_ink(np.maximum(paper, 32), "dark").max() == 0


@given(images, st.sampled_from(["dark", "bright"]))
def test_any_picture_has_an_ink_map_of_its_shape(
    image: Image, polarity: Literal["dark", "bright"]
) -> None:
    ink = find_ink(image, polarity)
    assert ink.shape == image.shape
    assert ink.dtype == np.uint8


def test_bright_ink_in_even_light_is_dark_ink_of_the_negative() -> None:
    np.testing.assert_array_equal(find_ink(_page(), "dark"), find_ink(255 - _page(), "bright"))


# Polarity


@pytest.mark.parametrize("paper", [120, 180, 250])
def test_writing_on_paper_is_dark_and_its_negative_is_bright(paper: int) -> None:
    page = _page(paper=paper)
    assert guess_polarity(page) == "dark"
    assert guess_polarity(255 - page) == "bright"


@pytest.mark.parametrize("shade", [0.35, 0.5, 0.7])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_page_half_in_the_shade_keeps_its_polarity(shade: float, share: float) -> None:
    light = np.where(np.arange(400) < 400 * share, shade, 1.0)[None]
    page = _lit(_page(), light)
    assert guess_polarity(page) == "dark"
    assert guess_polarity(255 - page) == "bright"


@given(images)
def test_any_picture_has_a_polarity(image: Image) -> None:
    assert guess_polarity(image) in ("dark", "bright")
