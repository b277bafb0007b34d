"""Finds where touching glyphs may be cut: lines from top to bottom that cross little ink.

They are seams of least energy, as in Avidan & Shamir's seam carving (2007), searched at each slant
that hands write with. A step aside costs more than a pixel of ink, for a seam that wanders leaves
a glyph with its neighbour's ends, or without its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey

Columns = NDArray[np.intp]

# Columns to the right for each row upwards.
_SLANTS = (-0.3, -0.15, 0.0, 0.15, 0.3, 0.5)
# A step aside costs as much as so many pixels full of ink.
_ASIDE = 1.5
# So many seams at most, at least so far apart, as a share of the height.
_SEAMS, _APART = 8, 0.06
# Strokes are where ink has this share of its greatest strength.
_STROKE = 0.25


def seams(ink: Grey, high: float) -> list[Columns]:
    """The likeliest cuts, from left to right.

    Args:
        ink: uint8 `[h, w]`, bright on 0, not all 0.
        high: What a cut leaves on either side is so high at least, as a share of all ink's height.

    Returns:
        Of each cut its column in every row, integers `[h]` in 0 to w: what lies to its left is
        before it.
    """
    height = len(ink)
    columns, cost = _least(ink)
    strokes = np.cumsum(ink > _STROKE * ink.max(), axis=1)
    upto = np.pad(strokes, ((0, 0), (1, 0)))
    left = upto[np.arange(height), columns]
    right = upto[:, -1] - left
    least = high * int(_extent(upto[None, :, -1])[0])
    good = np.flatnonzero((_extent(left) >= least) & (_extent(right) >= least))
    middles = columns.mean(axis=1)
    apart = max(2, round(_APART * height))
    found: list[int] = []
    for index in good[np.argsort(cost[good], kind="stable")].tolist():
        if all(abs(middles[index] - middles[other]) >= apart for other in found):
            found.append(index)
        if len(found) == _SEAMS:
            break
    return [columns[index] for index in sorted(found, key=lambda i: middles[i])]


def _least(ink: Grey) -> tuple[Columns, NDArray[np.floating]]:
    """The seam of least ink to each place of the last row, at each slant: columns and cost."""
    height, width = ink.shape
    columns = _sheared(height, width)
    slants, _, places = columns.shape
    # A column of nothing on either side stands for all beyond.
    roomy = np.pad(ink, ((0, 0), (1, 1))) / np.float32(ink.max())
    energy = np.take_along_axis(roomy[None], columns + 1, axis=2)
    best = energy[:, 0]
    steps = np.zeros((slants, height, places), np.int8)
    beside = np.full((slants, places + 2), np.inf, np.float32)
    for row in range(1, height):
        beside[:, 1:-1] = best + np.float32(_ASIDE)
        before, after = beside[:, :-2], beside[:, 2:]
        aside = np.minimum(before, after)
        steps[:, row] = np.where(aside < best, np.where(before <= after, -1, 1), 0)
        best = energy[:, row] + np.minimum(aside, best)
    at = np.empty((height, slants, places), np.intp)
    at[-1] = np.arange(places)
    slant = np.arange(slants)[:, None]
    for row in range(height - 1, 0, -1):
        at[row - 1] = at[row] + steps[slant, row, at[row]]
    traced = columns[slant, np.arange(height)[:, None, None], at].reshape(height, -1).T
    return np.clip(traced, 0, width), best.ravel()


def _sheared(height: int, width: int) -> Columns:
    """Columns of a crop sheared by each slant: `[slants, height, places]`, -1 and width outside."""
    up = (height - 1) / 2 - np.arange(height)
    shift = np.rint(np.outer(_SLANTS, up)).astype(np.intp)
    reach = int(np.abs(shift).max()) + 1
    places = np.arange(-reach, width + reach)
    return np.asarray(np.clip(places + shift[:, :, None], -1, width), np.intp)


def _extent(inked: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many rows from the first with ink to the last, of each: `[n, h]` counts to `[n]`."""
    has = inked > 0
    last = has.shape[1] - 1 - has[:, ::-1].argmax(axis=1)
    return np.asarray((last + 1 - has.argmax(axis=1)) * has.any(axis=1), np.intp)
