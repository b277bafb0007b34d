"""From a page of ink to glyph candidates: strokes joined, rules dropped, grouped into lines.

Geometry only: what a candidate is, and whether it is a glyph at all, the classifier says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, without_grain
from digits_runtime.reading import Box

Labels = NDArray[np.int32]

# Ink: this many deviations above the paper's own texture, and this much of full contrast at least.
_DEVIATIONS = 4.5
_FAINTEST = 20
# Ink this much weaker than the strongest on the page is a shadow, show-through or a halo.
_SOFT = 0.25
_WEAK = 0.4
# Pixels of the working frame below which a component is a speck.
_SMALLEST = 9
# A rule spans this much of the frame and is at most so thick, as a share of its height.
_RULE_WIDE, _RULE_HIGH, _RULE_THICK = 0.3, 0.5, 0.014
# Print weaker than this share of the strongest ink is told from writing by its strength alone.
_FAINT_RULE = 0.6
# Where a printed line falls squarely on pixels, it is this much stronger than in the median.
_RAGGED = 1.5
_LEVEL, _UPRIGHT = 0, 1
# Lines that rise or fall faster than this are not looked for.
_STEEPEST = 0.6
# More components than this is texture, not writing; the largest are looked at.
_MOST = 600


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a glyph.

    Attributes:
        box: x, y, width and height, pixels of the ink map.
        ink: uint8 `[h, w]` of its own ink alone, a margin included, 0 elsewhere.
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
    mask = _grey(cv2.threshold(ink, levels.threshold, 255, cv2.THRESH_BINARY)[1])
    mask = _without_rules(mask, ink, levels.strongest)
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
    lines = _lines(boxes)
    clean = without_grain(ink, levels.texture)
    return [
        [_candidate(clean, labels, members[index], boxes[index]) for index in line]
        for line in lines
    ]


def _levels(ink: Grey) -> _Levels | None:
    """Measure a page's ink; None where paper is as strong as ink can be, or there is none."""
    histogram = np.bincount(ink.ravel(), minlength=256)
    share = np.cumsum(histogram) / ink.size
    middle, upper = int(np.searchsorted(share, 0.5)), int(np.searchsorted(share, 0.84))
    deviation = max(upper - middle, 1)
    faintest = middle + max(_FAINTEST, round(_DEVIATIONS * deviation))
    inked = np.cumsum(histogram[faintest:][::-1])
    if len(inked) == 0 or inked[-1] == 0:
        return None
    strongest = 255 - int(np.searchsorted(inked, 0.1 * inked[-1]))
    soft = middle + round(_SOFT * (strongest - middle))
    return _Levels(middle + 2 * deviation, min(max(faintest, soft), 254), strongest)


def _without_rules(mask: Grey, ink: Grey, strongest: int) -> Grey:
    """Erase the rules of ruled and squared paper, but not the strokes that cross them."""
    for axis, span in ((_LEVEL, _RULE_WIDE), (_UPRIGHT, _RULE_HIGH)):
        length = mask.shape[1 - axis]
        reach = max(16, length // 20)
        runs = _grey(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _run(reach, axis)))
        # Labelling is dear; most pages have no run long enough in all their rows together.
        if cv2.countNonZero(cv2.reduce(runs, axis, cv2.REDUCE_MAX)) < 0.5 * span * length:
            continue
        mask = _without_faint_rules(mask, runs, ink, axis, span * length, strongest)
        mask = _without_strong_rules(mask, axis, reach, span * length)
    return mask


def _without_faint_rules(
    mask: Grey, runs: Grey, ink: Grey, axis: int, span: float, strongest: int
) -> Grey:
    """Erase long straight lines that are weaker than the writing, however broken they are.

    A line turned a little against the pixels comes in pieces, a row apart from one to the next.
    """
    joined = cv2.dilate(cv2.dilate(runs, _run(3, 1 - axis)), _run(round(span / 3), axis))
    band = _long(_grey(joined), axis, span)
    if band is None:
        return mask
    # The median, since strokes along the lines are in the band too.
    level = float(np.median(ink[(runs > 0) & (band > 0)]))
    if level > _FAINT_RULE * strongest:
        return mask
    weak = cv2.threshold(ink, _RAGGED * level, 255, cv2.THRESH_BINARY_INV)[1]
    return _grey(cv2.bitwise_and(mask, cv2.bitwise_not(cv2.bitwise_and(band, weak))))


