"""Traces the rules found on a shrunk page to the pixel, so that writing close by stays whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey

# A rule is followed through pieces so many of the shrunk page's pixels long, and found that far to
# either side of where that has it; there it is what is inked along this share of a piece.
_PIECE, _ASIDE, _INKED = 12, 2, 0.5
# Shorter, in those pixels, it has no way to follow.
_SHORTEST = 4
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
            whole = (labels == number).astype(np.uint8) * np.uint8(255)
            wide = cv2.dilate(whole, np.ones((3, 3), np.uint8))
            size = (runs.shape[1] * step, runs.shape[0] * step)
            rule = as_grey(cv2.resize(wide, size, interpolation=cv2.INTER_NEAREST))
            band |= rule[: mask.shape[0], : mask.shape[1]]
            thick = 3 * step
        else:
            rule, thick = found
            band[top : top + part.shape[0], left : left + part.shape[1]] |= rule
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
    extent = int(columns.max() - columns.min())
    if extent < _SHORTEST:
        return None
    way = np.polyfit(columns, rows, 2 if extent > 2 * _PIECE else 1)
    across = np.arange(part.shape[1])
    middle = (np.polyval(way, (across + 0.5) / step - 0.5) + 0.5) * step - 0.5 + down
    y, x = np.nonzero(part)
    reach = _ASIDE * step
    # Of a level rule the middle lies between two rows, where the last bit would decide.
    aside = np.floor(y - middle[x] + 0.25).astype(np.int64)
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
    inked = each.reshape(pieces, -1) / lengths[:, None]
    dark = np.where(inked >= _INKED, inked, 0)
    sure = dark.any(axis=1)
    if sure.mean() < _FOUND:
        return None
    thick = float(np.median((dark[sure] > 0).sum(axis=1)))
    rows_of = np.arange(-reach, reach + 1)
    centres = (dark[sure] @ rows_of) / dark[sure].sum(axis=1)
    middles = (np.arange(pieces) * length + lengths / 2)[sure]
    centre = np.interp(across, middles, centres)
    chosen = np.abs(aside - centre[x]) <= thick / 2 + _SOFT
    rule = np.zeros_like(part)
    rule[y[chosen], x[chosen]] = 255
    return rule, round(thick) + 2 * _SOFT
