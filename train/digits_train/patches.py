"""fastText for images (Joulin et al. 2016, "Bag of Tricks for Efficient Text Classification").

The glyph is a text: its words are local patches, quantised to bits, each with its place; pairs of
neighbouring words are its bigrams. Words and bigrams are hashed to buckets as fastText hashes its
n-grams, the buckets' embeddings are averaged, and a linear softmax names the glyph. Nothing is
convolved, so it is quick to train and does with very little data.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_BUCKETS = 1 << 14
_DIMENSIONS = 24
_PATCH = 3
_STRIDE = 2
# fastText's own hash is FNV-1a; over tensors, its multiply-and-xor takes whole words at a time.
_PRIME = 16777619
_OFFSET = 2166136261


class FastText(nn.Module):
    """Floats `[n, 1, size, size]` in 0 to 1 to logits `[n, classes]`."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        # Half the size is enough to tell strokes, and lets one patch span a stroke and its edge.
        self.side = size // 2
        self.embeddings = nn.Embedding(_BUCKETS, _DIMENSIONS)
        self.classifier = nn.Linear(_DIMENSIONS, classes)
        across = (self.side + 2 - _PATCH) // _STRIDE + 1
        place = torch.arange(across * across).view(1, across, across)
        self.register_buffer("place", place, persistent=False)
        nn.init.uniform_(self.embeddings.weight, -1 / _DIMENSIONS, 1 / _DIMENSIONS)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify floats in 0 to 1."""
        averaged = self.embeddings(self.words(glyphs)).mean(1)
        logits: torch.Tensor = self.classifier(averaged)
        return logits

    def words(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Hash patches and their neighbours: int64 `[n, words]`, each a bucket."""
        small = functional.avg_pool2d(glyphs, glyphs.shape[-1] // self.side)
        bits = functional.pad((small[:, 0] > 0.4).to(torch.int64), (1, 1, 1, 1))
        place = self.get_buffer("place")
        reach = _STRIDE * (place.shape[-1] - 1) + 1
        # A slice for each pixel of all patches at once, so that no shape depends on data and the
        # runtime can tell beforehand what the graph needs.
        pixels = [
            bits[:, row : row + reach : _STRIDE, column : column + reach : _STRIDE]
            for row in range(_PATCH)
            for column in range(_PATCH)
        ]
        grid = torch.stack([pixel * 2**power for power, pixel in enumerate(pixels)]).sum(0)
        single = _hash(grid, place, 0)
        right = _hash(grid[:, :, :-1], place[:, :, :-1], grid[:, :, 1:] + 1024)
        below = _hash(grid[:, :-1], place[:, :-1], grid[:, 1:] + 2048)
        return torch.cat([part.flatten(1) for part in (single, right, below)], dim=1)


def _hash(first: torch.Tensor, place: torch.Tensor, second: torch.Tensor | int) -> torch.Tensor:
    value = first ^ _OFFSET
    for part in (place, second):
        value = ((value * _PRIME) & 0xFFFFFFFF) ^ part
    value = (value * _PRIME) & 0xFFFFFFFF
    return (value ^ (value >> 15)) % _BUCKETS
