"""Grey, grain, and ink made one size, in one place, of one strength."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_runtime.ink import at_least, normalise, normalise_each, to_grey, without_grain
from digits_runtime.one_glyph import _departure, single
from digits_train import synth

from .examples import SPEC, images, likeness

Image = NDArray[np.uint8]

_seeds = st.integers(0, 2**32 - 1)
_digits = st.builds(
    lambda label, seed, height: synth.glyph(label, np.random.default_rng(seed), height=height),
    st.sampled_from("0123456789"),
    _seeds,
    st.integers(12, 150),
)


def _centre(image: Image) -> tuple[float, float]:
    mass = cv2.moments(image)
    return mass["m10"] / mass["m00"], mass["m01"] / mass["m00"]


def _bounds(image: Image) -> tuple[int, int]:
    rows, columns = np.nonzero(image)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


# Grey, and what is no frame


@given(images)
def test_a_grey_frame_is_the_same_with_one_and_with_three_channels(image: Image) -> None:
    for polarity in ("dark", "bright"):
        np.testing.assert_array_equal(to_grey(image[:, :, None], polarity), image)
        np.testing.assert_array_equal(to_grey(np.dstack([image] * 3), polarity), image)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4), bool),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((), np.uint8),
    ],
    ids=lambda frame: f"{frame.dtype}{list(frame.shape)}",
)
def test_an_array_that_is_no_frame_is_an_input_error(frame: Image) -> None:
    with pytest.raises(InputError, match="frame must"):
        to_grey(frame, "dark")
    with pytest.raises(InputError, match="frame must"):
        single(frame, SPEC)


# Rounding


def test_ink_is_rounded_alike_on_every_processor() -> None:
    light, paper = (part.astype(np.uint8) for part in np.mgrid[0:256, 32:256])
    exact = 255 - np.minimum((510 * light.astype(int) + paper) // (2 * paper.astype(int)), 255)
    assert np.array_equal(_departure(light, paper), exact)


# Grain


@given(images, st.integers(0, 255))
def test_grain_comes_off_all_ink_alike(image: Image, strength: int) -> None:
    expected = np.maximum(image.astype(int) - strength, 0)
    np.testing.assert_array_equal(without_grain(image, strength), expected)


@given(images, st.integers(256, 700))
def test_grain_stronger_than_all_ink_leaves_none(image: Image, strength: int) -> None:
    assert without_grain(image, strength).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 4), (2, 2), (5, 1), (1, 5), (30, 40)])
def test_levels_are_kept_whatever_the_shape(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(at_least(picture, 40), np.maximum(picture, 40))
    np.testing.assert_array_equal(without_grain(picture, 40), np.maximum(picture, 40) - 40)


# One size, one place, one strength


@given(images, st.sampled_from([SPEC, InkSpec(32, 24), InkSpec(8, 8), InkSpec(64, 30)]))
def test_any_ink_fits_the_input(image: Image, spec: InkSpec) -> None:
    seen = normalise(image, spec)
    assert seen.shape == (spec.size, spec.size)
    assert seen.dtype == np.uint8
    assert seen.any() == image.any()
    if seen.any():
        assert max(_bounds(seen)) <= spec.box


@given(_digits, st.sampled_from([SPEC, InkSpec(32, 24)]))
def test_the_longer_side_of_a_glyph_fills_the_box(ink: Image, spec: InkSpec) -> None:
    assert max(_bounds(normalise(ink, spec))) == spec.box


@given(st.integers(4, 200), st.integers(4, 200))
def test_the_aspect_is_kept(height: int, width: int) -> None:
    ink = np.pad(np.full((height, width), 255, np.uint8), 9)
    rows, columns = _bounds(normalise(ink, SPEC))
    scale = SPEC.box / max(height, width)
    assert abs(rows - height * scale) <= 1
    assert abs(columns - width * scale) <= 1


@given(_digits)
def test_the_centre_of_mass_is_the_centre(ink: Image) -> None:
    assert _centre(normalise(ink, SPEC)) == pytest.approx((14, 14), abs=1.0)


@given(_digits, st.integers(0, 40), st.integers(0, 40))
def test_the_place_in_the_crop_does_not_matter(ink: Image, left: int, top: int) -> None:
    moved = np.pad(ink, ((top, 3), (left, 7)))
    np.testing.assert_array_equal(normalise(moved, SPEC), normalise(ink, SPEC))


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (7, 300)])
def test_no_ink_stays_none(shape: tuple[int, int]) -> None:
    assert not normalise(np.zeros(shape, np.uint8), SPEC).any()
    assert not normalise(np.zeros((0, 5), np.uint8), SPEC).any()


@pytest.mark.parametrize("pen", [1, 2, 4, 12, 40])
def test_a_hair_thin_stroke_is_as_strong_as_a_broad_one(pen: int) -> None:
    ink = np.zeros((400, 400), np.uint8)
    cv2.ellipse(ink, (200, 200), (110, 170), 0, 0, 360, (255,), pen)
    seen = normalise(ink, SPEC)
    assert seen.max() == 255
    assert 165 < seen[seen > 30].mean() < 230


@pytest.mark.parametrize("strength", [20, 60, 140])
def test_faint_ink_becomes_as_strong_as_black(strength: int) -> None:
    black = synth.glyph("5", np.random.default_rng(1), height=80)
    faint = (black.astype(int) * strength // 255).astype(np.uint8)
    difference = np.abs(normalise(black, SPEC).astype(int) - normalise(faint, SPEC))
    assert difference.mean() < 3


@given(_digits)
def test_what_is_normal_already_hardly_changes(ink: Image) -> None:
    once = normalise(ink, SPEC)
    twice = normalise(once, SPEC)
    assert likeness(once, twice) > 0.99


@given(st.sampled_from("0123456789"), _seeds)
def test_an_image_like_those_of_mnist_passes_nearly_unchanged(label: str, seed: int) -> None:
    # MNIST's making: a glyph in a box of 20, its centre of mass in the middle of 28.
    glyph = synth.glyph(label, np.random.default_rng(seed), height=60)
    box = glyph[2:-2, 2:-2]
    scale = 20 / max(box.shape)
    size = max(1, round(box.shape[1] * scale)), max(1, round(box.shape[0] * scale))
    small = np.asarray(cv2.resize(box, size, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = (round(14 - middle) for middle in _centre(small))
    x, y = min(max(x, 0), 28 - size[0]), min(max(y, 0), 28 - size[1])
    image = np.zeros((28, 28), np.uint8)
    image[y : y + size[1], x : x + size[0]] = small
    assert likeness(image, normalise(image, SPEC)) > 0.94
    assert likeness(image, single(image, SPEC, "bright")) > 0.94


@pytest.mark.parametrize("side", [200, 1000, 3000])
def test_ink_that_vanishes_when_shrunk_is_no_crash(side: int) -> None:
    specks = np.zeros((side, side), np.uint8)
    specks[0, 0] = specks[-1, -1] = 255
    assert normalise(specks, SPEC).shape == (28, 28)


@pytest.mark.parametrize("strength", [1, 3, 255])
def test_a_hairline_across_a_large_picture_is_no_crash(strength: int) -> None:
    hairline = np.eye(1000, dtype=np.uint8) * np.uint8(strength)
    assert normalise(hairline, SPEC).shape == (28, 28)


def test_glyphs_normalised_together_are_as_each_alone() -> None:
    rng = np.random.default_rng(4)
    inks = [synth.glyph(str(n % 10), rng) for n in range(40)]
    inks += [np.zeros((9, 7), np.uint8), np.full((1, 1), 3, np.uint8)]
    inks += [rng.integers(0, 256, (high, 31), np.uint8) for high in (1, 8, 60)]
    each = np.stack([normalise(one, SPEC) for one in inks])[:, None]
    np.testing.assert_array_equal(normalise_each(inks, SPEC), each)
    assert normalise_each([], SPEC).shape == (0, 1, SPEC.size, SPEC.size)
