"""Follows the rules of a straightened grid from one end to the other, on paper that bends."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey
from digits_runtime.ranks import median, of_columns, percentile

# Pixels around a straightened grid.
MARGIN = 12
# A rule is followed through so many bands. In each it is inked along this share of its length and
# bends by so many pixels to either side at most; from one to the next it strays by so many.
BANDS, _INKED, _BENT, _STRAYS = 4, 0.85, 2, 4
# It stands out by so many grey levels of ink at least; so sure, as a share of all bands, it is one.
FAINTEST, _SURE = 3, 0.7
# Rules that part boxes lie so many pixels beside their place at most, and stand out so much more.
_ASTRAY, _APART = 3, 2
# Rules closer than this share of the usual distance are one; even ones differ by at most so much,
# and so many of a grid's distances are even, or it is a table of columns that differ.
_TWICE, _UNEVEN, _EVEN = 0.4, 0.2, 0.8
# Of so many even ones or more, each this share of the distance beside its place at most, none is
# followed by one between.
_FEW_CELLS, _STRAY = 5, 0.15
# One further than this from the outline, as a share of that distance, is not the outermost.
_OUTERMOST = 0.6


def followed(flat: Grey) -> NDArray[np.float64]:
    """Follow upright rules down a straightened grid: `[lines, bands]`, from left to right.

    In each band what stands out along most of it may be a piece of a rule; a rule is the chain of
    pieces, each close to the last, that stands out in most bands.

    Args:
        flat: uint8 `[h, w]`, the ink of a grid, with MARGIN pixels more all round.
    """
    inner = flat[MARGIN:-MARGIN]
    wide = as_grey(cv2.dilate(inner, np.ones((1, 2 * _BENT + 1), np.uint8)))
    edges = np.linspace(0, len(wide), BANDS + 1).astype(int)
    bands = [wide[a:b] for a, b in itertools.pairwise(edges)]
    if min(map(len, bands)) == 0:
        return np.zeros((0, BANDS))
    # All the way down hardly anything but rules stands out, so the rest is noise.
    whole = _rises(wide)
    least = max(FAINTEST, 5 * median(np.abs(whole - median(whole))) / 0.674)
    rises = np.stack([_rises(band) for band in bands])
    shares = np.clip(rises / least - 0.5, 0, 1)
    pieces = shares.astype(np.float32)

    kernel = np.ones((1, 2 * _STRAYS + 1), np.uint8)

    def chained(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        best = rows.copy()
        for here, before in zip(best[1:], best[:-1], strict=True):
            here += cv2.dilate(before[None], kernel)[0]
        return best

    down, up = chained(pieces), chained(pieces[::-1])[::-1]
    total = (down + up - pieces) / BANDS
    found = []
    for start in range(BANDS):
        rules = _peaks(np.where(pieces[start] > 0, total[start], 0))
        places = np.repeat(rules[:, None], BANDS, axis=1)
        ways = [(b, b - 1) for b in range(start + 1, BANDS)]
        for band, before in ways + [(b, b + 1) for b in range(start - 1, -1, -1)]:
            places[:, band] = _nearby(total[band], pieces[band], places[:, before])
        found.append(places - MARGIN)
    lines = np.concatenate(found)
    lines = _once(lines[np.argsort(lines.mean(axis=1), kind="stable")])
    if len(lines) < 3:
        return lines
    # The outline is that of rules, so it is one even where it strays too far to be followed.
    usual = _OUTERMOST * median(np.diff(lines.mean(axis=1)))
    last = inner.shape[1] - 2 * MARGIN
    if lines[0].mean() > usual:
        lines = np.concatenate((np.zeros((1, BANDS)), lines))
    if lines[-1].mean() < last - usual:
        lines = np.concatenate((lines, np.full((1, BANDS), float(last))))
    return _boxes_parted(_filled(_without_strokes(lines)), rises)


def evenness(lines: NDArray[np.float64]) -> float:
    """The share of distances between lines `[lines, bands]` that are about the usual one."""
    gaps = np.diff(lines.mean(axis=1))
    return float((np.abs(gaps / max(median(gaps), 1.0) - 1) < _UNEVEN).mean())


def _rises(band: Grey) -> NDArray[np.float64]:
    """How far each column of a band stands out from those around it along most of its length."""
    # A rule is inked nearly all along; digits are not, not even a column of ones.
    profile = of_columns(band, round((1 - _INKED) * (len(band) - 1)))
    window = min(len(profile) // 12, 127) | 1
    around = as_grey(cv2.medianBlur(profile[None], window))[0]
    return np.asarray(profile.astype(np.float64) - around)


def _peaks(total: NDArray[np.float32]) -> NDArray[np.float64]:
    """The middles of the runs that are sure to be rules."""
    edges = np.flatnonzero(np.diff(np.pad(total >= _SURE, 1).astype(np.int8)))
    return np.asarray((edges[::2] + edges[1::2] - 1) / 2, np.float64)


def _nearby(
    total: NDArray[np.float32], pieces: NDArray[np.float32], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where rules that were at places in the last band go on; straight on where they are lost."""
    around = np.rint(places).astype(np.int64)[:, None] + np.arange(-_STRAYS, _STRAYS + 1)
    inside = (around >= 0) & (around < len(total))
    held = np.where(inside, around, 0)
    weights = np.where(inside & (pieces[held] > 0), total[held], 0)
    most = weights.max(axis=1, initial=0)
    best = inside & (weights >= most[:, None] - 1e-6)
    lost = most < _SURE
    count = np.where(lost, 1, best.sum(axis=1))
    return np.where(lost, places, (around * best).sum(axis=1) / count)


