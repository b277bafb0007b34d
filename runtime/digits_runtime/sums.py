"""Parts what is written in a row at the signs between: the terms of a sum are numbers each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import Contract
from digits_runtime.page import Candidate
from digits_runtime.reading import Box

Row = NDArray[np.float32]  # [classes], probabilities of one candidate
Line = tuple[Sequence[Candidate], Sequence[Row]]

# What has a name with this probability is no sign. A bar is so many times as broad as high.
_NAMED, _FLAT = 0.9, 1.8
# What is between terms is so broad for their height, at least and at most, no higher than that; its
# middle is in this part of it. So many heights beyond a line's ends an equals sign may stand.
_BROAD, _HIGHEST, _MIDDLE, _BEYOND = (0.15, 1.3), 0.85, (0.2, 0.85), 2.5
# Bars of an equals sign lie above one another for this share of the shorter one; in one box they
# are as broad as this share of it, and so broad for their height both.
_STACKED, _BOTH, _LOW = 0.5, 0.7, 1.1
# Where they touch so much of their box is inked, and this share of either's breadth at most.
_SOLID, _WAIST = 0.6, 0.92
# A plus is as broad as high, to so many times; in so much of its box at each corner there is no
# more than that share of ink, and in its middle rows and columns, of that share of it, there is ink
# nearly all along.
_SQUARE, _CORNER, _EMPTY, _BAND, _ALONG = 1.7, 0.3, 0.2, 0.4, 0.85
# Of something in a row so many runs are the two bars of an equals sign.
_BARS = 2


class _Sign(NamedTuple):
    """A sign of a sum, or what may be one: alone a bar may be a hyphen, of a telephone's number."""

    kind: Literal["bar", "equals", "plus"]
    box: Box


def terms_apart(lines: Sequence[Line], contract: Contract) -> list[list[Line]]:
    """Part lines at plus and equals signs, and those that have any at a minus, too.

    Args:
        lines: Candidates from left to right, and the probabilities of each.
        contract: Of the model they are from.

    Returns:
        The parts of each line, without the signs; the whole line where there are none.
    """
    if not contract.rejects:
        return [[line] for line in lines]
    told = [[_sign(one, row) for one, row in zip(line, rows, strict=True)] for line, rows in lines]
    signs = [sign for line in told for sign in line if sign is not None]
    if all(sign.kind == "bar" for sign in signs) and len(signs) < _BARS:
        return [[line] for line in lines]
    return [_terms(line, rows, own, signs) for (line, rows), own in zip(lines, told, strict=True)]


def _terms(
    line: Sequence[Candidate],
    rows: Sequence[Row],
    own: Sequence[_Sign | None],
    signs: Sequence[_Sign],
) -> list[Line]:
    terms = [place for place, sign in enumerate(own) if sign is None]
    if len(terms) < 2:
        return [(line, rows)]
    boxes = [line[place].box for place in terms]
    tall = median(box[3] for box in boxes)
    between = [_between(a, b, signs, tall) for a, b in itertools.pairwise(boxes)]
    # A result may stand so far from its terms that it is a line of its own.
    first, last = boxes[0], boxes[-1]
    beyond = [
        _between((first[0] - round(_BEYOND * tall), *first[1:]), first, signs, tall),
        _between(last, (last[0] + round(_BEYOND * tall), *last[1:]), signs, tall),
    ]
    sums = any(sign.kind == "plus" for held in between for sign in held)
    if not (sums or any(_equals(held) for held in (*between, *beyond))):
        return [(line, rows)]
    starts = [0, *(place + 1 for place, held in enumerate(between) if held), len(terms)]
    return [
        ([line[place] for place in part], [rows[place] for place in part])
        for part in (terms[start:stop] for start, stop in itertools.pairwise(starts))
    ]


def _between(left: Box, right: Box, signs: Sequence[_Sign], tall: float) -> list[_Sign]:
    """The signs that stand between two glyphs, at about their middle."""
    top, height = (left[1] + right[1]) / 2, (left[3] + right[3]) / 2
    low, high = (top + share * height for share in _MIDDLE)
    held = []
    for sign in signs:
        x, y, w, h = sign.box
        beside = left[0] + left[2] / 2 < x + w / 2 < right[0] + right[2] / 2
        fits = _BROAD[0] * tall <= w <= _BROAD[1] * tall and h <= _HIGHEST * tall
        if beside and fits and low <= y + h / 2 <= high:
            held.append(sign)
    return held


def _equals(signs: Sequence[_Sign]) -> bool:
    """Whether an equals sign is among some signs, or two bars that lie one above the other."""
    bars = [sign.box for sign in signs if sign.kind == "bar"]
    return any(sign.kind == "equals" for sign in signs) or any(
        min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]) >= _STACKED * min(a[2], b[2])
        for a, b in itertools.combinations(bars, 2)
    )


def _sign(one: Candidate, row: Row) -> _Sign | None:
    """What sign a candidate is, of that shape and no glyph for sure."""
    width, height = one.box[2:]
    if float(row[:-1].max()) >= _NAMED:
        return None
    if width >= _FLAT * height:
        return _Sign("bar", one.box)
    if 1 / _SQUARE <= width / height <= _SQUARE and _is_plus(_inked(one)):
        return _Sign("plus", one.box)
    if width >= _LOW * height and _is_equals(_inked(one)):
        return _Sign("equals", one.box)
    return None


def _inked(one: Candidate) -> NDArray[np.uint8]:
    """Where a candidate is inked, cropped: uint8 `[h, w]`, 1 there."""
    inked = cv2.threshold(one.ink, int(one.ink.max()) // 3, 1, cv2.THRESH_BINARY)[1]
    x, y, w, h = cv2.boundingRect(inked)
    return np.asarray(inked[y : y + h, x : x + w], np.uint8)


def _is_plus(inked: NDArray[np.uint8]) -> bool:
    """Whether something is two bars that cross in the middle."""
    height, width = inked.shape
    if inked.size == 0:
        return False
    down, across = max(round(_CORNER * height), 1), max(round(_CORNER * width), 1)
    corners = (inked[rows, columns] for rows in _ends(down) for columns in _ends(across))
    if any(corner.mean() > _EMPTY for corner in corners):
        return False
    side, edge = round((1 - _BAND) / 2 * width), round((1 - _BAND) / 2 * height)
    upright = inked[:, side : width - side].any(axis=1).mean()
    level = inked[edge : height - edge].any(axis=0).mean()
    return bool(min(upright, level) >= _ALONG)


def _is_equals(inked: NDArray[np.uint8]) -> bool:
    """Whether something is two bars, one above the other, with nothing between.

    Those of a broad pen may touch: then they are solid but for a waist.
    """
    if len(inked) < _BARS or inked.size == 0:  # on which OpenCV crashes
        return False
    widths = inked.sum(axis=1, dtype=np.int64)
    upper, lower = np.array_split(widths, 2)
    waist = widths[len(widths) // 3 : -(len(widths) // 3) or None].min()
    if inked.mean() >= _SOLID and waist <= _WAIST * min(upper.max(), lower.max()):
        return True
    count, _, stats, _ = cv2.connectedComponentsWithStats(inked)
    broad = stats[1:, cv2.CC_STAT_WIDTH] >= _BOTH * inked.shape[1]
    flat = stats[1:, cv2.CC_STAT_WIDTH] >= _FLAT * stats[1:, cv2.CC_STAT_HEIGHT]
    return count == _BARS + 1 and bool((broad & flat).all())


def _ends(count: int) -> tuple[slice, slice]:
    return slice(0, count), slice(-count, None)
