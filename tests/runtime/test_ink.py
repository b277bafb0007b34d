from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_runtime.ink import (
    _departure,
    as_grey,
    at_least,
    guess_polarity,
    isolate,
    normalise,
    single,
    to_grey,
    without_grain,
)
from digits_runtime.paper import find_ink
from digits_train import synth

Image = NDArray[np.uint8]

SPEC = InkSpec()
PAPER = 230

_images = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60)), elements=st.integers(0, 255)
)
_seeds = st.integers(0, 2**32 - 1)
_digits = st.builds(
    lambda label, seed, height: synth.glyph(label, np.random.default_rng(seed), height=height),
    st.sampled_from("0123456789"),
    _seeds,
    st.integers(12, 150),
)


def _page(text: str = "5281", paper: int = PAPER, ink: int = 40) -> Image:
    page = np.full((300, 400), paper, np.uint8)
    for place, glyph in enumerate(text):
        cv2.putText(page, glyph, (30 + 90 * place, 190), cv2.FONT_HERSHEY_SIMPLEX, 3, (ink,), 8)
    return page


def _lit(page: Image, light: NDArray[np.float64]) -> Image:
    return (page * light).astype(np.uint8)


def _centre(image: Image) -> tuple[float, float]:
    mass = cv2.moments(image)
    return mass["m10"] / mass["m00"], mass["m01"] / mass["m00"]


def _bounds(image: Image) -> tuple[int, int]:
    rows, columns = np.nonzero(image)
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def _likeness(a: Image, b: Image) -> float:
    """Correlation at the best shift by at most a pixel: half pixels round either way."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    shifted = [np.roll(b, shift, (0, 1)).ravel() for shift in shifts]
    return max(float(np.corrcoef(a.ravel(), each)[0, 1]) for each in shifted)


# What is ink


def test_ink_is_rounded_alike_on_every_processor() -> None:
    light, paper = (part.astype(np.uint8) for part in np.mgrid[0:256, 32:256])
    exact = 255 - np.minimum((510 * light.astype(int) + paper) // (2 * paper.astype(int)), 255)
    assert np.array_equal(_departure(light, paper), exact)


@pytest.mark.parametrize("darkest", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("polarity", ["dark", "bright"])
def test_uneven_light_leaves_strokes_as_strong(
    darkest: float, polarity: Literal["dark", "bright"]
) -> None:
    even = find_ink(_page(), "dark")
    lit = _lit(_page(), np.linspace(1, darkest, 400)[None])
    uneven = find_ink(lit if polarity == "dark" else 255 - lit, polarity)
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
    # The paper is found in blocks: on the lit side it is dimmed for a few pixels.
    apart = np.delete(stroke, np.s_[150 - 45 - 8 : 150 - 45 + 1])
    assert int(apart.max()) - int(apart.min()) <= 4
    assert stroke.min() > 0.6 * stroke.max()


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


def test_empty_paper_of_any_brightness_has_no_ink() -> None:
    for level in (0, 1, 31, 32, 33, 128, 254, 255):
        paper = np.full((50, 70), level, np.uint8)
        assert find_ink(np.maximum(paper, 32), "dark").max() == 0


@given(_images, st.sampled_from(["dark", "bright"]))
def test_any_picture_has_an_ink_map_of_its_shape(
    image: Image, polarity: Literal["dark", "bright"]
) -> None:
    ink = find_ink(image, polarity)
    assert ink.shape == image.shape
    assert ink.dtype == np.uint8


@given(_images)
def test_bright_ink_is_dark_ink_of_the_negative(image: Image) -> None:
    np.testing.assert_array_equal(find_ink(image, "dark"), find_ink(255 - image, "bright"))


# Grey, and what is no frame


@given(_images)
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


@given(_images)
def test_any_picture_has_a_polarity(image: Image) -> None:
    assert guess_polarity(image) in ("dark", "bright")


# Grain


@given(_images, st.integers(0, 255))
def test_grain_comes_off_all_ink_alike(image: Image, strength: int) -> None:
    expected = np.maximum(image.astype(int) - strength, 0)
    np.testing.assert_array_equal(without_grain(image, strength), expected)


@given(_images, st.integers(256, 700))
def test_grain_stronger_than_all_ink_leaves_none(image: Image, strength: int) -> None:
    assert without_grain(image, strength).max() == 0


# One size, one place, one strength


@given(_images, st.sampled_from([SPEC, InkSpec(32, 24), InkSpec(8, 8), InkSpec(64, 30)]))
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
    assert _likeness(once, twice) > 0.99


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
    assert _likeness(image, normalise(image, SPEC)) > 0.94
    assert _likeness(image, single(image, SPEC, "bright")) > 0.94


@pytest.mark.parametrize("side", [200, 1000, 3000])
def test_ink_that_vanishes_when_shrunk_is_no_crash(side: int) -> None:
    specks = np.zeros((side, side), np.uint8)
    specks[0, 0] = specks[-1, -1] = 255
    assert normalise(specks, SPEC).shape == (28, 28)


@pytest.mark.parametrize("strength", [1, 3, 255])
def test_a_hairline_across_a_large_picture_is_no_crash(strength: int) -> None:
    hairline = np.eye(1000, dtype=np.uint8) * np.uint8(strength)
    assert normalise(hairline, SPEC).shape == (28, 28)


# One glyph out of a loose crop


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


@given(_images)
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
    assert _likeness(seen, normalise(ink, SPEC)) > 0.93


@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 4), (2, 2), (5, 1), (1, 5), (30, 40)])
def test_levels_are_kept_whatever_the_shape(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(at_least(picture, 40), np.maximum(picture, 40))
    np.testing.assert_array_equal(without_grain(picture, 40), np.maximum(picture, 40) - 40)
