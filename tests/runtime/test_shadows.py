"""Shadows as narrow as broad strokes, of blinds and fingers, are paper; broad strokes are ink."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.paper import find_ink
from digits_runtime.reader import Reader
from digits_train import synth

Image = NDArray[np.uint8]

PAPER = 225


def _page(numbers: list[str], shape: tuple[int, int] = (480, 640)) -> Image:
    rng = np.random.default_rng(5)
    page = np.full(shape, PAPER, np.uint8)
    for row, number in enumerate(numbers):
        for place, digit in enumerate(number):
            glyph = synth.glyph(digit, rng, height=56)
            y, x = 60 + 110 * row, 70 + 66 * place
            part = page[y : y + len(glyph), x : x + glyph.shape[1]]
            part[:] = np.minimum(part, PAPER - np.uint8(0.85 * glyph.astype(float)))
    return page


def _through_blinds(page: Image, depth: float, slant: float) -> Image:
    """A page with bands of shadow, soft at their edges, each 40 pixels broad."""
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    bands = (((y + slant * x) % 100) < 40).astype(np.float32)
    light = 1 - depth * cv2.GaussianBlur(bands, (0, 0), 5)
    return (page * light).astype(np.uint8)


@pytest.mark.parametrize("depth", [0.25, 0.4, 0.5])
@pytest.mark.parametrize("slant", [0.0, 0.15, 0.5])
def test_bands_of_shadow_are_no_ink(depth: float, slant: float) -> None:
    page = _page(["40865", "2793", "51"])
    plain = find_ink(page, "dark")
    shaded = find_ink(_through_blinds(page, depth, slant), "dark")
    strokes = cv2.erode((plain > 150).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    paper = cv2.dilate((plain > 10).astype(np.uint8), np.ones((9, 9), np.uint8)) == 0
    assert np.mean(shaded[paper] > 40) < 0.002
    assert np.median(shaded[strokes]) > 0.85 * np.median(plain[strokes])


@pytest.mark.parametrize("slant", [0.0, 0.3])
def test_numbers_in_bands_of_shadow_are_read(reader: Reader, slant: float) -> None:
    numbers = ["40865", "2793", "51"]
    assert reader.read(_through_blinds(_page(numbers), 0.4, slant)).text.split("\n") == numbers


def test_a_broad_stroke_is_ink_beside_fine_ones_as_strong() -> None:
    page = _page(["40865"])
    cv2.line(page, (100, 300), (560, 330), (50,), 40)
    inked = find_ink(page, "dark")
    assert np.median(inked[page == 50]) > 150


def test_a_page_of_broad_grey_strokes_alone_keeps_them() -> None:
    page = np.full((480, 640), PAPER, np.uint8)
    cv2.putText(page, "25", (120, 340), cv2.FONT_HERSHEY_SIMPLEX, 9, (150,), 36)
    inked = find_ink(page, "dark")
    assert np.median(inked[page == 150]) > 60


def test_a_bold_number_beside_fine_ones_is_ink() -> None:
    page = _page(["40865", "2793"])
    for left in (90, 250, 410):
        cv2.ellipse(page, (left + 60, 380), (45, 60), 0, 0, 360, (150,), 26)
    inked = find_ink(page, "dark")
    assert np.median(inked[page == 150]) > 60