def _without_strong_rules(mask: Grey, axis: int, reach: int, span: float) -> Grey:
    """Erase long thin straight lines as strong as the writing.

    What is left of a run-length opening along the line, and is long and thin as a whole, is a
    rule; of it, pixels in a run across the line longer than the rule is thick belong to a stroke.
    """
    thick = max(4.0, _RULE_THICK * mask.shape[0])
    runs = _grey(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _run(reach, axis)))
    rules = _long(runs, axis, span, thick)
    if rules is None:
        return mask
    # A rule's ragged rim lies just on either side of what the opening found.
    around = cv2.dilate(rules, _run(3, 1 - axis))
    across = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _run(round(thick) + 2, 1 - axis))
    return _grey(cv2.bitwise_and(mask, cv2.bitwise_or(cv2.bitwise_not(around), across)))


def _run(length: int, axis: int) -> Grey:
    """A kernel one pixel wide along the x axis (0) or the y axis (1)."""
    return np.ones((1, length) if axis == _LEVEL else (length, 1), np.uint8)


def _long(mask: Grey, axis: int, span: float, thick: float = np.inf) -> Grey | None:
    """The components at least `span` long along an axis and `thick` on average, or None."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    length = stats[:, cv2.CC_STAT_HEIGHT if axis == _UPRIGHT else cv2.CC_STAT_WIDTH]
    chosen = (length >= span) & (stats[:, cv2.CC_STAT_AREA] <= thick * length)
    chosen[0] = False
    if not chosen.any():
        return None
    return _grey((chosen.astype(np.uint8) * 255)[labels])


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


def _lines(boxes: NDArray[np.int64]) -> list[list[int]]:
    """Chain boxes into lines: each to its nearest fellow on the right, along the page's slope.

    Returns:
        Lines of indexes into `boxes`, top to bottom, each left to right; specks are left out.
    """
    if len(boxes) == 0:
        return []
    x, y, w, h = (column[:, None].astype(np.float64) for column in boxes.T)
    middle, tall = x + w / 2, np.maximum(h, h.T)
    gap = x.T - (x + w)
    fellow = (middle < middle.T) & (gap <= 3.0 * tall) & (gap >= -0.5 * np.minimum(w, w.T))
    fellow &= np.minimum(h, h.T) >= 0.4 * tall
    slope = _slope(middle, y + h / 2, fellow & (gap <= 1.5 * tall))
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
    return sorted(writing, key=lambda line: float(np.mean([centre[i, 0] for i in line])))


def _slope(
    middle: NDArray[np.float64], centre: NDArray[np.float64], fellow: NDArray[np.bool_]
) -> float:
    """The page's slope: the median over each box's way to its nearest fellow on the right."""
    across, down = middle.T - middle, centre.T - centre
    fellow = fellow & (np.abs(down) <= _STEEPEST * across)
    distance = np.where(fellow, np.hypot(across, down), np.inf)
    found = np.flatnonzero(np.isfinite(distance.min(axis=1)))
    if len(found) == 0:
        return 0.0
    nearest = distance.argmin(axis=1)[found]
    return float(np.median(down[found, nearest] / across[found, nearest]))


def _candidate(
    clean: Grey, labels: Labels, members: NDArray[np.intp], box: NDArray[np.int64]
) -> Candidate:
    """Cut a candidate's own ink out of the page, soft edges included."""
    left, top, width, height = (int(value) for value in box)
    page_height, page_width = clean.shape
    rows = slice(max(0, top - 2), min(page_height, top + height + 2))
    columns = slice(max(0, left - 2), min(page_width, left + width + 2))
    part = labels[rows, columns]
    own = part == members[0]
    for member in members[1:]:
        own |= part == member
    reach = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8))
    return Candidate(
        box=(left, top, width, height),
        ink=_grey(cv2.multiply(clean[rows, columns], reach)),
        cut=left == 0 or top == 0 or left + width == page_width or top + height == page_height,
    )


def _grey(image: object) -> Grey:
    """Narrow OpenCV's return type to the uint8 arrays used here."""
    return np.asarray(image, np.uint8)
