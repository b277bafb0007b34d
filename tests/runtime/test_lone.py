"""Pictures of one glyph cut out tight, read as a page is; and small pictures of none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.ink import as_grey
from digits_runtime.reader import Reader
from digits_train import synth

Image = NDArray[np.uint8]


def _tight(label: str, rng: np.random.Generator, side: int, pen: int) -> Image:
    """A glyph that reaches its picture's border on all sides, bright on black."""
    nib = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen, pen))
    drawn = cv2.dilate(np.pad(synth.glyph(label, rng, height=72), 8), nib)
    x, y, width, height = cv2.boundingRect(drawn)
    scale = side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    crop = drawn[y : y + height, x : x + width]
    return as_grey(cv2.resize(crop, size, interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("side", [24, 60, 140])
@pytest.mark.parametrize("pen", [2, 7])
@pytest.mark.parametrize("dark", [False, True])
def test_a_glyph_cut_out_tight_is_read(reader: Reader, side: int, pen: int, dark: bool) -> None:
    rng = np.random.default_rng(5)
    right = []
    for label in "0123456789" * 2:
        picture = _tight(label, rng, side, pen)
        text = reader.read(as_grey(255 - picture) if dark else picture).text
        assert len(text) <= 1
        right.append(text == label)
    assert np.mean(right) >= 0.8


def test_the_box_is_that_of_its_ink(reader: Reader) -> None:
    picture = _tight("3", np.random.default_rng(1), 60, 4)
    roomy = np.pad(picture, ((0, 0), (5, 2)))
    (glyph,) = reader.read(roomy).lines[0]
    x, y, width, height = glyph.box
    assert (glyph.label, y, height) == ("3", 0, 60)
    assert abs(x - 5) <= 1
    assert abs(width - picture.shape[1]) <= 2


def test_it_has_a_confidence(reader: Reader) -> None:
    reading = reader.read(_tight("3", np.random.default_rng(1), 60, 4))
    assert len(reading.confidences) == 1
    assert 0.5 < reading.confidences[0] <= 1


def test_a_page_turned_upside_down_has_its_glyph_there() -> None:
    picture = _tight("6", np.random.default_rng(1), 60, 4)
    assert Reader(upside_down=True).read(picture[::-1, ::-1]).text == "6"


@pytest.mark.parametrize("noise", [0, 3, 8])
@pytest.mark.parametrize("shade", [1.0, 0.8, 0.6])
def test_a_small_picture_of_paper_has_no_glyph(reader: Reader, noise: int, shade: float) -> None:
    rng = np.random.default_rng(0)
    for side in (20, 60, 150):
        light = np.where(np.arange(side) < 0.4 * side, shade, 1.0) * 200
        paper = light + rng.normal(0, noise, (side, side))
        assert reader.read(np.asarray(paper.clip(0, 255), np.uint8)).text == ""


@pytest.mark.parametrize("width", [4, 10, 20, 60])
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_glyph(reader: Reader, width: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (140, width), dtype=np.uint8)
    assert reader.read(noise).text == ""
