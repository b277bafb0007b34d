"""Takes touching glyphs apart where the classifier's own scores say that they are several."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.page import Candidate
from digits_runtime.seams import seams

# A candidate this broad, as a share of its height, may be several; a broader one is rather a rule.
_BROAD, _RULE = 0.5, 8
# Lower ones, in pixels, are not even one.
_LOWEST = 12
# Pieces are this high at least, as a share of the height: shorter ones are strokes of a letter.
_HIGH = 0.65
# A glyph is at most this many times as broad as high.
_BROADEST = 1.4
# Each piece must be worth this: a loss of log probability.
_PRICE = 0.3
# Where glyphs touch, ink may belong to both or to neither: the next piece may begin at another cut
# than the last one ends, so far away at most, as a share of the height, at this price.
_NEAR, _SHARED = 0.2, 0.5
# A cut through more ink than this, as a share of the height, is through no joint of two glyphs; nor
# is one through more than the second where a piece is a bare stroke: letters are full of those.
_JOINED, _BARELY = 0.35, 0.075
# Labels that are a bare stroke.
STROKES = frozenset("1I")
# Pieces have this probability at least, and of what stands alone this.
BESIDE, ALONE = 0.95, 0.99
# Crops are cut at this height at most, in pixels.
_HEIGHT = 40


@dataclass(frozen=True, slots=True)
class Pieces:
    """The ways to cut a candidate.

    Attributes:
        spans: Of each piece, the cuts it lies between: the numbers of two of `places`.
        pieces: What lies there, in the same order.
        places: Where the cuts are, in their middle and in heights of the candidate: first its left
            end, last its right end.
        crossed: How much ink each of `places` goes through: the share of the height, were it all
            as strong as can be.
    """

    spans: tuple[tuple[int, int], ...]
    pieces: tuple[Candidate, ...]
    places: tuple[float, ...]
    crossed: tuple[float, ...]

    def best(
        self, told: NDArray[np.float32], bare: Sequence[bool], whole: float, least: float
    ) -> list[int]:
        """The pieces that make the likeliest reading of all: indexes; none if it is one glyph.

        Args:
            told: Probability of the likeliest label of each piece, `[n]`.
            bare: Whether that label is of `STROKES`, of each piece.
            whole: The same of the uncut candidate.
            least: Of each piece taken.
        """
        last = len(self.places) - 1
        ways: dict[int, tuple[float, list[int]]] = {}
        likeliest = (float(np.log(max(whole, 1e-9))) - _PRICE, list[int]())
        for index in sorted(range(len(self.spans)), key=lambda i: self.spans[i]):
            start, end = self.spans[index]
            joined = max(self.crossed[start], self.crossed[end])
            if told[index] < least or joined > (_BARELY if bare[index] else _JOINED):
                continue
            before = [(0.0, list[int]())] if start == 0 else []
            for other, (score, chosen) in ways.items():
                first, until = self.spans[other]
                apart = abs(self.places[until] - self.places[start])
                if first < start and until < end and apart <= _NEAR:
                    before.append((score - _SHARED * apart / _NEAR, chosen))
            if not before:
                continue
            score, chosen = max(before, key=lambda way: way[0])
            value = float(np.log(max(told[index], 1e-9))) - _PRICE
            ways[index] = (score + value, [*chosen, index])
            if end == last:
                likeliest = max(likeliest, ways[index], key=lambda way: way[0])
        return likeliest[1]


def may_be_several(candidate: Candidate) -> bool:
    """Whether a candidate is high enough for a glyph, and broad enough for a few."""
    _, _, width, height = candidate.box
    broad = _BROAD * height <= width <= _RULE * height
    return height >= _LOWEST and broad and not candidate.cut


def cut(candidate: Candidate) -> Pieces | None:
    """Cut a candidate in all likely ways; None if there are none.

    Pieces have the size of the candidate's own ink: uint8 `[h, w]`, 0 outside of the piece.
    """
    # Glyphs turned back by the slope of their page have room around them.
    x, y, w, h = cv2.boundingRect(cv2.threshold(candidate.ink, candidate.ink.max() / 4, 255, 0)[1])
    if w == 0:
        return None
    ink = candidate.ink[y : y + h, x : x + w]
    left = candidate.box[0] + x - (candidate.ink.shape[1] - candidate.box[2]) // 2
    top = candidate.box[1] + y - (candidate.ink.shape[0] - candidate.box[3]) // 2
    scale = min(_HEIGHT / ink.shape[0], 1.0)
    height, width = ink.shape
    if width * scale < 1:  # a hair
        return None
    small = np.asarray(
        cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )
    # Of a few pixels far apart nothing is left.
    cuts = seams(small, _HIGH) if small.any() else []
    if not cuts:
        return None
    rows = np.minimum((np.arange(height) * scale).astype(int), small.shape[0] - 1)
    borders = [np.zeros(height)]
    borders += [(columns[rows] + 0.5) / scale for columns in cuts]
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
    places = tuple(float(border.mean()) / height for border in borders)
    roomy = np.pad(small, ((0, 0), (0, 1))) / (float(small.max()) * len(small))
    through = [float(roomy[np.arange(len(small)), columns].sum()) for columns in cuts]
    return Pieces(tuple(spans), tuple(pieces), places, (0.0, *through, 0.0))
