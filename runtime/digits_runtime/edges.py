"""Tells glyphs from what the edge of a sheet looks like.

Where a sheet ends on something darker, at its corners above all, the paper is taken to go on, and a
sliver beside it looks like a 1 or a 7, or at the picture's border like a part of a number. Paper is
on all sides of what is written on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey
from digits_runtime.ranks import median, percentile
from digits_runtime.reading import Box, Glyph
from digits_runtime.splitting import STROKES

# Strips this broad and so far off, as shares of the height, and pixels at least.
_BREADTH, _BREADTH_AT_LEAST = 0.1, 3
_GAP, _GAP_AT_LEAST = 0.03, 2
# The ground beside a sheet is dark in strips so broad, too, even where they are brighter than that
# many per cent of them; a line beside a stroke, or another one, is not.
_FURTHER, _FURTHER_AT_LEAST, _MOSTLY = 0.4, 12, 75
# What is higher than this share of the picture's shorter side is no sliver.
_HIGHEST, _HIGHEST_STROKE = 0.2, 0.4
# At an edge the darkest side has less than this share of the brightest, and so many levels less.
_SHARE, _SHARE_OF_STROKE, _STEP = 0.57, 0.8, 16
# But writing that a hard shadow's edge crosses is as many levels darker than the darkest side, or
# brighter than the brightest, in so many per cent of its box; a sliver is a part of that side.
_FEW = 10
# A sheet's shadow takes less than this share of the light that the pen of a number beside it does.
_PALE = 0.8
# Of what goes on beyond the picture's border more is an edge: so large a share will do; and what
# lies there may be grained by so many levels.
_UNEVEN, _GRAIN = 0.8, 32


def without_edges(picture: NDArray[np.uint8], line: Sequence[Glyph]) -> Sequence[Glyph]:
    """A line without what is a sheet's edge: all of it, if it is one glyph; of others end strokes.

    Args:
        picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
        line: From left to right.
    """
    alone = len(line) == 1

    def edge(glyph: Glyph, others: Sequence[Glyph]) -> bool:
        stroke = glyph.label in STROKES
        if not (alone or stroke):
            return False
        return at_an_edge(picture, glyph.box, [other.box for other in others], stroke=stroke)

    while line and edge(line[0], line[1:]):
        line = line[1:]
    while line and edge(line[-1], line[:-1]):
        line = line[:-1]
    return line


def at_an_edge(
    picture: NDArray[np.uint8], box: Box, others: Sequence[Box] = (), *, stroke: bool = False
) -> bool:
    """Whether a small box holds but a part of one side, which is far darker than another.

    Or no more than the shadow that a sheet casts there, far paler than writing.

    Args:
        picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
        box: x, y, width and height, pixels of the picture, or partly beyond it.
        others: The boxes of the same number's other glyphs.
        stroke: Whether it looks like a stroke, as any length of an edge does.
    """
    highest, share = (_HIGHEST_STROKE, _SHARE_OF_STROKE) if stroke else (_HIGHEST, _SHARE)
    if box[3] > highest * min(picture.shape[:2]):
        return False
    inside, levels = _inside_and_beside(picture, box)
    if not levels or not _uneven(levels, share):
        return False
    further = _strips(picture, box, _FURTHER, _FURTHER_AT_LEAST)
    if not _uneven([percentile(strip, _MOSTLY) for strip in further], share):
        return False
    darker, brighter = (percentile(inside, share) for share in (_FEW, 100 - _FEW))
    if max(min(levels) - darker, brighter - max(levels)) < _STEP:
        return True
    pens = [_taken(*_inside_and_beside(picture, other)) for other in others]
    return bool(pens) and _taken(inside, levels) < _PALE * median(pens)


def _taken(inside: Grey, levels: Sequence[float]) -> float:
    """What share of the light on its brightest side the darkest of a box takes."""
    if not levels or max(levels) == 0:
        return 0.0
    return 1 - percentile(inside, _FEW) / max(levels)


def off_the_sheet(picture: NDArray[np.uint8], box: Box) -> bool:
    """Whether what the picture's border cuts is of the ground on which a sheet lies.

    Most of its box is then as dark as its darkest side, and nothing far darker.

    Args:
        picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
        box: x, y, width and height, pixels of the picture, or partly beyond it.
    """
    inside, levels = _inside_and_beside(picture, box)
    if not levels or not _uneven(levels, _UNEVEN):
        return False
    if min(levels) - percentile(inside, _FEW) > _GRAIN:
        return False
    return median(inside) < (min(levels) + max(levels)) / 2


def _uneven(levels: Sequence[float], share: float) -> bool:
    darkest, brightest = min(levels), max(levels)
    return darkest < share * brightest and darkest < brightest - _STEP


def _inside_and_beside(picture: NDArray[np.uint8], box: Box) -> tuple[Grey, list[float]]:
    """What a box holds, and the grey levels of its sides that are in the picture."""
    x, y, w, h = box
    inside = picture[max(y, 0) : y + h, max(x, 0) : x + w]
    if inside.size == 0:
        return np.zeros((0, 0), np.uint8), []
    beside = _strips(picture, box, _BREADTH, _BREADTH_AT_LEAST)
    return _grey(inside), [median(strip) for strip in beside]


def _strips(picture: NDArray[np.uint8], box: Box, breadth: float, least: int) -> list[Grey]:
    """What is on the sides of a box, as far as they are in the picture.

    Args:
        picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
        box: x, y, width and height, pixels of the picture, or partly beyond it.
        breadth: Of the strips, as a share of its height.
        least: And in pixels.
    """
    x, y, w, h = box
    gap = max(round(_GAP * h), _GAP_AT_LEAST)
    reach = gap + max(round(breadth * h), least)
    rows, columns = slice(max(y, 0), y + h), slice(max(x, 0), x + w)
    strips = (
        picture[rows, max(x - reach, 0) : max(x - gap, 0)],
        picture[rows, x + w + gap : x + w + reach],
        picture[max(y - reach, 0) : max(y - gap, 0), columns],
        picture[y + h + gap : y + h + reach, columns],
    )
    return [_grey(strip) for strip in strips if strip.size]


def _grey(part: NDArray[np.uint8]) -> Grey:
    flat = part.ndim == 2 or part.shape[2] == 1
    return part if flat else as_grey(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY))
