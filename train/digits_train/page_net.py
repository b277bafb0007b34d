"""The network that sees all glyphs of a page at once, and what it has to learn of a crop.

A small convolutional trunk to an eighth of the page's size and on to a sixteenth; on either a head
of 1x1 convolutions. Each place tells of its four quarters whether a glyph's centre lies there
(CenterNet, Zhou et al. 2019, "Objects as Points"), then the logarithms of the glyph's width and
height, and the scores of the labels. What counts as small and large is in
`digits_runtime.page_network`, which reads these maps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from digits_runtime.page_network import FINE, PLACED, QUARTERS, SIZE_STEPS, STRIDES

# Channels at a quarter, an eighth and a sixteenth of the page's size, and of the heads.
_CHANNELS = (16, 32, 48, 64)
_DEEP = 3  # convolutions at an eighth, and as many at a sixteenth
# Scores of centres begin low: hardly any place is one.
_RARE = -4.0
# A glyph belongs to one map; of those up to that much larger or smaller the other need not know.
_OVERLAP, _NEAR = 1.08, 1.45
# A glyph is to be found if this share of its box is in the crop.
_VISIBLE = 0.75
# The bump around a centre: its deviation as a share of the glyph, and the least and most, places.
_BUMP, _LEAST, _MOST = 0.11, 0.6, 1.5
_PARTLY = 0.3  # from here on its bump, a place tells size and label
_SIZE_WEIGHT, _LABEL_WEIGHT, _SMOOTHING = 0.5, 0.7, 0.02


class PlacedLabel(NamedTuple):
    """A glyph in a crop: index of its label, and its box in pixels."""

    label: int
    x: float
    y: float
    w: float
    h: float


class Target(NamedTuple):
    """What one map is to show of one crop, or stacked of several.

    Attributes:
        centres: float32 `[2n, 2n]`, 1 at centres, falling off around them.
        counted: float32 `[2n, 2n]`, 0 where it does not matter.
        sizes: float32 `[2, n, n]`.
        labels: int64 `[n, n]`.
        weights: float32 `[n, n]`, how much a place tells of a glyph.
    """

    centres: NDArray[np.float32]
    counted: NDArray[np.float32]
    sizes: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32]


class PageNet(nn.Module):
    """From ink, four pixels side by side as channels, to the fine and the coarse map.

    Args:
        labels: How many.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        first, eighth, sixteenth, head = _CHANNELS
        self.stem = _layer(4, first, (6, 3), (4, 1), (1, 1))
        self.down8 = _layer(first, eighth, stride=(2, 2))
        self.at8 = nn.Sequential(*(_layer(eighth, eighth) for _ in range(_DEEP)))
        self.down16 = _layer(eighth, sixteenth, stride=(2, 2))
        self.at16 = nn.Sequential(*(_layer(sixteenth, sixteenth) for _ in range(_DEEP)))
        self.h8, self.h16 = (_head(inner, head, PLACED + labels) for inner in (eighth, sixteenth))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """See `[n, 4, h, w / 4]`, uint8 or floats in 0 to 1: two maps `[n, 6 + labels, .., ..]`."""
        if pixels.dtype == torch.uint8:
            pixels = pixels.to(torch.float32) * (1 / 255)
        fine = self.at8(self.down8(self.stem(pixels)))
        return self.h8(fine), self.h16(self.at16(self.down16(fine)))


