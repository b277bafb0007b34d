"""Takes touching glyphs apart where the classifier's own scores say that they are several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey
from digits_runtime.page import Candidate
from digits_runtime.seams import seams

Span = tuple[int, int]  # the numbers of the two cuts that a piece lies between
Look = Callable[[Sequence[Span]], Sequence[tuple[float, bool]]]

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


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Where a candidate may be cut.

    Attributes:
        ink: uint8 `[h, w]`, its own ink and nothing around it.
        corner: Where that lies on the page: left and top.
        borders: float64 `[cuts + 2, h]`, the column of each cut in every row; the first is the left
            end, the last the right end.
        crossed: How much ink each of them goes through: the share of the height, were it all as
            strong as can be.
    """

    ink: Grey
    corner: tuple[int, int]
    borders: NDArray[np.float64]
    crossed: tuple[float, ...]

    def piece(self, span: Span) -> Candidate | None:
        """What lies between two cuts, if it is high and slim enough for a glyph.

        Its ink has the size of the candidate's own: uint8 `[h, w]`, 0 outside of the piece.
        """
        start, end = (self.borders[cut][:, None] for cut in span)
        columns = np.arange(self.ink.shape[1])
        piece = np.where((columns >= start) & (columns < end), self.ink, 0).astype(np.uint8)
        x, y, w, h = cv2.boundingRect(cv2.threshold(piece, self.ink.max() / 4, 255, 0)[1])
        if w == 0 or w > _BROADEST * h or h < _HIGH * len(self.ink):
            return None
        return Candidate((self.corner[0] + x, self.corner[1] + y, w, h), piece, cut=False)

    def likeliest(self, look: Look, whole: float, least: float) -> list[Span]:
        """The pieces that make the likeliest reading of all; none if it is one glyph.

        Only what can follow a piece that was good enough is looked at: of what is one glyph, or
        none, that is little.

        Args:
            look: Tells the probability of the likeliest label of each of some spans, 0 where there
                is no piece, and whether that label is of `STROKES`.
            whole: That probability of the uncut candidate.
            least: Of each piece taken.
        """
        places = self.borders.mean(axis=1) / len(self.ink)
        last = len(places) - 1
        ways: dict[Span, tuple[float, list[Span]]] = {}
        best = (_worth(whole), list[Span]())
        for start in range(last):
            reached: dict[Span, tuple[float, list[Span]]] = {}
            for end in range(start + 1, last + 1):
                before = [(0.0, list[Span]())] if start == 0 and end < last else []
                for (first, until), (score, chosen) in ways.items():
                    apart = abs(float(places[until] - places[start]))
                    if first < start and until < end and apart <= _NEAR:
                        before.append((score - _SHARED * apart / _NEAR, chosen))
                if before and max(self.crossed[start], self.crossed[end]) <= _JOINED:
                    reached[start, end] = max(before, key=lambda way: way[0])
            if not reached:
                continue
            for span, (told, bare) in zip(reached, look(list(reached)), strict=True):
                joined = max(self.crossed[span[0]], self.crossed[span[1]])
                if told < least or (bare and joined > _BARELY):
                    continue
                score, chosen = reached[span]
                ways[span] = (score + _worth(told), [*chosen, span])
                if span[1] == last:
                    best = max(best, ways[span], key=lambda way: way[0])
        return best[1]


def _worth(probability: float) -> float:
    return float(np.log(max(probability, 1e-9))) - _PRICE


def may_be_several(candidate: Candidate) -> bool:
    """Whether a candidate is high enough for a glyph, and broad enough for a few."""
    _, _, width, height = candidate.box
    broad = _BROAD * height <= width <= _RULE * height
    return height >= _LOWEST and broad and not candidate.cut


def cut(candidate: Candidate) -> Cuts | None:
    """Where a candidate is likely to be several; None if nowhere."""
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
    roomy = np.pad(small, ((0, 0), (0, 1))) / (float(small.max()) * len(small))
    through = [float(roomy[np.arange(len(small)), columns].sum()) for columns in cuts]
    return Cuts(ink, (left, top), np.stack(borders), (0.0, *through, 0.0))
