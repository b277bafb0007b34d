from __future__ import annotations

import numpy as np
import pytest

from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_train import synth
from digits_train.corruptions import KINDS, STRENGTHS, apply, corrupt
from digits_train.data.glyphs import GlyphSet


@pytest.fixture
def glyphs() -> GlyphSet:
    images, labels = synth.generate(DIGITS, 60, 0)
    return GlyphSet("synth", images, labels, "bright", "0" * 64)


# A lean to either side is no distance between pixels.
@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"shear"}))
def test_a_stronger_corruption_departs_further_from_the_glyph(kind: str, glyphs: GlyphSet) -> None:
    departure = [
        np.mean(
            [
                np.abs(
                    apply(image, kind, strength, np.random.default_rng(0)).astype(int) - image
                ).mean()
                for image in glyphs.images
            ]
        )
        for strength in STRENGTHS
    ]
    assert departure == sorted(departure)
    assert departure[0] > 0


def test_a_sheared_glyph_keeps_its_ink_and_its_rows(glyphs: GlyphSet) -> None:
    for strength in STRENGTHS:
        for image in glyphs.images[:10]:
            leaning = apply(image, "shear", strength, np.random.default_rng(1))
            assert leaning.shape[0] == image.shape[0]
            assert leaning.sum(dtype=int) == pytest.approx(image.sum(dtype=int), rel=0.1)


def test_a_set_is_corrupted_the_same_way_every_time(glyphs: GlyphSet) -> None:
    first, again = corrupt(glyphs), corrupt(glyphs)
    assert all(np.array_equal(a, b) for a, b in zip(first.images, again.images, strict=True))
    assert first.name == "synth-corrupted"
    assert corrupt(glyphs, "fog").name == "synth-corrupted-fog"
    assert np.array_equal(first.labels, glyphs.labels)


def test_an_unknown_corruption_is_named_with_the_known_ones(glyphs: GlyphSet) -> None:
    with pytest.raises(InputError, match=r"rain.*fog"):
        corrupt(glyphs, "rain")
