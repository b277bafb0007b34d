"""Finds the printed lines of ruled and squared paper and of tables, and takes them off a page."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey
from digits_runtime.ranks import of_page
from digits_runtime.rule_bands import traced

# Rules are looked for on a page shrunk to at most this many pixels on its longer side.
_SIDE = 320
# There, a piece of a rule is a straight run of so many pixels; pieces closer than this are one.
_RUN, _GAP = 15, 3
# Turned by these angles, degrees: a run shows up to half a step off its angle, for it is pooled.
_TURNS = (-30, -24, -18, -12, -6, 0, 6, 12, 18, 24, 30)
# A rule is so long, as a share of the page's longer side.
LONG = 0.2
# What is longer than this share is one, whatever it hangs together with. Shorter, it is a stroke of
# a glyph that is so broad as a share of its height or more, or a 1 beside such glyphs, which are as
# tall within these bounds.
_SURELY, _BREADTH, _AS_TALL = 0.45, 0.3, (0.65, 1.5)
# A glyph does not hold so many others of at least so many pixels; a box of a grid does.
_HELD, _SMALL = 3, 6
# Of a small grid so many run along each other.
_GRID = 4
# There, what is broader than this is no rule but a shadow, or the grain of what the sheet lies on;
# where there are rules, but no grid, what is less broad than that may be a grid's frame.
_BROAD, FRAME = 4.5, 8.0
# Nor is there one where so much around is ink, in grey levels of the mean over so many pixels; but
# a small grid full of digits is as dense as that.
_AROUND, _CROWDED, DENSE = 17, 180, 205
# Print weaker than this share of the strongest ink is told from writing by its strength alone.
_FAINT = 0.6
# Where a printed line falls squarely on pixels, it is this much stronger than in the median.
_RAGGED = 1.5
# Rules are of the stronger ink if so large a share of what is inked along them is.
_MOST = 0.8
LEVEL, UPRIGHT = 0, 1


@dataclass(frozen=True)
class Rules:
    """Where rules run, on a shrunk page.

    Attributes:
        level: uint8 `[h, w]`, 255 on rules that run across the page.
        upright: The same, on rules that run down the page.
        step: Pixels of the page for one of theirs.
    """

    level: Grey
    upright: Grey
    step: int

    @functools.cached_property
    def counts(self) -> tuple[int, int]:
        """How many rules, or their longer pieces, run across the page, and how many down it."""
        least = LONG / 2 * max(self.level.shape)
        # Runs one way enclose nothing, so that outer outlines are all there are.
        across, down = (
            sum(
                max(cv2.boundingRect(run)[2:]) >= least
                for run in cv2.findContours(runs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
            )
            for runs in (self.level, self.upright)
        )
        return across, down

    def has_more_than(self, other: Rules) -> bool:
        """Whether a pixel is a rule's here, but not there; both of the same page."""
        mine = np.stack((self.level, self.upright))
        return bool((mine > np.stack((other.level, other.upright))).any())

    def are_of(self, strong: Grey, mask: Grey) -> bool:
        """Whether nearly all that is inked along them is of a page's stronger ink.

        Args:
            strong: uint8 `[h, w]`, 255 where that is.
            mask: The same, where there is any ink.
        """
        runs = as_grey(cv2.bitwise_or(self.level, self.upright))
        size = (runs.shape[1] * self.step, runs.shape[0] * self.step)
        near = cv2.resize(runs, size, interpolation=cv2.INTER_NEAREST)
        near = near[: mask.shape[0], : mask.shape[1]]
        inked, dark = (cv2.countNonZero(cv2.bitwise_and(near, one)) for one in (mask, strong))
        return dark > _MOST * inked


