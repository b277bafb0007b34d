from __future__ import annotations

import torch

from digits_runtime.contract import InkSpec
from digits_train.augment import augment, canvas

SPEC = InkSpec()


def glyphs(count: int = 64) -> torch.Tensor:
    images = torch.zeros((count, 1, 40, 40), dtype=torch.uint8)
    images[:, :, 6:34, 17:21] = 255
    return images


def test_the_canvas_is_larger_than_the_input_by_the_same_share_as_its_box() -> None:
    assert canvas(SPEC) == InkSpec(40, 28)


def test_augmented_glyphs_are_model_input_as_floats_in_zero_to_one() -> None:
    images = augment(glyphs(), SPEC, torch.Generator().manual_seed(0))
    assert images.dtype == torch.float32
    assert images.shape == (64, 1, 28, 28)
    assert images.min() >= 0
    assert images.max() <= 1


def test_the_generator_decides_everything() -> None:
    first, again = (augment(glyphs(), SPEC, torch.Generator().manual_seed(3)) for _ in range(2))
    other = augment(glyphs(), SPEC, torch.Generator().manual_seed(4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_two_of_a_batch_are_alike_and_none_loses_its_ink() -> None:
    images = augment(glyphs(), SPEC, torch.Generator().manual_seed(0)).flatten(1)
    assert torch.cdist(images, images).add(torch.eye(64) * 9).min() > 0.5
    assert (images > 0.3).sum(1).min() >= 10


def test_augmented_glyphs_are_normalised_as_the_runtime_does() -> None:
    """The longer side fills the box and the centre of mass is the canvas's."""
    images = augment(glyphs(), SPEC, torch.Generator().manual_seed(0))[:, 0]
    rows = (images.amax(2) > 0.5).sum(1)
    assert rows.float().median() >= SPEC.box - 2
    mass = images.sum((1, 2))
    centre = (images.sum(2) * torch.arange(28)).sum(1) / mass
    assert ((centre - 13.5).abs() < 1.5).all()


def test_a_single_glyph_and_none_can_be_varied() -> None:
    for count in (1, 3):
        made = augment(glyphs(count), SPEC, torch.Generator().manual_seed(0))
        assert made.shape == (count, 1, 28, 28)
