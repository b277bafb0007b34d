"""Takes touching glyphs apart where the classifier's own scores say that they are several.

Cuts are seams of little ink from top to bottom, as in Avidan & Shamir's seam carving (2007), so
that they follow the slant of the writing and go around loops.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey
from digits_runtime.page import Candidate

# A candidate this broad, as a share of its height, may be several.
_BROAD = 0.6
# Lower ones, in pixels, are not even one.
_LOWEST = 12
# So many cuts are tried, at least so far apart and from the ends, as a share of the height.
_CUTS, _APART = 5, 0.14
# Pieces are this high at least, as a share of the height: shorter ones are strokes of a letter.
_HIGH = 0.65
# A glyph is at most this many times as broad as high.
_BROADEST = 1.4
# Each cut must be worth this: a loss of log probability.
_PRICE = 0.7
# Pieces have this probability at least, and of what stands alone this.
BESIDE, ALONE = 0.9, 0.99
# Crops are cut at this height at most, in pixels.
_HEIGHT = 64


@dataclass(frozen=True, slots=True)
class Pieces:
    """The ways to cut a candidate.

    Attributes:
        spans: Of each piece, the cuts it lies between.
        pieces: What lies there, in the same order.
        last: The number of the right end.
    """

    spans: tuple[tuple[int, int], ...]
    pieces: tuple[Candidate, ...]
    last: int

    def best(self, told: NDArray[np.float32], whole: float, least: float) -> list[int]:
        """The pieces that make the likeliest reading of all: indexes; none if it is one glyph.

        Args:
            told: Probability of the likeliest label of each piece, `[n]`.
            whole: The same of the uncut candidate.
            least: Of each piece taken.
        """
        values = np.where(told >= least, np.log(np.maximum(told, 1e-9)) - _PRICE, -np.inf)
        scores, chosen = {0: 0.0}, {0: list[int]()}
        for index in sorted(range(len(self.spans)), key=lambda i: self.spans[i]):
            start, end = self.spans[index]
            if start not in scores:
                continue
            score = scores[start] + float(values[index])
            if score > scores.get(end, -np.inf):
                scores[end], chosen[end] = score, [*chosen[start], index]
        if scores.get(self.last, -np.inf) <= np.log(max(whole, 1e-9)) - _PRICE:
            return []
        return chosen[self.last]


def may_be_several(candidate: Candidate) -> bool:
    """Whether a candidate is high enough for a glyph, and broad enough for two."""
    _, _, width, height = candidate.box
    return height >= _LOWEST and width >= _BROAD * height and not candidate.cut


def cut(candidate: Candidate) -> Pieces | None:
    """Cut a candidate in all likely ways; None if there are none."""
    # Glyphs turned back by the slope of their page have room around them.
    x, y, w, h = cv2.boundingRect(cv2.threshold(candidate.ink, candidate.ink.max() / 4, 255, 0)[1])
    if w == 0:
        return None
    ink = candidate.ink[y : y + h, x : x + w]
    left = candidate.box[0] + x - (candidate.ink.shape[1] - candidate.box[2]) // 2
    top = candidate.box[1] + y - (candidate.ink.shape[0] - candidate.box[3]) // 2
    scale = min(_HEIGHT / ink.shape[0], 1.0)
    small = np.asarray(
        cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
    seams = _seams(small)
    if not seams:
        return None
    height, width = ink.shape
    rows = np.minimum((np.arange(height) * scale).astype(int), small.shape[0] - 1)
    borders = [np.zeros(height)]
    borders += [(seam[rows] + 0.5) / scale for seam in seams]
    borders.append(np.full(height, float(width)))
    columns = np.arange(width)[None]
    spans, pieces = [], []
    for start, end in itertools.combinations(range(len(borders)), 2):
        if (start, end) == (0, len(borders) - 1):
            continue
        inside = (columns >= borders[start][:, None]) & (columns < borders[end][:, None])
        piece = np.where(inside, ink, 0).astype(np.uint8)
        x, y, w, h = cv2.boundingRect(cv2.threshold(piece, ink.max() / 4, 255, 0)[1])
        if w == 0 or w > _BROADEST * h or h < _HIGH * height:
            continue
        spans.append((start, end))
        pieces.append(Candidate((left + x, top + y, w, h), piece, cut=False))
    return Pieces(tuple(spans), tuple(pieces), len(borders) - 1)


def _seams(ink: Grey) -> list[NDArray[np.intp]]:
    """The columns of seams of little ink, from left to right: `[h]` each.

    What a seam leaves on either side is nearly as high as all, for a glyph is.
    """
    height, width = ink.shape
    best = ink.astype(np.float32) + 1
    padded = np.full((height, width + 2), np.inf, np.float32)
    ways = np.zeros((height, width), np.int8)
    for row in range(1, height):
        padded[row, 1:-1] = best[row - 1]
        # Straight down is a little cheaper than aside.
        choices = np.stack((padded[row, :-2] + 0.5, padded[row, 1:-1], padded[row, 2:] + 0.5))
        ways[row] = choices.argmin(axis=0) - 1
        best[row] += choices.min(axis=0)
    seams = np.empty((height, width), np.intp)
    seams[-1] = np.arange(width)
    for row in range(height - 1, 0, -1):
        seams[row - 1] = seams[row] + ways[row, seams[row]]
    inked = np.pad(np.cumsum(ink > ink.max() / 4, axis=1), ((0, 0), (1, 0)))
    rows = np.arange(height)[:, None]
    before = inked[rows, seams]
    least = _HIGH * np.ptp(np.flatnonzero(inked[:, -1]))
    apart = max(2, round(_APART * height))
    middles = seams.mean(axis=0)
    found: list[int] = []
    for index in np.argsort(best[-1], kind="stable").tolist():
        sides = (before[:, index], inked[:, -1] - before[:, index])
        if min(np.ptp(np.flatnonzero(side)) if side.any() else 0 for side in sides) < least:
            continue
        if all(abs(middles[index] - middles[other]) >= apart for other in found):
            found.append(index)
        if len(found) == _CUTS:
            break
    return [seams[:, index] for index in sorted(found, key=lambda i: middles[i])]
