from __future__ import annotations

import cv2
import numpy as np
import pytest

from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_runtime.pairs import PAIRS
from digits_train import synth
from digits_train.data import touching
from digits_train.data.glyphs import GlyphSet


@pytest.fixture(scope="module")
def source() -> GlyphSet:
    images, labels = synth.generate(DIGITS, 100, 0)
    return GlyphSet("synth", images, labels, "bright", "abc")


@pytest.fixture(scope="module")
def joined(source: GlyphSet) -> GlyphSet:
    return touching.join([source], "validation", 0)


def test_every_digit_and_every_pair_is_there(joined: GlyphSet) -> None:
    assert joined.name == "pairs-validation"
    assert joined.polarity == "bright"
    names, counts = np.unique(joined.labels, return_counts=True)
    assert set(names.tolist()) == set(PAIRS)
    assert {label: set(counts[[len(n) == label for n in names]].tolist()) for label in (1, 2)} == {
        1: {60},
        2: {30},
    }
    assert all(image.dtype == np.uint8 and image.any() for image in joined.images)


def test_a_pair_is_narrowed_and_still_broader_than_a_digit(joined: GlyphSet) -> None:
    aspects = [image.shape[1] / image.shape[0] for image in joined.images]
    pairs = np.array([len(label) == 2 for label in joined.labels.tolist()])
    one, two = (float(np.median(np.array(aspects)[chosen])) for chosen in (~pairs, pairs))
    assert 1.3 * one < two < 2 * one
    assert two < 1


def test_the_same_seed_makes_the_same_pairs(source: GlyphSet, joined: GlyphSet) -> None:
    again = touching.join([source], "validation", 0)
    assert again.sha256 == joined.sha256
    assert all(np.array_equal(a, b) for a, b in zip(again.images, joined.images, strict=True))
    other = touching.join([source], "validation", 1)
    assert other.sha256 != joined.sha256
    assert not all(
        a.shape == b.shape and np.array_equal(a, b)
        for a, b in zip(other.images, joined.images, strict=True)
    )


def test_most_pairs_hang_together_and_lose_no_ink(source: GlyphSet) -> None:
    rng = np.random.default_rng(0)
    ones = [image[2:-2, 2:-2] for image in source.select(("0", "3", "8")).images]
    together = 0
    for number in range(100):
        left, right = ones[number % len(ones)], ones[(7 * number + 1) % len(ones)]
        both = touching.touching(left, right, rng)
        assert both.shape[1] <= left.shape[1] + right.shape[1] + 0.1 * max(len(left), len(right))
        # The left one is there whole, and so is most of what the other has beyond it.
        rows = [top for top in range(len(both) - len(left) + 1) if _within(left, both[top:])]
        assert rows
        inked = [int((glyph > 64).sum()) for glyph in (left, right, both)]
        assert inked[2] >= max(inked[:2]) + 0.3 * min(inked[:2])
        single = cv2.connectedComponents((left > 64).astype(np.uint8))[0] - 1
        single += cv2.connectedComponents((right > 64).astype(np.uint8))[0] - 1
        together += cv2.connectedComponents((both > 64).astype(np.uint8))[0] - 1 < single
    assert together > 70


def test_glyphs_without_ink_or_rows_in_common_are_put_side_by_side() -> None:
    rng = np.random.default_rng(0)
    nothing = np.zeros((20, 10), np.uint8)
    for _ in range(30):
        assert not touching.touching(nothing, nothing, rng).any()
    top, foot = np.zeros((40, 10), np.uint8), np.zeros((40, 10), np.uint8)
    top[:4], foot[-4:] = 255, 255
    for _ in range(30):
        both = touching.touching(top, foot, rng)
        assert 8 <= both.shape[1] <= 24
        assert (both > 0).sum() >= 80


def test_a_source_without_a_digit_is_refused(source: GlyphSet) -> None:
    few = source.select(DIGITS[:9])
    with pytest.raises(InputError, match="synth has no 9 to put pairs together from"):
        touching.join([few], "validation", 0)


def _within(glyph: np.ndarray, canvas: np.ndarray) -> bool:
    part = canvas[: len(glyph), : glyph.shape[1]]
    return part.shape == glyph.shape and bool((part >= glyph).all())
