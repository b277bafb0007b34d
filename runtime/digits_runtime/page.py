"""From a page of ink to glyph candidates: strokes joined, rules dropped, grouped into lines.

Geometry only: what a candidate is, and whether it is a glyph at all, the classifier says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey, without_grain
from digits_runtime.reading import Box
from digits_runtime.rules import without_rules

Labels = NDArray[np.int32]

# Ink: this many deviations above the paper's own texture, and this much of full contrast at least.
_DEVIATIONS = 4.5
_FAINTEST = 20
# From here on a pixel is ink for sure, where more than this share but not most of the page is.
_STRONG, _CROWDED = 96, 0.12
# Ink this much weaker than the strongest on the page is a shadow, show-through or a halo.
_SOFT = 0.25
_WEAK = 0.4
# Pixels of the working frame below which a component is a speck.
_SMALLEST = 9
# Lines that rise or fall faster than this are not looked for.
_STEEPEST = 0.6
# Steeper lines than this have their glyphs turned upright before they are named.
_SLOPING = 0.1
# So many neighbours must agree on it.
_SURE_SLOPE = 3
# More components than this is texture, not writing; the largest are looked at.
_MOST = 600


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a glyph.

    Attributes:
        box: x, y, width and height, pixels of the ink map.
        ink: uint8 `[h, w]` of its own ink alone, upright, a margin included, 0 elsewhere.
        cut: Whether it goes on beyond the frame.
    """

    box: Box
    ink: Grey
    cut: bool


class _Levels(NamedTuple):
    """How strong the paper's own texture gets, from where on it is ink, and how strong ink gets."""

    texture: int
    threshold: int
    strongest: int


def find_lines(ink: Grey) -> list[list[Candidate]]:
    """Find what may be glyphs and group them into lines.

    Args:
        ink: uint8 `[h, w]` from `ink.find_ink`.

    Returns:
        Lines from top to bottom, each from left to right.
    """
    levels = _levels(ink)
    if levels is None:
        return []
    mask = as_grey(cv2.threshold(ink, levels.threshold, 255, cv2.THRESH_BINARY)[1])
    mask = without_rules(mask, ink, levels.strongest)
    count, found, figures, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count <= 1:
        return []
    labels, stats = np.asarray(found, np.int32), np.asarray(figures, np.int32)
    inked = np.flatnonzero(mask)
    weights = np.bincount(labels.ravel()[inked], weights=ink.ravel()[inked], minlength=count)
    strength = weights / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    parts = _plausible(stats, strength, ink.shape)
    groups = _join(stats[parts])
    members = [parts[group] for group in groups]
    boxes = np.array([_bounds(stats[group]) for group in members], np.int64).reshape(-1, 4)
    lines, slope = _lines(boxes)
    clean = without_grain(ink, levels.texture)
    return [
        [_candidate(clean, labels, members[index], boxes[index], slope) for index in line]
        for line in lines
    ]


def _levels(ink: Grey) -> _Levels | None:
    """Measure a page's ink; None where paper is as strong as ink can be, or there is none."""
    histogram = np.bincount(ink.ravel(), minlength=256)
    # Ink may be a third of a tight crop; what is for sure ink must not count as paper's texture.
    strong = histogram[_STRONG:].sum() / ink.size
    paper = histogram[:_STRONG] if _CROWDED < strong < 0.5 else histogram
    share = np.cumsum(paper) / paper.sum()
    middle, upper = int(np.searchsorted(share, 0.5)), int(np.searchsorted(share, 0.84))
    deviation = max(upper - middle, 1)
    faintest = middle + max(_FAINTEST, round(_DEVIATIONS * deviation))
    inked = np.cumsum(histogram[faintest:][::-1])
    if len(inked) == 0 or inked[-1] == 0:
        return None
    strongest = 255 - int(np.searchsorted(inked, 0.1 * inked[-1]))
    soft = middle + round(_SOFT * (strongest - middle))
    return _Levels(middle + 2 * deviation, min(max(faintest, soft), 254), strongest)


def _plausible(
    stats: NDArray[np.int32], strength: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.intp]:
    """Components that may be a glyph or a part of one: indexes into `stats`."""
    height, width = shape
    _, _, w, h, area = stats.T
    fits = (w < 0.9 * width) & (h < 0.97 * height)
    fits &= (np.maximum(w, h) >= _SMALLEST) & (area >= _SMALLEST)
    fits[0] = False
    if not fits.any():
        return np.flatnonzero(fits)
    # The strength of the page's ink is that of its larger components.
    order = np.argsort(strength[fits])
    weights = np.cumsum(area[fits][order])
    usual = strength[fits][order][np.searchsorted(weights, weights[-1] / 2)]
    found = np.flatnonzero(fits & (strength >= _WEAK * usual))
    if len(found) > _MOST:
        found = np.sort(found[np.argsort(-area[found])[:_MOST]])
    return found


