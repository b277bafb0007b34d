"""Traces the rules of a straightened grid, once followed, piece by piece: where they really run."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits_runtime.grid_rules import BANDS, FAINTEST, MARGIN
from digits_runtime.ink import Grey
from digits_runtime.ranks import median

# A rule runs at most so many pixels beside where it was followed, and along a piece as long as a
# cell this share of it is inked.
_ASIDE, _INKED_PIECE = 6, 0.75
# By shorter pieces it is found this share of a cell beside that.
_CLOSE = 0.045
# An outermost rule is as strong as this share of the others'.
_AS_OTHERS = 0.25
# So many rules at least tell whether they go on beyond the outermost; so many pixels beside one and
# beyond its end are its neighbour's soft edge. It goes on if all but so many per cent of its pixels
# there have this share of its strength.
_ENDS, _BESIDE, _SOFT_END, _GOING, _AS_STRONG = 3, np.arange(-3, 4), 3, 25, 0.5


class Traced(NamedTuple):
    """Where the rules of a straightened grid run, piece by piece.

    Attributes:
        places: float64 `[lines, pieces]`, across them, without the margin.
        at: float64 `[pieces]`, along them.
        breadths: float64 `[lines]`, pixels.
        outermost: The share of the less inked of the two outermost rules that is inked.
    """

    places: NDArray[np.float64]
    at: NDArray[np.float64]
    breadths: NDArray[np.float64]
    outermost: float


def traced(flat: Grey, lines: NDArray[np.float64], pieces: int) -> Traced:
    """Find out where upright rules really run, and how broad they are.

    Piece by piece as long as a cell, along which a rule is inked nearly all the way, and the bar of
    a 7 is not.

    Args:
        flat: As for `grid_rules.followed`.
        lines: `[lines, bands]`, from there.
        pieces: How many cells they are long.
    """
    inner = flat[MARGIN:-MARGIN]
    middles = (np.arange(BANDS) + 0.5) / BANDS * len(inner)
    found = _beside(inner, _ways(lines, middles, len(inner)), pieces, _ASIDE)
    there = found.strength[[0, -1]] >= _AS_OTHERS * median(found.strength)
    breadths = [
        median(row[sure].sum(axis=1)) if sure.any() else 1.0
        for row, sure in zip(found.on, found.clear, strict=True)
    ]
    outermost = float(there.mean(axis=1).min())
    return Traced(found.places, found.at, np.array(breadths, np.float64), outermost)


def closely(flat: Grey, rules: Traced) -> Traced:
    """Trace upright rules again, close beside, by pieces of half that length, which bend less.

    Args:
        flat: As for `grid_rules.followed`.
        rules: From `traced`.
    """
    inner, pieces = flat[MARGIN:-MARGIN], len(rules.at)
    aside = max(round(_CLOSE * len(inner) / pieces), 1)
    ways = _ways(rules.places, rules.at, len(inner))
    found = _beside(inner, ways, 2 * pieces, aside)
    return rules._replace(places=found.places, at=found.at)


def going_on(flat: Grey, rules: Traced, seen: NDArray[np.bool_]) -> list[float]:
    """Of the upright rules' upper and lower ends the shares that go on beyond the outermost rules.

    Args:
        flat: As for `grid_rules.followed`.
        rules: From `traced`.
        seen: bool `[2, lines]`, which ends are followed by something of the page, not its border.

    Returns:
        Up to two shares, of those ends of which enough are seen.
    """
    beyond, within = MARGIN - _SOFT_END, slice(MARGIN + _SOFT_END, 2 * MARGIN + _SOFT_END)
    shares = []
    for end, view in ((0, flat), (-1, flat[::-1])):
        if seen[end].sum() < _ENDS:
            continue
        columns = np.rint(rules.places[seen[end], end] + MARGIN).astype(int)
        beside = np.clip(columns[:, None] + _BESIDE, 0, flat.shape[1] - 1)
        inked = view[:, beside].max(axis=2)  # [rows, lines]
        strength = np.median(inked[within], axis=0)
        further = np.percentile(inked[:beyond], _GOING, axis=0)
        goes = further >= np.maximum(_AS_STRONG * strength, FAINTEST)
        shares.append(float(goes.mean()))
    return shares


def _ways(places: NDArray[np.float64], at: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Where rules run, row by row, `[lines, length]`, from where they do at some rows."""
    return np.stack([np.interp(np.arange(length), at, line) for line in places])


class _Pieces(NamedTuple):
    """Pieces of rules: `places` `[lines, pieces]` and `at` `[pieces]` are those of `Traced`.

    Attributes:
        strength: Grey levels of ink, `[lines, pieces]`.
        clear: Whether a piece is inked as its rule is elsewhere, `[lines, pieces]`.
        on: Which pixels beside the way are the rule's, `[lines, pieces, aside]`.
    """

    places: NDArray[np.float64]
    at: NDArray[np.float64]
    strength: NDArray[np.float64]
    clear: NDArray[np.bool_]
    on: NDArray[np.bool_]


def _beside(inner: Grey, ways: NDArray[np.float64], pieces: int, most: int) -> _Pieces:
    """Where rules run, piece by piece, so many pixels beside their ways `[lines, rows]` at most."""
    rows, aside = np.arange(len(inner)), np.arange(-most, most + 1)
    columns = np.rint(ways + MARGIN)[:, :, None].astype(int) + aside
    values = inner[rows[None, :, None], np.clip(columns, 0, inner.shape[1] - 1)]
    edges = np.linspace(0, len(inner), pieces + 1).astype(int)
    inked = []
    for a, b in itertools.pairwise(edges):
        piece = values[:, a : max(b, a + 1)]
        rank = round((1 - _INKED_PIECE) * (piece.shape[1] - 1))
        inked.append(np.partition(piece, rank, axis=1)[:, rank])
    along = np.stack(inked, axis=1).astype(np.float64)  # [lines, pieces, aside]
    strength = along.max(axis=2)
    clear = strength >= np.maximum(np.median(strength, axis=1, keepdims=True) / 2, FAINTEST)
    # Of a broad rule the middle.
    on = along >= 0.5 * strength[:, :, None]
    offsets = (on * aside).sum(axis=2) / on.sum(axis=2)
    at = ((edges[1:] + edges[:-1]) / 2).astype(int)
    for line, sure in zip(offsets, clear, strict=True):
        line[~sure] = np.interp(at[~sure], at[sure], line[sure]) if sure.any() else 0
    places = np.rint(ways[:, at]) + offsets
    return _Pieces(places, at.astype(np.float64), strength, clear, on)
