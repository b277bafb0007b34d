"""Pictures of single glyphs: one glyph out of a loose crop."""

from __future__ import annotations

from itertools import product
from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from digits_runtime.ink import as_grey, normalise
from digits_runtime.one_glyph import guess_polarity, isolate, single
from digits_train import synth

from .examples import SPEC, images, likeness

Image = NDArray[np.uint8]


def test_specks_around_a_glyph_go() -> None:
    glyph = np.pad(synth.glyph("3", np.random.default_rng(1), height=60), 20)
    dirty = glyph.copy()
    for x, y in ((8, 8), (90, 12), (10, 90)):
        dirty[y : y + 3, x : x + 3] = 255
    clean = isolate(dirty)
    assert clean[:12, :12].max() == 0
    np.testing.assert_array_equal(normalise(clean, SPEC), normalise(isolate(glyph), SPEC))


def test_a_neighbour_cut_off_by_the_border_goes() -> None:
    glyph = np.pad(synth.glyph("3", np.random.default_rng(1), height=60), 20)
    dirty = glyph.copy()
    dirty[30:60, -6:] = 255
    np.testing.assert_array_equal(normalise(isolate(dirty), SPEC), normalise(isolate(glyph), SPEC))


def test_the_detached_bar_of_a_five_stays() -> None:
    five = np.zeros((100, 80), np.uint8)
    cv2.line(five, (25, 30), (25, 50), (255,), 5)
    cv2.ellipse(five, (35, 65), (20, 16), 0, -110, 140, (255,), 5)
    body = five.copy()
    cv2.line(five, (30, 18), (60, 16), (255,), 5)
    clean = isolate(five)
    assert clean[16:19, 35:55].min() > 200
    assert not np.array_equal(normalise(clean, SPEC), normalise(isolate(body), SPEC))


def test_a_glyph_that_touches_the_border_stays() -> None:
    glyph = synth.glyph("8", np.random.default_rng(4), height=60)
    cropped = glyph[2:-2, 2:-2]
    np.testing.assert_array_equal(normalise(isolate(cropped), SPEC), normalise(cropped, SPEC))


def test_the_detached_bar_of_a_five_that_fills_its_picture_stays() -> None:
    five = np.zeros((16, 12), np.uint8)
    cv2.line(five, (1, 4), (1, 7), (255,), 1)
    cv2.ellipse(five, (4, 10), (5, 5), 0, -110, 140, (255,), 1)
    cv2.line(five, (4, 0), (11, 0), (255,), 2)
    np.testing.assert_array_equal(single(five, SPEC, "bright"), normalise(five, SPEC))


def test_what_is_ink_already_is_not_searched_for_paper() -> None:
    glyph = cv2.resize(
        synth.glyph("8", np.random.default_rng(4), height=60),
        (16, 16),
        interpolation=cv2.INTER_AREA,
    )
    np.testing.assert_array_equal(
        single(as_grey(glyph), SPEC, "bright"), normalise(as_grey(glyph), SPEC)
    )


@pytest.mark.parametrize("polarity", ["bright", "dark"])
def test_most_soft_scans_by_a_broad_pen_are_taken_as_ink_already(
    polarity: Literal["bright", "dark"],
) -> None:
    as_they_are = []
    for label, margin in product("023456789", (0, 1, 2)):
        drawn = np.pad(synth.glyph(label, np.random.default_rng(3), height=60), 8)
        drawn = as_grey(cv2.dilate(drawn, np.ones((5, 5))))
        x, y, width, height = cv2.boundingRect(drawn)
        tight = drawn[y : y + height, x : x + width]
        small = cv2.resize(tight, (16, 20), interpolation=cv2.INTER_AREA)
        scan = as_grey(cv2.GaussianBlur(np.pad(small, margin), (0, 0), 0.5))
        seen = single(scan if polarity == "bright" else as_grey(255 - scan), SPEC, polarity)
        as_they_are.append(likeness(seen, normalise(scan, SPEC)))
    assert np.quantile(as_they_are, 0.25) > 0.99


@pytest.mark.parametrize("label", list("023456789"))
def test_light_that_falls_off_a_board_is_taken_off_though_its_dark_end_is_clipped(
    label: str,
) -> None:
    ink = np.pad(synth.glyph(label, np.random.default_rng(7), height=60), 12)
    ground = np.linspace(-60, 90, ink.shape[1])[None].clip(0)
    board = np.rint(ground + (230 - ground) * (ink / 255.0)).astype(np.uint8)
    assert (board[:, 0] == 0).all()
    assert likeness(single(board, SPEC, "bright"), normalise(ink, SPEC)) > 0.93


@given(images)
@settings(max_examples=200)
def test_any_picture_is_isolated_and_normalised(image: Image) -> None:
    clean = isolate(image)
    assert clean.shape == image.shape
    assert (clean <= image).all()
    assert single(image, SPEC).shape == (28, 28)


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_isolated_without_a_crash(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (30, 30), dtype=np.uint8)
    assert isolate(noise).shape == noise.shape


@pytest.mark.parametrize("label", list("0123456789"))
def test_a_photographed_glyph_is_seen_as_its_ink_is(label: str) -> None:
    ink = np.pad(synth.glyph(label, np.random.default_rng(7), height=90), 25)
    paper = 220 - 0.7 * ink.astype(float)
    x = np.arange(ink.shape[1])
    photo = paper * (1 - 0.4 * x / ink.shape[1]) + np.random.default_rng(0).normal(0, 2, ink.shape)
    seen = single(photo.clip(0, 255).astype(np.uint8), SPEC)
    assert likeness(seen, normalise(ink, SPEC)) > 0.93


@pytest.mark.parametrize("side", [20, 28, 60])
@pytest.mark.parametrize("pen", [1, 6, 11])
@pytest.mark.parametrize("stretched", [0.0, 0.5, 1.0])
def test_ink_is_told_from_paper_however_broad_the_pen_and_tight_the_crop(
    side: int, pen: int, stretched: float
) -> None:
    rng = np.random.default_rng(0)
    nib = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pen, pen))
    told = []
    # Not a 1: cut out tight it may be a bar without any paper.
    for label in "023456789" * 8:
        drawn = cv2.dilate(np.pad(synth.glyph(label, rng, height=72), 8), nib)
        x, y, width, height = cv2.boundingRect(drawn)
        longer = max(width, height)
        # From the glyph's own proportions to a square.
        size = [round(side * (v + stretched * (longer - v)) / longer) for v in (width, height)]
        tight = cv2.resize(drawn[y : y + height, x : x + width], size, interpolation=cv2.INTER_AREA)
        told.append(guess_polarity(as_grey(tight)) == "bright")
        told.append(guess_polarity(as_grey(255 - tight)) == "dark")
    assert np.mean(told) >= 0.97
