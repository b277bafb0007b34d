"""The combs of a form, rows of boxes for one digit each; and a page without their walls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey
from digits_runtime.rules import LEVEL, UPRIGHT, across

Points = NDArray[np.float64]
Pixel = tuple[int, int]

# A wall's soft edge, pixels.
SOFT = 2


class Comb(NamedTuple):
    """A row of boxes.

    Attributes:
        cells: float64 `[n, 4, 2]`, the inner corners of each from left to right, each from the
            upper left clockwise, pixels of the page.
        wall: How thick the walls are, pixels.
        tick: How high those between boxes are where nothing is above; None of whole boxes.
    """

    cells: Points
    wall: float
    tick: float | None = None

    @property
    def slope(self) -> float:
        """Pixels down for a pixel to the right."""
        right, down = self.cells[-1].mean(axis=0) - self.cells[0].mean(axis=0)
        return float(down / right)


def without_walls(ink: Grey, mask: Grey, combs: Sequence[Comb]) -> Grey:
    """A page's ink without the walls of its combs, but with the strokes that cross them.

    Args:
        ink: uint8 `[h, w]`.
        mask: uint8 `[h, w]`, 255 where that is ink.
        combs: From `comb_search.find_combs`.

    Returns:
        uint8 `[h, w]`.
    """
    gone = np.zeros_like(mask)
    for axis, edges in ((LEVEL, ((0, 1), (3, 2))), (UPRIGHT, ((0, 3), (1, 2)))):
        band, thickest = np.zeros_like(mask), 0
        for comb in combs:
            thick = round(comb.wall) + SOFT
            thickest = max(thickest, thick)
            for start, end in _walls(comb, edges):
                cv2.line(band, start, end, 255, thick)
        beside = as_grey(cv2.bitwise_and(mask, cv2.bitwise_not(band)))
        kept = across(beside, axis, thickest + 2)
        gone = as_grey(cv2.bitwise_or(gone, cv2.bitwise_and(band, cv2.bitwise_not(kept))))
    return as_grey(cv2.bitwise_and(ink, cv2.bitwise_not(gone)))


def _walls(comb: Comb, edges: Sequence[tuple[int, int]]) -> Iterator[tuple[Pixel, Pixel]]:
    """The ends of a comb's walls, of those between certain corners of its boxes."""
    # The walls' middles, from the boxes' inner corners.
    cells = comb.cells if comb.tick is not None else grown(comb.cells, comb.wall / 2)
    for place, cell in enumerate(cells):
        for start, end in edges:
            line = cell[[start, end]]
            if comb.tick is not None:
                if (start, end) == (0, 1):
                    continue
                if (start, end) == (3, 2):
                    line = line + comb.wall / 2 * axes_of(cell)[1]
                elif (place > 0 or start == 1) and (place < len(cells) - 1 or start == 0):
                    height = sides_of(cell)[1]
                    line[0] = line[1] + (line[0] - line[1]) * comb.tick / height
            (x, y), (to_x, to_y) = np.rint(line).astype(int).tolist()
            yield (x, y), (to_x, to_y)


def sides_of(cell: Points) -> tuple[float, float]:
    """Width and height of four corners `[4, 2]`."""
    top, right, bottom, left = np.linalg.norm(cell - np.roll(cell, -1, axis=0), axis=1).tolist()
    return (top + bottom) / 2, max((left + right) / 2, 1e-6)


def axes_of(cell: Points) -> tuple[Points, Points]:
    """Which way four corners' box goes to the right, and which way down: of length 1."""
    right = cell[1] + cell[2] - cell[0] - cell[3]
    down = cell[2] + cell[3] - cell[0] - cell[1]
    return right / max(np.linalg.norm(right), 1e-9), down / max(np.linalg.norm(down), 1e-9)


def grown(cells: Points, by: float) -> Points:
    """Boxes `[n, 4, 2]` with sides so many pixels further out."""
    larger = []
    for cell in cells:
        right, down = axes_of(cell)
        ways = [-right - down, right - down, right + down, down - right]
        larger.append(cell + by * np.stack(ways))
    return np.stack(larger)


def boxes_at(comb: Comb, points: Points) -> NDArray[np.intp]:
    """The number of the box, its walls included, that holds each of some points `[n, 2]`; or -1."""
    corners = grown(comb.cells, comb.wall / 2)
    edges = np.roll(corners, -1, axis=1) - corners
    away = points[:, None, None] - corners
    # Clockwise, with rows that go down, what is inside is on the right of every side.
    right = edges[..., 0] * away[..., 1] >= edges[..., 1] * away[..., 0]
    inside = np.asarray(right.all(axis=2), np.bool_)
    return np.where(inside.any(axis=1), inside.argmax(axis=1), -1)
