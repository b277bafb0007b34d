"""The project's own network: small, int8-friendly, features of several depths fused.

Plain 3x3 convolutions with batch norm and ReLU, since those quantize well and fold into one
integer kernel each; all but the first run at a quarter of the input's side, where channels are
wide enough to fill vector units and maps small enough for the cache. Spatial layout is kept to the
end by a depthwise convolution that spans its whole feature map, a learned pooling per channel
(Chen et al. 2018, "MobileFaceNets", global depthwise convolution); three of them, at three depths,
feed one linear classifier, so that fine strokes and whole shapes both count (Sermanet & LeCun
2011, multi-scale features).
"""

from __future__ import annotations

import torch
from torch import nn


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
    """Floats `[n, 1, size, size]` in 0 to 1 to logits `[n, classes]`.

    Args:
        channels: Of the stem, the three convolutions at a quarter of the side, and the last.
        size: Side of the input, pixels.
        classes: Length of a row of logits.
    """

    def __init__(self, channels: tuple[int, ...], size: int, classes: int) -> None:
        super().__init__()
        stem, fine, middle, coarse, whole = channels
        half = (size + 1) // 2
        quarter = (half + 1) // 2
        self.stem = Block(1, stem, kernel=5, stride=2)
        self.fine = Block(stem, fine, stride=2)
        self.middle = Block(fine, middle)
        self.coarse = Block(middle, coarse)
        self.whole = Block(coarse, whole, stride=2)
        self.pool_fine = Pool(fine, quarter)
        self.pool_coarse = Pool(coarse, quarter)
        self.pool_whole = Pool(whole, (quarter + 1) // 2)
        self.classifier = nn.Linear(fine + coarse + whole, classes)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify floats in 0 to 1."""
        fine = self.fine(self.stem(glyphs))
        coarse = self.coarse(self.middle(fine))
        whole = self.whole(coarse)
        fused = torch.cat(
            (self.pool_fine(fine), self.pool_coarse(coarse), self.pool_whole(whole)), dim=1
        )
        logits: torch.Tensor = self.classifier(fused.flatten(1))
        return logits
