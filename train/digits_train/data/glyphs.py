"""A set of labelled glyphs: what every source of data hands over, whatever it was read from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from digits_runtime import one_glyph
from digits_runtime.contract import InkSpec

Split = Literal["train", "validation", "test"]

# Below this many glyphs a progress bar is gone before it is read.
_LONG = 20_000


@dataclass(frozen=True)
class GlyphSet:
    """Pictures of single glyphs as they were found, with their labels.

    Attributes:
        name: What reports call the set.
        images: n pictures, uint8 `[h, w]` each, of any size.
        labels: `[n]`, the class of each picture.
        polarity: Whether ink is dark or bright in the pictures; `auto` where that may vary.
        sha256: Hash of the content of the source, the same whatever part of it is held here.
    """

    name: str
    images: Sequence[NDArray[np.uint8]]
    labels: NDArray[np.str_]
    polarity: Literal["dark", "bright", "auto"]
    sha256: str

    def __len__(self) -> int:
        return len(self.images)

    def select(self, classes: Sequence[str]) -> GlyphSet:
        """Keep only the glyphs of these classes, in their order."""
        return self.take(np.flatnonzero(np.isin(self.labels, list(classes))))

    def take(self, places: NDArray[np.intp]) -> GlyphSet:
        """Keep only the glyphs at these places, in the order of the places."""
        images = [self.images[place] for place in places.tolist()]
        return replace(self, images=images, labels=self.labels[places])

    def joined(self, other: GlyphSet) -> GlyphSet:
        """Both sets under this one's name and polarity."""
        both = hashlib.sha256((self.sha256 + other.sha256).encode()).hexdigest()
        images = [*self.images, *other.images]
        labels = np.concatenate((self.labels, other.labels))
        return replace(self, images=images, labels=labels, sha256=both)

    def normalised(self, spec: InkSpec) -> NDArray[np.uint8]:
        """Turn every picture into model input, as the camera's are.

        Returns:
            uint8 `[n, 1, spec.size, spec.size]`, bright on dark.
        """
        console = Console(stderr=True)
        batch = np.empty((len(self), 1, spec.size, spec.size), np.uint8)
        pictures = track(
            self.images,
            f"preparing {self.name}",
            console=console,
            transient=True,
            disable=len(self) < _LONG or not console.is_terminal,
        )
        for place, picture in zip(batch, pictures, strict=True):
            place[0] = one_glyph.single(picture, spec, self.polarity)
        return batch
