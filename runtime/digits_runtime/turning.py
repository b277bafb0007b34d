"""Which way up a page lies, and its cells and glyphs turned to match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digits_runtime.reading import Cells, Glyph
from digits_runtime.session import Session

# A grid whose glyphs are named with this probability on average is the right way up.
_UPRIGHT = 0.85


def upright(
    glyphs: NDArray[np.uint8], rows: NDArray[np.float32], session: Session
) -> tuple[int, NDArray[np.float32]]:
    """How many quarters a page lies turned to the right, and what its glyphs are turned back.

    A page photographed from above often bears the wrong note of which side is up.

    Args:
        glyphs: uint8 `[n, 1, size, size]`, as they lie.
        rows: `[n, classes]`, their probabilities.
        session: What told them.
    """
    labels = len(session.contract.labels)

    def told(rows: NDArray[np.float32]) -> float:
        return float(rows[:, :labels].max(axis=1).sum())

    if len(rows) == 0 or told(rows) >= _UPRIGHT * len(rows):
        return 0, rows
    ways = [rows] + [
        session.probabilities(np.ascontiguousarray(np.rot90(glyphs, turn, axes=(2, 3))))
        for turn in (1, 2, 3)
    ]
    best = int(np.argmax([told(way) for way in ways]))
    return best, ways[best]


def turned_cells(cells: Sequence[Sequence[tuple[Glyph, ...]]], turns: int) -> Cells:
    """Rows of cells, turned to the left by quarters."""
    for _ in range(turns):
        cells = list(zip(*cells, strict=True))[::-1]
    return tuple(tuple(row) for row in cells)


def turned_round(glyphs: Sequence[Glyph], shape: tuple[int, ...]) -> tuple[Glyph, ...]:
    """Glyphs with their boxes where they are in the frame that was turned upside down."""
    turned = []
    for glyph in glyphs:
        x, y, width, height = glyph.box
        turned.append(
            replace(glyph, box=(shape[1] - x - width, shape[0] - y - height, width, height))
        )
    return tuple(turned)
