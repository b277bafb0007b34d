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
        nn.init.uniform_(self.embeddings.weight, -1 / _DIMENSIONS, 1 / _DIMENSIONS)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Classify floats in 0 to 1."""
        averaged = self.embeddings(self.words(glyphs)).mean(1)
        logits: torch.Tensor = self.classifier(averaged)
        return logits

    def words(self, glyphs: torch.Tensor) -> torch.Tensor:
        """Hash patches and their neighbours: int64 `[n, words]`, each a bucket."""
        small = functional.avg_pool2d(glyphs, glyphs.shape[-1] // self.side)
        patches = functional.unfold(small, _PATCH, stride=_STRIDE, padding=1)
        bits = (patches > 0.4).to(torch.int64)
        powers = 2 ** torch.arange(_PATCH * _PATCH, device=glyphs.device)
        word = (bits * powers[None, :, None]).sum(1)
        across = int(word.shape[1] ** 0.5)
        grid = word.view(-1, across, across)
        place = torch.arange(across * across, device=glyphs.device).view(1, across, across)
        single = _hash(grid, place, torch.zeros_like(place))
        right = _hash(grid[:, :, :-1], place[:, :, :-1], grid[:, :, 1:] + 1024)
        below = _hash(grid[:, :-1], place[:, :-1], grid[:, 1:] + 2048)
        return torch.cat([part.flatten(1) for part in (single, right, below)], dim=1)


def _hash(first: torch.Tensor, place: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    value = torch.full_like(first, _OFFSET)
    for part in (first, place, second):
        value = ((value ^ part) * _PRIME) & 0xFFFFFFFF
    return (value ^ (value >> 15)) % _BUCKETS
