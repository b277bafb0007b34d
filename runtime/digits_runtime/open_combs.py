"""Finds the combs of a form: those of whole boxes, and those that are open above.

Of these a line runs under all digits, with ticks between them. Nothing is enclosed, so what tells
one is that from a line that two walls end others rise at equal distances, and none goes on below.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.comb_search import find_combs
from digits_runtime.combs import SOFT, Comb, Points
from digits_runtime.ink import Grey, as_grey
from digits_runtime.parts import Parts
from digits_runtime.ranks import median

# A line is so long at least, pixels, and so many times as long as what hangs together with it is
# high; it is straight to so many pixels, and so thick at most for its length.
_LONG, _FLAT, _STRAIGHT, _THICK = 75, 1.8, 1.5, 0.03
# In a row of pixels it is inked for so many of them at a time; gaps of so many are none.
_RUN, _GAP = 25, 7
# More lines than this are those of ruled paper.
_MOST = 40
# A comb has so many boxes, each so wide at least, pixels.
_FEWEST, _MOST_BOXES, _NARROW = 3, 30, 10
# A tick is so high at least, as a share of a box's width and pixels, and so far beside its place at
# most; this share of all is there, and nothing of as many below the line.
_HIGH, _RISE, _ASIDE, _NEAR, _THERE, _BELOW = 0.12, 3, 0.08, 2, 0.85, 0.4
# The walls at the ends are so high for a box's width, at least and at most, and this alike; where
# they are no higher than ticks, a box is taken to be so high.
_LOWEST, _TALLEST, _ALIKE, _USUAL = 0.6, 2.5, 0.7, 1.3
# So far from the line, as shares of its length, ticks and walls are looked for.
_ABOVE, _UNDER = 0.8, 0.1


def combs_in(mask: Grey, parts: Parts, *, squared: bool) -> list[Comb]:
    """Find all combs of a page, closed and open.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        parts: Of that mask.
        squared: Whether it is squared paper, some squares of which would pass for open ones.
    """
    combs = find_combs(mask, parts.holes)
    return combs if squared else combs + find_open_combs(mask, parts.boxes)


def find_open_combs(mask: Grey, boxes: NDArray[np.int64]) -> list[Comb]:
    """Find the combs of a page that are open above.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        boxes: int64 `[n, 4]`, of what hangs together in it.
    """
    width, height = boxes[:, 2], boxes[:, 3]
    if not ((width >= _LONG) & (width >= _FLAT * height)).any():
        return []
    runs = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, _RUN), np.uint8))
    joined = as_grey(cv2.dilate(runs, np.ones((3, _GAP), np.uint8)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    long = [label for label in range(1, count) if stats[label, cv2.CC_STAT_WIDTH] >= _LONG]
    if len(long) > _MOST:
        return []
    combs = []
    for label in long:
        x, y, w, h = stats[label, :4].tolist()
        window = (slice(y, y + h), slice(x, x + w))
        inked = (labels[window] == label) & (runs[window] > 0)
        comb = _on_line(mask, inked, x, y)
        if comb is not None:
            combs.append(comb)
    return combs


def _on_line(mask: Grey, inked: NDArray[np.bool_], left: int, top: int) -> Comb | None:
    """The comb that stands on a line: bool `[h, w]`, at a place of the page; None without one."""
    columns = np.flatnonzero(inked.any(axis=0))
    length = int(columns[-1] - columns[0])
    if length < _LONG:
        return None
    thick = inked[:, columns].sum(axis=0)
    middles = (inked[:, columns] * np.arange(len(inked))[:, None]).sum(axis=0) / thick
    slope, start = np.polyfit(columns, middles, 1)
    strays = np.abs(middles - start - slope * columns)
    breadth = median(thick)
    if median(strays) > _STRAIGHT or breadth > _THICK * length + SOFT:
        return None
    first = np.array([left + columns[0], top + start + slope * columns[0]])
    along = np.array([1.0, slope]) / np.hypot(1, slope)
    up = np.array([along[1], -along[0]])
    # Level, with the line's middle in row 0, those above it in order after it, those below before.
    margin = SOFT + 1
    size = round(float(length * np.hypot(1, slope))) + 1 + 2 * margin
    above, under = round(_ABOVE * length), max(round(_UNDER * length), 4)
    edge = round(breadth / 2) + SOFT
    start = first + edge * up - margin * along
    # Most lines have no wall at both ends: a strip beside one tells that a hundred times as fast.
    ends = _runs(mask, start, along, up, (_RISE, size)) >= _RISE
    reach = 2 * margin + round(breadth)
    if not (ends[:reach].any() and ends[-reach:].any()):
        return None
    rising = _runs(mask, start, along, up, (above, size))
    falling = _runs(mask, first - edge * up - margin * along, along, -up, (under, size))
    return _with_ticks(rising, falling, first, along, up, breadth, margin)


def _runs(
    mask: Grey, start: Points, along: Points, away: Points, size: tuple[int, int]
) -> NDArray[np.int64]:
    """How far ink goes on away from a line without a gap, pixel by pixel along it: int64 `[w]`."""
    by = np.stack((along, away, start), axis=1)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    inked = as_grey(cv2.warpAffine(mask, by, size[::-1], flags=flags)) > 0
    # A pixel to either side, for a wall that leans.
    beside = np.pad(inked, ((0, 0), (1, 1)))
    inked = beside[:, 1:-1] | beside[:, :-2] | beside[:, 2:]
    return np.where(inked.all(axis=0), len(inked), inked.argmin(axis=0)).astype(np.int64)


def _with_ticks(
    rising: NDArray[np.int64],
    falling: NDArray[np.int64],
    first: Points,
    along: Points,
    up: Points,
    breadth: float,
    margin: int,
) -> Comb | None:
    """The comb whose ticks rise from a line, by how far ink rises and falls along it; or None."""
    # From the middle of one end's wall to that of the other's.
    begin, length = margin + breadth / 2, len(rising) - 1 - 2 * margin - breadth
    for count in range(min(_MOST_BOXES, int(length / _NARROW)), _FEWEST - 1, -1):
        pitch = length / count
        near = max(round(_ASIDE * pitch), _NEAR)
        places = np.asarray(begin + pitch * np.arange(count + 1), np.float64)
        heights = _highest(rising, places, near)
        there = heights >= max(_HIGH * pitch, _RISE)
        if not (there[0] and there[-1]) or there[1:-1].mean() < _THERE:
            continue
        if (_highest(falling, places, near) >= max(_HIGH * pitch, _RISE)).mean() > _BELOW:
            return None
        # Between ticks there is paper, or one digit that touches the line here and there.
        between = _highest(rising, np.asarray(places[:-1] + pitch / 2, np.float64), near)
        if (between >= max(_HIGH * pitch, _RISE)).mean() > 1 - _THERE + _BELOW:
            continue
        ticks = median(heights[1:-1])
        ends = sorted(heights[[0, -1]].tolist())
        tall = _LOWEST * pitch <= ends[0] and ends[1] <= _TALLEST * pitch
        if not (tall and ends[0] >= _ALIKE * ends[1]):
            ends = [min(_USUAL * pitch, len(rising))] * 2
        height = sum(ends) / 2
        places = _middles(rising, places, near, ticks / 2, breadth)
        left = first + (places[:-1] - margin)[:, None] * along + breadth / 2 * up
        right = first + (places[1:] - margin)[:, None] * along + breadth / 2 * up
        cells = np.stack((left + height * up, right + height * up, right, left), axis=1)
        return Comb(cells, breadth, tick=float(min(ticks, height)))
    return None


def _middles(
    runs: NDArray[np.int64], places: NDArray[np.float64], near: int, least: float, breadth: float
) -> NDArray[np.float64]:
    """Where ticks really are, near their places; there, where a digit touches one."""
    middles = places.copy()
    for index, place in enumerate(np.rint(places).astype(int).tolist()):
        start = max(place - near, 0)
        high = np.flatnonzero(runs[start : place + near + 1] >= least)
        if len(high) and high[-1] - high[0] <= breadth + 2 * SOFT:
            middles[index] = start + (high[0] + high[-1]) / 2
    return middles


def _highest(runs: NDArray[np.int64], places: NDArray[np.float64], near: int) -> NDArray[np.int64]:
    """How far ink goes near each of some places along a line."""
    around = np.rint(places).astype(int)[:, None] + np.arange(-near, near + 1)
    return np.asarray(runs[np.clip(around, 0, len(runs) - 1)].max(axis=1), np.int64)
