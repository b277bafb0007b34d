"""Traces the rules found on a shrunk page to the pixel, so that writing close by stays whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey

# A rule is followed through pieces so many of the shrunk page's pixels long, and found that far to
# either side of where that has it; there it is what is inked along this share of a piece.
_PIECE, _ASIDE, _INKED = 12, 2, 0.5
# A rule that is not found in so large a share of its pieces is left as broad as it was.
_FOUND = 0.5
# A rule's soft edge on either side, pixels.
_SOFT = 1


def traced(mask: Grey, runs: Grey, step: int) -> tuple[Grey, int]:
    """Where rules that run across a page are, as narrow as they are.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        runs: uint8 `[h / step, w / step]`, 255 on the rules.
        step: Pixels of the page for one of those.

    Returns:
        uint8 `[h, w]`, 255 on the rules; and how thick the thickest is, pixels.
    """
    band, thickest = np.zeros_like(mask), 1
    _, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    for number, (x, y, w, h, _) in enumerate(stats.tolist()):
        if number == 0:
            continue
        own = labels[y : y + h, x : x + w] == number
        reach = _ASIDE * step
        top, left = max(y * step - reach, 0), x * step
        part = mask[top : (y + h) * step + reach, left : (x + w) * step]
        found = _traced(part, own, step, y * step - top)
        if found is None:
            wide = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8))
            size = (own.shape[1] * step, own.shape[0] * step)
            rule = cv2.resize(wide * np.uint8(255), size, interpolation=cv2.INTER_NEAREST)
            inside = band[y * step : (y + h) * step, left : left + part.shape[1]]
            rule = rule[: inside.shape[0], : inside.shape[1]]
            thick = step * 3
        else:
            rule, thick = found
            inside = band[top : top + part.shape[0], left : left + part.shape[1]]
        inside |= as_grey(rule)
        thickest = max(thickest, thick)
    return band, thickest


def _traced(part: Grey, own: NDArray[np.bool_], step: int, down: int) -> tuple[Grey, int] | None:
    """One rule, within the part of a page around it; None where it cannot be followed.

    Args:
        part: uint8 `[h, w]`, 255 where there is ink.
        own: Where the rule is on the shrunk page.
        step: Pixels of the page for one of those.
        down: How far down `part` the first row of `own` is.
    """
    rows, columns = np.nonzero(own)
    ends = columns.min(), columns.max()
    way = np.polyfit(columns, rows, 2 if ends[1] - ends[0] > 2 * _PIECE else 1)
    across = np.arange(part.shape[1])
    middle = (np.polyval(way, (across + 0.5) / step - 0.5) + 0.5) * step - 0.5 + down
    y, x = np.nonzero(part)
    reach = _ASIDE * step
    aside = np.rint(y - middle[x]).astype(np.int64)
    near = np.abs(aside) <= reach
    y, x, aside = y[near], x[near], aside[near]
    length = _PIECE * step
    pieces = -(-part.shape[1] // length)
    each = np.bincount(
        (x // length) * (2 * reach + 1) + aside + reach, minlength=pieces * (2 * reach + 1)
    )
    lengths = (
        np.minimum(np.arange(1, pieces + 1) * length, part.shape[1]) - np.arange(pieces) * length
    )
    inked = each[: pieces * (2 * reach + 1)].reshape(pieces, -1) / lengths[:, None]
    # Three rows together, for a rule aslant steps from one to the next.
    smooth = cv2.blur(inked, (3, 1), borderType=cv2.BORDER_CONSTANT)
    best = smooth.argmax(axis=1)
    sure = inked.max(axis=1) >= _INKED
    if sure.mean() < _FOUND:
        return None
    dark = inked >= _INKED
    thick = float(np.median(dark[sure].sum(axis=1)))
    middles = (np.arange(pieces) * length + lengths / 2)[sure]
    centre = np.interp(across, middles, best[sure] - float(reach))
    chosen = np.abs(aside - centre[x]) <= thick / 2 + _SOFT
    rule = np.zeros_like(part)
    rule[y[chosen], x[chosen]] = 255
    return rule, round(thick) + 2 * _SOFT
