from __future__ import annotations

import torch

from digits_train.augment import augment


def glyphs(count: int = 64) -> torch.Tensor:
    images = torch.zeros((count, 1, 28, 28), dtype=torch.uint8)
    images[:, :, 4:24, 12:15] = 255
    return images


def test_augmented_glyphs_are_floats_in_zero_to_one() -> None:
    images = augment(glyphs(), torch.Generator().manual_seed(0))
    assert images.dtype == torch.float32
    assert images.shape == (64, 1, 28, 28)
    assert images.min() >= 0
    assert images.max() <= 1


def test_the_generator_decides_everything() -> None:
    first, again = (augment(glyphs(), torch.Generator().manual_seed(3)) for _ in range(2))
    other = augment(glyphs(), torch.Generator().manual_seed(4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_two_of_a_batch_are_alike_and_none_loses_its_ink() -> None:
    images = augment(glyphs(), torch.Generator().manual_seed(0)).flatten(1)
    assert torch.cdist(images, images).add(torch.eye(64) * 9).min() > 0.5
    assert (images > 0.3).sum(1).min() >= 10