def _once(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rules found twice taken as one: `[lines, bands]`."""
    # The same rule, followed from several bands, comes several times.
    for close in (_STRAYS, None):
        if len(lines) < 4:
            break
        gaps = np.diff(lines.mean(axis=1))
        limit = close or _TWICE * median(gaps)
        groups = np.split(lines, np.flatnonzero(gaps > limit) + 1)
        lines = np.array([_middle_of(group) for group in groups])
    return lines


def _middle_of(group: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of lines `[lines, bands]` in each band."""
    ranked = np.sort(group, axis=0)
    return np.asarray((ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2)


def _without_strokes(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lines `[lines, bands]` without those between even ones: strokes of a column of digits."""
    middles = lines.mean(axis=1)
    # Halved distances are the usual ones where there are many such strokes.
    for share in (50, 75):
        usual = max(percentile(np.diff(middles), share), 1.0)
        cells = round((middles[-1] - middles[0]) / usual)
        wanted = np.linspace(middles[0], middles[-1], cells + 1)
        nearest = np.abs(middles[:, None] - wanted).argmin(axis=0)
        even = np.abs(middles[nearest] - wanted).max() < _STRAY * usual
        if even and _FEW_CELLS <= cells < len(lines) - 1:
            return np.asarray(lines[nearest], np.float64)
    return lines


def _filled(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those missing among even ones put in: `[lines, bands]`."""
    if len(lines) < 4:
        return lines
    gaps = np.diff(lines.mean(axis=1))
    usual = max(median(gaps), 1.0)
    cells = np.maximum(np.rint(gaps / usual), 1)
    even = np.abs(gaps / cells / usual - 1) < _UNEVEN
    missing = cells > 1
    if not even[missing].all() or even.mean() < _EVEN or missing.sum() > len(cells) / 3:
        return lines
    between = [
        np.linspace(a, b, int(n), endpoint=False)
        for a, b, n in zip(lines[:-1], lines[1:], cells, strict=True)
    ]
    return np.concatenate([*between, lines[-1:]])


def _boxes_parted(lines: NDArray[np.float64], rises: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part the three boxes of a sudoku in three each if faint rules do: `[lines, bands]`.

    One by one they are too faint to be found; together they stand out from what is between them.
    """
    if not 4 <= len(lines) < 10:
        return lines
    middles = lines.mean(axis=1)
    wanted = np.linspace(middles[0], middles[-1], 4)
    boxes = np.abs(middles[:, None] - wanted).argmin(axis=0)
    if np.abs(middles[boxes] - wanted).max() > _UNEVEN * (wanted[1] - wanted[0]):
        return lines
    borders = lines[boxes]

    def at(share: float) -> tuple[NDArray[np.float64], list[float]]:
        places = borders[:-1] + share * np.diff(borders, axis=0)
        reach = [
            [row[max(round(x) - _ASTRAY, 0) : round(x) + _ASTRAY + 1].max() for x, row in pairs]
            for pairs in (zip(place + MARGIN, rises, strict=True) for place in places)
        ]
        return places, np.mean(reach, axis=1).tolist()

    (first, of_first), (second, of_second) = at(1 / 3), at(2 / 3)
    between = median([value for share in (1 / 6, 1 / 2, 5 / 6) for value in at(share)[1]])
    parting = of_first + of_second
    if min(parting) < FAINTEST or median(parting) < _APART * between:
        return lines
    inner = np.stack((borders[:-1], first, second), axis=1).reshape(-1, lines.shape[1])
    return np.concatenate((inner, borders[-1:]))
