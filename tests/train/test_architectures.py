from __future__ import annotations

import numpy as np
import pytest
import torch

from digits_runtime.contract import DIGITS, InkSpec
from digits_train import synth
from digits_train.architectures import NAMES, build, design, parameters
from digits_train.patches import FastText


@pytest.mark.parametrize("name", NAMES)
def test_every_network_takes_bytes_and_floats_alike(name: str) -> None:
    torch.manual_seed(0)
    network = build(design(name, 11, 10, 28)).eval()
    glyphs = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    logits = network(glyphs)
    assert logits.shape == (3, 11)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(network(glyphs.float() / 255), logits)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_of_every_network_learns(name: str) -> None:
    network = build(design(name, 11, 10, 28)).train()
    network(torch.rand(4, 1, 28, 28)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_default_network_is_small_and_grows_with_the_labels() -> None:
    assert parameters(build(design("fusion", 11, 10, 28))) < 90_000
    assert parameters(build(design("fusion", 37, 36, 28))) < 180_000


@pytest.mark.parametrize("name", ["fusion", "fusion-compact", "fusion-large"])
@pytest.mark.parametrize("size", [20, 28, 33, 40])
def test_the_projects_own_networks_take_other_sizes(name: str, size: int) -> None:
    network = build(design(name, 11, 10, size)).eval()
    assert network(torch.rand(2, 1, size, size)).shape == (2, 11)


def test_patches_of_a_glyph_moved_are_other_words_but_an_equal_glyph_has_equal_words() -> None:
    network = FastText(28, 10)
    glyph = torch.zeros(1, 1, 28, 28)
    glyph[:, :, 6:22, 12:15] = 1
    words = network.words(glyph)
    assert torch.equal(words, network.words(glyph.clone()))
    assert not torch.equal(words, network.words(glyph.roll(4, 3)))
    assert words.min() >= 0
    assert words.max() < network.embeddings.num_embeddings


def test_fasttext_learns_from_very_little() -> None:
    """Ten glyphs a class, no augmentation: far better than chance on glyphs never seen."""
    spec = InkSpec()
    torch.manual_seed(0)

    def drawn(each: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = synth.generate(DIGITS, each * 10, seed)
        from digits_runtime.ink import normalise

        glyphs = np.stack([normalise(image, spec) for image in images])[:, None]
        return torch.from_numpy(glyphs), torch.tensor([int(label) for label in labels])

    network = build(design("fasttext", 10, 10, 28))
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1)
    glyphs, labels = drawn(10, 0)
    for _ in range(30):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(glyphs), labels).backward()
        optimizer.step()
    glyphs, labels = drawn(30, 1)
    assert (network(glyphs).argmax(1) == labels).float().mean() > 0.4