def find_rules(mask: Grey, broadest: float = _BROAD, crowded: float = _CROWDED) -> Rules | None:
    """Find long straight lines turned up to 30 degrees from the frame's sides.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        broadest: How broad they are at most, in pixels of the shrunk page.
        crowded: From how much ink around on there are none, in grey levels of its mean.

    Returns:
        Where they are; None if there are none.
    """
    step = -(-max(mask.shape) // _SIDE)
    pooled = as_grey(cv2.dilate(mask, np.ones((step, step), np.uint8)))[::step, ::step]
    crowd = cv2.threshold(cv2.blur(pooled, (_AROUND, _AROUND)), crowded, 255, cv2.THRESH_BINARY)
    beside = cv2.dilate(crowd[1], np.ones((_AROUND, _AROUND), np.uint8))
    pooled = as_grey(cv2.bitwise_and(pooled, cv2.bitwise_not(beside)))
    level, upright = (_long_runs(pooled, axis, broadest) for axis in (LEVEL, UPRIGHT))
    if level is None and upright is None:
        return None
    none = np.zeros_like(pooled)
    return Rules(none if level is None else level, none if upright is None else upright, step)


def without_rules(mask: Grey, ink: Grey, rules: Rules, shown: Grey) -> Grey:
    """Erase rules, but not the strokes that cross them.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        ink: uint8 `[h, w]`, its strength.
        rules: Where the rules are.
        shown: uint8 `[h, w]`, 255 where there is ink as weak as that by which they were found.

    Returns:
        uint8 `[h, w]`, the mask without the rules.
    """
    height, width = mask.shape
    if cv2.countNonZero(mask) == 0:
        return mask
    # Of a squared page most ink is its rules, so writing shows only among the very strongest.
    strongest = of_page(ink, 98, mask)
    for axis, runs in ((LEVEL, rules.level), (UPRIGHT, rules.upright)):
        wide = cv2.dilate(runs, np.ones((3, 3), np.uint8))
        size = (runs.shape[1] * rules.step, runs.shape[0] * rules.step)
        near = as_grey(cv2.resize(wide, size, interpolation=cv2.INTER_NEAREST))
        near = as_grey(near[:height, :width])
        band = as_grey(cv2.bitwise_and(near, mask))
        if cv2.countNonZero(band) == 0:
            continue
        # The median, since strokes along the rules are in the band too.
        faint = of_page(ink, 50, as_grey(cv2.bitwise_and(near, shown)))
        if faint <= _FAINT * strongest:
            kept = cv2.threshold(ink, _RAGGED * faint, 255, cv2.THRESH_BINARY)[1]
        else:
            if min(rules.counts) == 0:
                # On a form what is written close to a rule must not go with that. Of squared paper
                # pieces would be left.
                band, thick = _closely(mask, runs, rules.step, axis)
            else:
                thick = rules.step * (_thickness(as_grey(wide), axis) + 1)
            beside = as_grey(cv2.bitwise_and(mask, cv2.bitwise_not(band)))
            kept = across(beside, axis, thick)
        mask = as_grey(cv2.bitwise_and(mask, cv2.bitwise_or(cv2.bitwise_not(band), kept)))
    return mask


def across(beside: Grey, axis: int, thick: int) -> Grey:
    """Where a stroke comes to a rule on one side and goes on at the other.

    Args:
        beside: uint8 `[h, w]`, the ink beside the rules.
        axis: Which way the rules run: LEVEL or UPRIGHT.
        thick: Pixels across them.
    """
    # A stroke that comes aslant leaves a little further on.
    kernel = np.ones((thick, 3) if axis == LEVEL else (3, thick), np.uint8)
    return as_grey(cv2.morphologyEx(beside, cv2.MORPH_CLOSE, kernel))


def _thickness(wide: Grey, axis: int) -> int:
    """Pixels across nearly all of the rules."""
    lines = np.pad((wide if axis == UPRIGHT else wide.T) > 0, ((0, 0), (1, 1)))
    edges = np.flatnonzero(np.diff(lines.ravel()))
    return int(np.percentile(edges[1::2] - edges[::2], 90))


def _closely(mask: Grey, runs: Grey, step: int, axis: int) -> tuple[Grey, int]:
    """Where rules are on a page, to the pixel, and how far it is across them."""
    if axis == LEVEL:
        band, thick = traced(mask, runs, step)
    else:
        turned, along = (as_grey(np.ascontiguousarray(one.T)) for one in (mask, runs))
        band, thick = traced(turned, along, step)
        band = as_grey(np.ascontiguousarray(band.T))
    return band, thick + 1


def _long_runs(pooled: Grey, axis: int, broadest: float) -> Grey | None:
    """Straight runs along an axis, or nearly, that are long as a whole; None without any."""
    found = None
    for turn in _TURNS:
        kernel = _line(_RUN, turn, axis)
        cores = cv2.erode(pooled, kernel)
        if cv2.countNonZero(cores) == 0:
            continue
        # The kernel is point-symmetric, so it need not be mirrored.
        runs = cv2.dilate(cores, kernel)
        found = runs if found is None else cv2.bitwise_or(found, runs)
    if found is None:
        return None
    joined = cv2.dilate(found, _line(2 * _GAP + 1, 0, axis))
    contours, _ = cv2.findContours(joined, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    least, surely = (share * max(pooled.shape) for share in (LONG, _SURELY))
    rules: list[NDArray[np.int32]] = []
    strokes: dict[int, list[NDArray[np.int32]]] = {}
    glyphs = None
    for contour in contours:
        length = max(cv2.boundingRect(contour)[2:])
        if length < least or cv2.contourArea(contour) > broadest * length:
            continue
        run, piece = np.asarray(contour, np.int32), None
        if length < surely:
            glyphs = glyphs or _Glyphs.of(pooled)
            piece = glyphs.with_stroke(run, axis)
        (rules if piece is None else strokes.setdefault(piece, [])).append(run)
    # No glyph has so many straight strokes along each other, but a small grid has.
    rules += [run for runs in strokes.values() if len(runs) >= _GRID for run in runs]
    chosen = np.zeros_like(pooled)
    cv2.drawContours(chosen, rules, -1, 255, cv2.FILLED)
    chosen = as_grey(cv2.bitwise_and(chosen, as_grey(found)))
    return chosen if cv2.countNonZero(chosen) else None


@dataclass(frozen=True, slots=True)
class _Glyphs:
    """Pieces of a page's ink, some of which may be large glyphs.

    Attributes:
        labels: int32 `[h, w]`, the number of each pixel's piece, 0 where there is none.
        boxes: int32 `[n, 4]`, x, y, width and height of each piece, the ground first.
        surely: How long only a rule is.
    """

    labels: NDArray[np.int32]
    boxes: NDArray[np.int32]
    surely: float

    @classmethod
    def of(cls, pooled: Grey) -> _Glyphs:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(pooled, connectivity=8)
        boxes = np.asarray(stats[:, : cv2.CC_STAT_AREA], np.int32)
        return cls(np.asarray(labels, np.int32), boxes, _SURELY * max(pooled.shape))

    def with_stroke(self, run: NDArray[np.int32], axis: int) -> int | None:
        """The piece, by its number, of which a straight run is a stroke; None if it is a rule."""
        x, y, width, height = cv2.boundingRect(run)
        there = self.labels[y : y + height, x : x + width]
        inside = np.zeros(there.shape, np.uint8)
        cv2.drawContours(inside, [run], -1, 1, cv2.FILLED, offset=(-x, -y))
        numbers = np.unique(there[inside > 0])
        numbers = numbers[numbers > 0]
        if len(numbers) == 0:  # the outline of a gap between runs
            return None
        mine = self.boxes[numbers]
        low, high = mine[:, :2].min(axis=0), (mine[:, :2] + mine[:, 2:]).max(axis=0)
        broad, tall = (high - low).tolist()
        if max(broad, tall) >= self.surely:
            return None
        glyph = broad >= _BREADTH * tall and tall >= _BREADTH * broad
        if glyph and self._within(low, high) >= _HELD:
            return None
        if glyph or (axis == UPRIGHT and self._beside(int(low[1]), tall)):
            return int(numbers[0])
        return None

    def _within(self, low: NDArray[np.int32], high: NDArray[np.int32]) -> int:
        """How many pieces as large as a glyph lie within bounds."""
        corners, sizes = self.boxes[1:, :2], self.boxes[1:, 2:]
        inside = ((corners > low) & (corners + sizes < high)).all(axis=1)
        return int((inside & (sizes.max(axis=1) >= _SMALL)).sum())

    def _beside(self, top: int, tall: int) -> bool:
        """Whether there is a glyph as tall and as high on the page as a stroke."""
        _, tops, broad, high = self.boxes[1:].T
        glyphs = (broad >= _BREADTH * high) & (broad <= 2 * high) & (broad < self.surely)
        least, most = _AS_TALL
        alike = (high >= least * tall) & (high <= most * tall)
        shared = np.minimum(tops + high, top + tall) - np.maximum(tops, top)
        return bool((glyphs & alike & (shared >= 0.5 * tall)).any())


def _line(length: int, turn: float, axis: int) -> NDArray[np.uint8]:
    """A kernel one pixel wide along the x axis (0) or the y axis (1), turned by degrees."""
    if turn == 0:
        return np.ones((1, length) if axis == LEVEL else (length, 1), np.uint8)
    reach = length // 2
    rise = round(reach * np.tan(np.deg2rad(turn)))
    kernel = np.zeros((2 * abs(rise) + 1, 2 * reach + 1), np.uint8)
    cv2.line(kernel, (0, abs(rise) - rise), (2 * reach, abs(rise) + rise), 1)
    return kernel if axis == LEVEL else np.ascontiguousarray(kernel.T)
