"""The networks by name, and what it takes to build one again.

All take uint8 glyphs `[n, 1, size, size]` (scaled inside) or, while training, float32 ones in 0 to
1, and give float32 logits `[n, classes]`. Those of `fusion.LAYOUTS` are the project's own;
the others are here to be compared with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from digits_train.classic import LeNet5, ResNet18, Vgg11
from digits_train.fusion import LAYOUTS, Fusion
from digits_train.patches import FastText

NAMES = (*LAYOUTS, "lenet5", "resnet18", "vgg11", "fasttext")
# Peak learning rates of AdamW. Embeddings, of which each glyph touches few, need large steps.
LEARNING_RATES = {
    "fusion": 4e-3,
    "fusion-compact": 4e-3,
    "fusion-large": 4e-3,
    "lenet5": 4e-3,
    "resnet18": 1e-3,
    "vgg11": 1e-3,
    "fasttext": 5e-2,
}
# Up to so many labels the narrow network does.
_FEW_LABELS = 16
# For few labels and for many.
_CHANNELS = {
    "fusion": ((16, 48, 48, 48, 64), (24, 64, 64, 64, 96)),
    "fusion-compact": ((16, 48, 48, 48, 64), (24, 64, 64, 64, 96)),
    "fusion-large": ((32, 48, 48, 96, 96, 128), (48, 72, 72, 144, 144, 192)),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """What it takes to build a network again.

    Attributes:
        classes: Length of a row of logits.
        name: One of NAMES.
        size: Side of the square input, pixels.
        channels: Of each depth of the project's own networks; empty for the others, whose sizes
            are fixed.
    """

    classes: int
    name: str = "fusion"
    size: int = 28
    channels: tuple[int, ...] = ()


class Scaled(nn.Module):
    """A network that sees 0 to 1, behind the uint8 input that every model file has."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify `[n, 1, size, size]`: uint8, or floats in 0 to 1."""
        if glyphs.dtype == torch.uint8:
            glyphs = glyphs.to(torch.float32) * (1 / 255)
        logits: torch.Tensor = self.inner(glyphs)
        return logits


def design(name: str, classes: int, labels: int, size: int) -> Architecture:
    """The architecture for so many labels; the project's own grow with them."""
    channels = _CHANNELS[name][labels > _FEW_LABELS] if name in LAYOUTS else ()
    return Architecture(classes, name, size, channels)


def depths(name: str) -> int:
    """How many channels an architecture of this name has to give."""
    return 1 + len(LAYOUTS[name].strides) if name in LAYOUTS else 0


def build(architecture: Architecture) -> Scaled:
    """Build a network with fresh weights."""
    size, classes = architecture.size, architecture.classes
    if layout := LAYOUTS.get(architecture.name):
        return Scaled(Fusion(layout, architecture.channels, size, classes))
    others: dict[str, Callable[[int, int], nn.Module]] = {
        "lenet5": LeNet5,
        "resnet18": ResNet18,
        "vgg11": Vgg11,
        "fasttext": FastText,
    }
    return Scaled(others[architecture.name](size, classes))


def parameters(network: nn.Module) -> int:
    """How many numbers are learnt."""
    return sum(parameter.numel() for parameter in network.parameters())