def _join(stats: NDArray[np.int32]) -> list[NDArray[np.intp]]:
    """Join strokes of one glyph that do not touch: the bar of a 5, a dot of ink inside a 0.

    Returns:
        Groups of indexes into `stats`.
    """
    count = len(stats)
    x, y, w, h, area = (column[:, None].astype(np.float64) for column in stats.T)
    overlap = np.minimum(x + w, (x + w).T) - np.maximum(x, x.T)
    gap = np.maximum(y, y.T) - np.minimum(y + h, (y + h).T)
    # Row: the smaller part; column: the larger one it may belong to.
    smaller = (area < area.T) | ((area == area.T) & (np.arange(count)[:, None] > np.arange(count)))
    flat = (h < 0.6 * h.T) & (w < 1.2 * np.maximum(w.T, h.T))
    near = (overlap >= 0.35 * np.minimum(w, w.T)) & (gap <= 0.16 * h.T)
    inside = (overlap >= 0.8 * w) & (gap <= -0.8 * h)
    same = smaller & ((flat & near) | inside)
    return _connected(same)


def _connected(linked: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Connected groups of a graph given by its adjacency matrix, in order of first member."""
    owner = np.arange(len(linked))
    for first, second in zip(*np.nonzero(linked), strict=True):
        old, new = owner[second], owner[first]
        if old != new:
            owner[owner == max(old, new)] = min(old, new)
    return [np.flatnonzero(owner == root) for root in np.unique(owner)]


def _bounds(stats: NDArray[np.int32]) -> tuple[int, int, int, int]:
    left, top = stats[:, 0].min(), stats[:, 1].min()
    right, bottom = (stats[:, 0] + stats[:, 2]).max(), (stats[:, 1] + stats[:, 3]).max()
    return int(left), int(top), int(right - left), int(bottom - top)


def _lines(boxes: NDArray[np.int64]) -> tuple[list[list[int]], float]:
    """Chain boxes into lines: each to its nearest fellow on the right, along the page's slope.

    Returns:
        Lines of indexes into `boxes`, top to bottom, each left to right, specks left out; and
        their slope, pixels down for a pixel to the right, 0 where it is not sure.
    """
    if len(boxes) == 0:
        return [], 0.0
    x, y, w, h = (column[:, None].astype(np.float64) for column in boxes.T)
    middle, tall = x + w / 2, np.maximum(h, h.T)
    gap = x.T - (x + w)
    fellow = (middle < middle.T) & (gap <= 3.0 * tall) & (gap >= -0.5 * np.minimum(w, w.T))
    fellow &= np.minimum(h, h.T) >= 0.4 * tall
    slopes = _slopes(middle, y + h / 2, fellow & (gap <= 1.5 * tall))
    slope = float(np.median(slopes)) if len(slopes) else 0.0
    centre = y + h / 2 - slope * middle
    apart = np.abs(centre - centre.T)
    distance = np.where(
        fellow & (apart <= 0.45 * tall + 0.15 * np.maximum(gap, 0)), gap + 2 * apart, np.inf
    )
    nearest = distance.argmin(axis=1)
    linked = np.zeros_like(fellow)
    found = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    linked[found, nearest[found]] = True
    # Of several that name the same right neighbour only the nearest is its left neighbour.
    linked &= distance == np.where(linked, distance, np.inf).min(axis=0, keepdims=True)
    lines = [sorted(group.tolist(), key=lambda i: float(x[i, 0])) for group in _connected(linked)]
    writing = [line for line in lines if max(h[i, 0] for i in line) >= _SMALLEST]
    writing.sort(key=lambda line: float(np.mean([centre[i, 0] for i in line])))
    # Two or three glyphs of a level line may well step like this.
    return writing, slope if len(slopes) >= _SURE_SLOPE else 0.0


def _slopes(
    middle: NDArray[np.float64], centre: NDArray[np.float64], fellow: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The slope of each box's way to its nearest fellow on the right, where it has one."""
    across, down = middle.T - middle, centre.T - centre
    fellow = fellow & (np.abs(down) <= _STEEPEST * across)
    distance = np.where(fellow, np.hypot(across, down), np.inf)
    found = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    nearest = distance.argmin(axis=1)[found]
    return np.asarray(down[found, nearest] / across[found, nearest], np.float64)


def _candidate(
    clean: Grey,
    labels: Labels,
    members: NDArray[np.intp],
    box: NDArray[np.int64],
    slope: float,
) -> Candidate:
    """Cut a candidate's own ink out of the page, soft edges included, and turn it upright."""
    left, top, width, height = (int(value) for value in box)
    page_height, page_width = clean.shape
    rows = slice(max(0, top - 2), min(page_height, top + height + 2))
    columns = slice(max(0, left - 2), min(page_width, left + width + 2))
    part = labels[rows, columns]
    own = part == members[0]
    for member in members[1:]:
        own |= part == member
    reach = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8))
    ink = as_grey(cv2.multiply(clean[rows, columns], reach))
    return Candidate(
        box=(left, top, width, height),
        ink=_levelled(ink, slope) if abs(slope) > _SLOPING else ink,
        cut=left == 0 or top == 0 or left + width == page_width or top + height == page_height,
    )


def _levelled(ink: Grey, slope: float) -> Grey:
    """Turn a glyph back by the slope of the lines: uint8 `[side, side]`, room for its corners."""
    height, width = ink.shape
    side = int(np.hypot(height, width)) + 2
    middle = (width / 2, height / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(middle, float(np.rad2deg(np.arctan(slope))), 1))
    shift = [[0, 0, side / 2 - middle[0]], [0, 0, side / 2 - middle[1]]]
    return as_grey(cv2.warpAffine(ink, turn + np.array(shift), (side, side)))
