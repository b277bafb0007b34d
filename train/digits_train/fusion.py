"""The project's own networks: small, int8-friendly, features of several depths fused.

Plain convolutions with batch norm and ReLU, since those quantize well and fold into one integer
kernel each, most on maps of a quarter of the input's side, where channels are wide enough to fill
vector units and maps small enough for the cache. Spatial layout is kept to the end by a depthwise
convolution that spans its whole feature map, a learned pooling per channel (Chen et al. 2018,
"MobileFaceNets", global depthwise convolution). Features of several depths are pooled so and feed
one linear classifier: fine strokes and whole shapes both count (Sermanet & LeCun 2011, multi-scale
features).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class Layout:
    """What a network of this kind looks like, whatever its channels.

    Attributes:
        kernel: Side of the first convolution's kernel, pixels.
        stride: Of the first convolution.
        padding: Of the first convolution, pixels.
        strides: Of the 3x3 convolutions that follow, in order.
        fused: Depths whose features are classified: 0 is the first convolution, 1 the next.
    """

    kernel: int
    stride: int
    padding: int
    strides: tuple[int, ...]
    fused: tuple[int, ...]

    def sides(self, size: int) -> list[int]:
        """Side of the feature map at each depth, for an input of side `size`."""
        sides = [(size + 2 * self.padding - self.kernel) // self.stride + 1]
        for stride in self.strides:
            sides.append((sides[-1] - 1) // stride + 1)
        return sides

    def pooled(self, size: int) -> list[list[int]]:
        """The fused depths, those of equal side together: they share one pooling."""
        sides = self.sides(size)
        groups: dict[int, list[int]] = {}
        for depth in self.fused:
            groups.setdefault(sides[depth], []).append(depth)
        return list(groups.values())


LAYOUTS = {
    "fusion": Layout(kernel=5, stride=2, padding=2, strides=(2, 1, 1, 2), fused=(1, 3, 4)),
    # The input's rim is empty, so nothing is lost without padding, and maps of 6x6 take three
    # quarters of the time of 7x7: they are as many outputs as integer kernels take at a time.
    "fusion-compact": Layout(kernel=6, stride=2, padding=0, strides=(2, 1, 1, 2), fused=(1, 3, 4)),
    # Twice the resolution for longer: too slow for a board, made to teach.
    "fusion-large": Layout(kernel=5, stride=2, padding=2, strides=(1, 1, 2, 1, 2), fused=(2, 4, 5)),
}


class Block(nn.Sequential):
    """Convolution, batch norm, ReLU: `[n, inputs, h, w]` to `[n, outputs, h/stride, w/stride]`."""

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, padding: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
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
        layout: Kernels, strides and what is fused.
        channels: Of each depth, the first convolution first.
        size: Side of the input, pixels.
        classes: Length of a row of logits.
    """

    def __init__(self, layout: Layout, channels: Sequence[int], size: int, classes: int) -> None:
        super().__init__()
        self.stem = Block(
            1,
            channels[0],
            kernel=layout.kernel,
            stride=layout.stride,
            padding=layout.padding,
        )
        self.blocks = nn.ModuleList(
            Block(before, count, stride=stride)
            for before, count, stride in zip(channels, channels[1:], layout.strides, strict=False)
        )
        self.pooled, sides = layout.pooled(size), layout.sides(size)
        self.pools = nn.ModuleList(
            Pool(sum(channels[depth] for depth in depths), sides[depths[0]])
            for depths in self.pooled
        )
        self.classifier = nn.Linear(sum(channels[depth] for depth in layout.fused), classes)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify floats in 0 to 1."""
        maps = [self.stem(glyphs)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        features = [
            pool(_joined([maps[depth] for depth in depths]))
            for pool, depths in zip(self.pools, self.pooled, strict=True)
        ]
        logits: torch.Tensor = self.classifier(_joined(features).flatten(1))
        return logits


def _joined(maps: list[torch.Tensor]) -> torch.Tensor:
    return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)
