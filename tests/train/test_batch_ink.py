from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from digits_runtime import ink
from digits_runtime.contract import ALNUM, InkSpec
from digits_train import synth
from digits_train.batch_ink import normalise


def scenes(count: int, side: int, seed: int) -> np.ndarray:
    """Glyphs of all sizes, places and strengths, some grainy: uint8 `[count, side, side]`."""
    rng = np.random.default_rng(seed)
    drawn, _ = synth.generate(ALNUM, 500, seed)
    made = np.zeros((count, side, side), np.uint8)
    for image in made:
        glyph = drawn[int(rng.integers(len(drawn)))]
        zoom = rng.uniform(0.3, 1.0) * side / max(glyph.shape)
        matrix = np.array(
            [
                [zoom * rng.uniform(0.7, 1), rng.uniform(-0.2, 0.2), rng.uniform(-2, side / 4)],
                [rng.uniform(-0.2, 0.2), zoom, rng.uniform(-2, side / 4)],
            ]
        )
        placed = cv2.warpAffine(glyph, matrix, (side, side)).astype(float) * rng.uniform(0.2, 1)
        grain = rng.normal(0, rng.choice((0, 0, 8)), placed.shape)
        image[:] = np.clip(placed + grain, 0, 255)
    return made


@pytest.mark.parametrize("side", [20, 24, 28, 34, 40])
def test_a_batch_equals_the_runtime_within_one_grey_level_on_2000_glyphs(side: int) -> None:
    """Five sizes of canvas: 10,000 glyphs in all."""
    spec, images = InkSpec(), scenes(2000, side, side)
    expected = np.stack([ink.normalise(image, spec) for image in images]).astype(int)
    found = normalise(torch.from_numpy(images)[:, None], spec)[:, 0].numpy().astype(int)
    assert np.abs(expected - found).max() <= 1


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(12, 48),
    share=st.floats(0.5, 0.9),
    side=st.integers(8, 64),
    seed=st.integers(0, 1000),
)
def test_other_sizes_of_input_are_normalised_alike(
    size: int, share: float, side: int, seed: int
) -> None:
    spec = InkSpec(size, max(4, int(size * share)))
    images = scenes(4, side, seed % 3)
    expected = np.stack([ink.normalise(image, spec) for image in images]).astype(int)
    found = normalise(torch.from_numpy(images)[:, None], spec)[:, 0].numpy().astype(int)
    assert np.abs(expected - found).max() <= 1


def test_no_ink_gives_no_ink() -> None:
    assert normalise(torch.zeros(3, 1, 20, 20, dtype=torch.uint8), InkSpec()).eq(0).all()
