"""Takes a number off the line that is drawn right under it, where its digits touch that."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey
from digits_runtime.parts import Parts
from digits_runtime.ranks import median
from digits_runtime.rules import LEVEL, across

# What hangs together with its underline is so broad and so high at least, pixels, and so broad for
# its height.
_BROAD, _TALL, _WIDE = 40, 15, 1.2
# The line is found by runs of this share of that breadth, within so many pixels; where it leans
# they part, by so many pixels at most.
_RUN, _SHORTEST, _LONGEST, _GAP = 0.25, 12, 30, 7
# It goes along this share of the breadth, lies below that share of the height, is no thicker than
# this share of it, and straight to so many pixels.
_ALONG, _LOW, _THICK, _STRAIGHT = 0.6, 0.5, 0.3, 1.5
# Its soft edges, pixels on either side.
_SOFT = 1.5
# On it stand several glyphs this share as high as all; it begins before the first, by that share of
# the height and so many pixels, and of fewer than this share of those that touch it there is more
# below it, that share high: what 2s or 4s that touch have in common is no such line.
_SEVERAL, _HIGH, _BEFORE, _LEAST, _THROUGH, _BELOW = 2, 0.35, 0.06, 3, 0.5, 0.12
# Those that do not touch it stand so close above it, as a share of that height.
_ABOVE = 0.4
# It goes along this share of all of them.
_UNDER = 0.85
# The page's slope: no line is steeper.
_STEEPEST = 0.35


def without_underlines(mask: Grey, parts: Parts) -> Grey | None:
    """A page's mask without the lines that are of one piece with a glyph above, of several there.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        parts: Of that mask.

    Returns:
        uint8 `[h, w]`; None where there are none.
    """
    cleaned = None
    width, height = parts.boxes[:, 2], parts.boxes[:, 3]
    broad = (width >= np.maximum(_BROAD, _WIDE * height)) & (height >= _TALL)
    for index in np.flatnonzero(broad).tolist():
        x, y, w, h = parts.boxes[index].tolist()
        own = np.zeros((h, w), np.uint8)
        cv2.drawContours(own, [parts.contours[index]], 0, 255, cv2.FILLED, offset=(-x, -y))
        own = as_grey(cv2.bitwise_and(own, mask[y : y + h, x : x + w]))
        line = _line_along(own)
        if line is None:
            continue
        others = np.delete(parts.boxes, index, axis=0) - np.array([x, y, 0, 0])
        if not _carries(line, own, others):
            continue
        beside = as_grey(cv2.bitwise_and(own, cv2.bitwise_not(line.inked)))
        kept = across(beside, LEVEL, round(line.thick + 2 * _SOFT) + 2)
        gone = as_grey(cv2.bitwise_and(line.inked, cv2.bitwise_not(kept)))
        cleaned = mask.copy() if cleaned is None else cleaned
        cleaned[y : y + h, x : x + w][gone > 0] = 0
    return cleaned


class _Line(NamedTuple):
    """A line in a piece of ink.

    Attributes:
        inked: uint8 `[h, w]`, 255 on it.
        above: The same, on what of the piece is above it.
        below: On what is below it.
        ends: Its first and last column.
        middle: How far down its middle is.
        thick: Pixels.
    """

    inked: Grey
    above: Grey
    below: Grey
    ends: tuple[int, int]
    middle: float
    thick: float


def _line_along(own: Grey) -> _Line | None:
    """The line that goes along the lower half of a piece, the upper one of two; or None.

    Args:
        own: uint8 `[h, w]`, the piece, cropped, 255 where it is inked.
    """
    height, width = own.shape
    run = min(max(round(_RUN * width), _SHORTEST), _LONGEST)
    runs = as_grey(cv2.morphologyEx(own, cv2.MORPH_OPEN, np.ones((1, run), np.uint8)))
    joined = as_grey(cv2.dilate(runs, np.ones((3, _GAP), np.uint8)))
    count, labels, stats, centres = cv2.connectedComponentsWithStats(joined)
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_WIDTH] < _ALONG * width or centres[label, 1] < _LOW * height:
            continue
        rows, columns = np.nonzero((labels == label) & (runs > 0))
        thick = median(np.bincount(columns)[np.unique(columns)])
        slope, start = np.polyfit(columns, rows, 1)
        strays = np.abs(rows - start - slope * columns)
        straight = median(strays) <= _STRAIGHT + thick / 4 and abs(slope) <= _STEEPEST
        if not straight or thick > _THICK * height:
            continue
        away = np.arange(height)[:, None] - start - slope * np.arange(width)
        inked = np.where(np.abs(away) <= thick / 2 + _SOFT, own, 0).astype(np.uint8)
        above = np.where(away < -thick / 2 - _SOFT, own, 0).astype(np.uint8)
        below = np.where(away > thick / 2 + _SOFT, own, 0).astype(np.uint8)
        ends = int(columns.min()), int(columns.max())
        return _Line(inked, above, below, ends, float(rows.mean()), thick)
    return None


def _carries(line: _Line, own: Grey, others: NDArray[np.int64]) -> bool:
    """Whether several glyphs stand on a line, one at least of which touches it.

    Args:
        line: Of a piece.
        own: uint8 `[h, w]`, the piece.
        others: int64 `[n, 4]`, boxes of others, from its corner.
    """
    tall = len(own)
    _, _, stats, _ = cv2.connectedComponentsWithStats(line.above)
    pieces = stats[1:, : cv2.CC_STAT_AREA].astype(np.int64)
    touching = pieces[pieces[:, 3] >= _HIGH * tall]
    if len(touching) == 0:
        return False
    _, _, stats, _ = cv2.connectedComponentsWithStats(line.below)
    through = (stats[1:, cv2.CC_STAT_HEIGHT] >= _BELOW * tall).sum()
    if through >= _THROUGH * len(touching):
        return False
    middles, ends = others[:, 0] + others[:, 2] / 2, others[:, 1] + others[:, 3]
    there = (middles >= line.ends[0]) & (middles <= line.ends[1])
    there &= (others[:, 3] >= _HIGH * tall) & (others[:, 3] <= tall / _HIGH)
    there &= (ends <= line.middle + line.thick) & (ends >= line.middle - _ABOVE * tall)
    glyphs = np.concatenate((touching, others[there]))
    left, right = glyphs[:, 0].min(), (glyphs[:, 0] + glyphs[:, 2]).max()
    under = min(right, line.ends[1]) - max(left, line.ends[0])
    if under < _UNDER * (right - left):
        return False
    before = float(left) - line.ends[0]
    return len(glyphs) >= _SEVERAL and before >= max(_BEFORE * tall, _LEAST)
