"""The network: small, int8-friendly, features of several depths fused before the classifier.

Plain 3x3 convolutions with batch norm and ReLU, since those quantize well and fold into one
integer kernel each. Spatial layout is kept to the end by a depthwise convolution that spans its
whole feature map, a learned pooling per channel (Chen et al. 2018, "MobileFaceNets", global
depthwise convolution); three of them, at three depths, feed one linear classifier, so that fine
strokes and whole shapes both count (Sermanet & LeCun 2011, multi-scale features).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Architecture:
    """What it takes to build the network again.

    Attributes:
        classes: Length of a row of logits.
        size: Side of the square input, pixels.
        width: Channels of the fine features; every other size derives from it.
    """

    classes: int
    size: int = 28
    width: int = 32


class Block(nn.Sequential):
    """Convolution, batch norm, ReLU: `[n, inputs, h, w]` to `[n, outputs, h/stride, w/stride]`."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Pool(nn.Sequential):
    """Learned pooling: `[n, channels, side, side]` to `[n, channels, 1, 1]`."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, side, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )


class Fusion(nn.Module):
    """uint8 glyphs `[n, 1, size, size]` to float32 logits `[n, classes]`; scaling is inside."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, deep, side = architecture.width, architecture.width * 3 // 2, architecture.size // 4
        self.stem = Block(1, width // 2, kernel=5, stride=2)
        self.fine = nn.Sequential(Block(width // 2, width), Block(width, width))
        self.middle = Block(width, deep, stride=2)
        self.coarse = Block(deep, deep)
        self.shrink = nn.AvgPool2d(2)
        self.pool_fine = Pool(width, side)
        self.pool_middle = Pool(deep, side)
        self.pool_coarse = Pool(deep, side)
        self.classifier = nn.Linear(width + 2 * deep, architecture.classes)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify: uint8 `[n, 1, size, size]` to float32 logits `[n, classes]`."""
        return self.scaled(glyphs.to(self.classifier.weight.dtype) * (1 / 255))

    def scaled(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify float32 `[n, 1, size, size]` in 0 to 1, as augmentation leaves them."""
        fine = self.fine(self.stem(glyphs))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        fused = torch.cat(
            (
                self.pool_fine(self.shrink(fine)),
                self.pool_middle(middle),
                self.pool_coarse(coarse),
            ),
            dim=1,
        )
        logits: torch.Tensor = self.classifier(fused.flatten(1))
        return logits