def as_channels(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Four pixels side by side as channels: `[h, w]` to `[4, h, w / 4]`."""
    return np.ascontiguousarray(ink.reshape(ink.shape[0], -1, 4).transpose(2, 0, 1))


def targets(glyphs: Sequence[PlacedLabel], side: int) -> tuple[Target, Target]:
    """What the two maps are to show of a square crop.

    Args:
        glyphs: In the crop, or partly.
        side: Of the crop, pixels, a multiple of 16.
    """
    return _target(glyphs, side, 0), _target(glyphs, side, 1)


def _target(glyphs: Sequence[PlacedLabel], side: int, coarse: int) -> Target:
    stride = STRIDES[coarse]
    n, cell = side // stride, stride / 2
    centres, counted = np.zeros((2 * n, 2 * n), np.float32), np.ones((2 * n, 2 * n), np.float32)
    sizes, labels = np.zeros((2, n, n), np.float32), np.zeros((n, n), np.int64)
    weights = np.zeros((n, n), np.float32)
    rows, columns = np.mgrid[: 2 * n, : 2 * n]
    for label, x, y, w, h in glyphs:
        share = max(w, h) / FINE
        mine = share >= 1 / _OVERLAP if coarse else share <= _OVERLAP
        column, row = round((x + w / 2) / cell - 0.5), round((y + h / 2) / cell - 0.5)
        across = min(x + w, side) - max(x, 0)
        visible = across * (min(y + h, side) - max(y, 0)) > _VISIBLE * w * h and across > 0
        if not visible or (not mine and 1 / _NEAR < share < _NEAR):
            down = slice(max(int(y / cell - 1), 0), max(int((y + h) / cell + 2), 0))
            counted[down, max(int(x / cell - 1), 0) : max(int((x + w) / cell + 2), 0)] = 0
            continue
        if not mine:
            continue
        spread = np.clip(_BUMP * np.array([w + 0.3 * h, h + 0.3 * w]) / cell, _LEAST, _MOST)
        far = ((columns - column) / spread[0]) ** 2 + ((rows - row) / spread[1]) ** 2
        bump = np.exp(-far / 2).astype(np.float32)
        told = bump.reshape(n, 2, n, 2).max(axis=(1, 3))
        here = (told > _PARTLY) & (told > weights)
        weights[here], labels[here] = told[here], label
        for axis, length in enumerate((w, h)):
            sizes[axis][here] = SIZE_STEPS * math.log2(max(length, 3) / stride)
        np.maximum(centres, bump, out=centres)
    counted[centres > _PARTLY] = 1
    return Target(centres, counted, sizes, labels, weights)


def loss(maps: Sequence[torch.Tensor], wanted: Sequence[Sequence[Target]]) -> torch.Tensor:
    """What to minimise: focal loss of the centres, distance of sizes, cross entropy of labels.

    Args:
        maps: The fine and the coarse one of a batch.
        wanted: Of each map, the target of each crop.
    """
    device = maps[0].device
    zero = torch.zeros((), device=device)
    found, count, size, label, weight = zero, zero, zero, zero, zero
    for out, each in zip(maps, wanted, strict=True):
        centres, counted, sizes, labels, weights = (
            torch.from_numpy(np.stack(part)).to(device) for part in zip(*each, strict=True)
        )
        score = functional.pixel_shuffle(out[:, :QUARTERS], 2)[:, 0]
        share = torch.sigmoid(score)
        here = (centres > 0.999).float()
        right = here * (1 - share) ** 2 * functional.logsigmoid(score)
        wrong = (1 - here) * (1 - centres) ** 4 * share**2 * functional.logsigmoid(-score)
        found = found - (right + wrong * counted).sum()
        apart = (out[:, QUARTERS:PLACED] - sizes).abs().sum(dim=1) / SIZE_STEPS
        named = functional.cross_entropy(
            out[:, PLACED:], labels, reduction="none", label_smoothing=_SMOOTHING
        )
        count, weight = count + here.sum(), weight + weights.sum()
        size, label = size + (apart * weights).sum(), label + (named * weights).sum()
    told = (_SIZE_WEIGHT * size + _LABEL_WEIGHT * label) / weight.clamp_min(1)
    value: torch.Tensor = found / count.clamp_min(1) + told
    return value


def _layer(
    taken: int,
    made: int,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (1, 1),
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(taken, made, kernel, stride, padding, bias=False), nn.BatchNorm2d(made), nn.ReLU()
    )


def _head(taken: int, inner: int, made: int) -> nn.Sequential:
    last = nn.Conv2d(inner, made, 1)
    if last.bias is not None:
        nn.init.constant_(last.bias[:QUARTERS], _RARE)
    return nn.Sequential(_layer(taken, inner, (1, 1), padding=(0, 0)), last)
