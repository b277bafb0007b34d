"""Tells the ink of writing from what else stands out of a page: grain, rules, desk, fingers."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey, at_least
from digits_runtime.ranks import median, of_page, percentile

# Ink: this many deviations above the paper's own texture, or, where it is known to lie in the cells
# of a grid, that many; and this much of full contrast at least.
_DEVIATIONS, IN_CELLS, _FAINTEST = 6.0, 3.5, 20
# So many pixels beside what is ink anything is with this share of the limit.
_GOES_ON, _WEAKER = 7, 0.6
# From here on a pixel is ink for sure, where more than this share but not most of the page is.
_STRONG, _CROWDED = 96, 0.12
# From this share of the strongest ink on nothing is texture.
_INK = 0.7
# The paper is measured in so many tiles across its shorter side, at one of so many pixels each way.
# Where that is shorter than so many pixels, one glyph may fill many tiles, so there is one.
_TILES, _SPARSE, _TILED = 10, 4, 320
# A tile of so many times the ink of the calmest, and so many levels more, is of what the sheet lies
# on, where so many meet at the frame's border.
_BUSY, _FEW_TILES = (3, 10), 4
# This share of them is at the border, or they are of a finger and the writing close to it.
_ALONG = 0.25
# Where there are such, weaker and fewer ones are of it too.
_GRAINY, _FEWER_TILES = (2.5, 8), 2
# As is what comes this close to it, pixels, but for what has so many and is so many times as strong
# as nearly all of it, given as a percentile that writing among it does not reach.
_CLOSE = 4
_STROKE, _FAR_STRONGER, _NEARLY_ALL = 40, 2.3, 90
# Or but for what lies on it with this share at most and is so many times as strong in its stronger
# part, given as a percentile: writing close to the sheet's edge, with a rule through it.
_UPON, _STRONGER, _STRONG_PART = 0.7, 1.4, 75
# Or what is a little stronger there and has clean paper all round it, this broad from its soft edge
# on, pixels: three quarters of that at most this share as strong as nearly all of the ground.
_STRONG_ALONE, _SOFT_EDGE, _PAPER, _CLEAN = 1.15, 2, 3, 0.25
# A finger is this share of the page's shorter side broad; where less than that share of the ink is
# narrower, the writing is as broad.
_FINGER, _THIN = 0.07, 0.1
# A fingertip may be narrower: solid to this share of its box, with sides this alike, and of this
# share of the page's shorter side.
_SOLID, _SQUARE, _TIP = 0.6, 0.4, 0.04
# Ink this much weaker than the strongest on the page is a shadow, show-through or a halo.
_SOFT = 0.25
# Rules weaker than this share of the writing are told from it by their strength alone.
_RULE = 0.5
_NEXT = np.ones((3, 3), np.uint8)


class Levels(NamedTuple):
    """What of a page is ink.

    Attributes:
        texture: How strong the paper's own texture gets.
        faint: uint8 `[h, w]`, 255 where something stands out from the paper, rules too.
        mask: The same where it is strong enough for writing.
        strokes: `faint` without fingers and what is close to the sheet's edge: from this, how
            strong ink is on this page is told.
    """

    texture: int
    faint: Grey
    mask: Grey
    strokes: Grey


def find_levels(ink: Grey, deviations: float = _DEVIATIONS) -> Levels | None:
    """Measure a page's ink; None where there is none.

    The paper's texture is measured tile by tile, for the desk around a sheet and its dark corners
    have another than the sheet.

    Args:
        ink: uint8 `[h, w]`.
        deviations: By how many standard deviations of the texture ink stands above it.
    """
    strong = cv2.countNonZero(cv2.threshold(ink, _STRONG, 1, cv2.THRESH_BINARY)[1]) / ink.size
    if _CROWDED < strong < 0.5:
        # Ink may be a third of a tight crop; what is for sure ink is not the paper's texture.
        weak = as_grey(cv2.threshold(ink, _STRONG - 1, 255, cv2.THRESH_BINARY_INV)[1])
        lower, middle = (np.full((1, 1), of_page(ink, share, weak)) for share in (25, 50))
    else:
        side = min(ink.shape)
        tile = side // _TILES if side >= _TILED else side
        few = ink[::_SPARSE, ::_SPARSE]
        pitch = max(tile // _SPARSE, 1)
        down, across = (max(length // pitch, 1) for length in few.shape)
        few = few[: down * pitch, : across * pitch]
        tiles = few.reshape(down, len(few) // down, across, -1).swapaxes(1, 2)
        # Whole, and of 32 bits, NumPy sorts in a sixth of the time that bytes take in part.
        ranked = np.sort(tiles.reshape(down, across, -1).astype(np.uint32), axis=2)
        ranked = ranked.astype(np.uint8)
        count = ranked.shape[2]
        lower, middle = ranked[:, :, count // 4], ranked[:, :, count // 2]
    around = _around(middle)
    # Of normal deviates a quarter lies 0.674 deviations below the middle.
    deviation = np.maximum((middle.astype(np.float32) - lower) / 0.674, 1)
    faintest = middle + np.maximum(_FAINTEST, deviations * deviation)
    texture = middle + 2 * deviation
    if around.any():
        # Nor is the sheet measured by what it lies on.
        sheet = around == 0
        faintest[~sheet], texture[~sheet] = median(faintest[sheet]), median(texture[sheet])
    faintest, texture = (
        # A tile full of ink takes after those around it.
        np.minimum(stat, cv2.medianBlur(np.minimum(stat, 254).astype(np.uint8), 3))
        for stat in (faintest, texture)
    )
    # What is nearly as strong as ink can be on this page is ink, be it as broad as a tile.
    shades = np.cumsum(cv2.calcHist([ink[::_SPARSE, ::_SPARSE].copy()], [0], None, [256], [0, 256]))
    faintest = np.minimum(faintest, _INK * float(np.searchsorted(shades, 0.995 * shades[-1])))
    faintest = np.maximum(faintest, _FAINTEST)
    size = (ink.shape[1], ink.shape[0])
    limit = as_grey(
        cv2.resize(faintest.astype(np.uint8), size, interpolation=cv2.INTER_LINEAR_EXACT)
    )
    faint = as_grey(cv2.compare(ink, limit, cv2.CMP_GT))
    plain = faint
    # Strokes go on where they are weaker (hysteresis, as in Canny 1986).
    weak = at_least(as_grey(cv2.convertScaleAbs(limit, alpha=_WEAKER)), _FAINTEST)
    near = cv2.dilate(faint, np.ones((_GOES_ON, _GOES_ON), np.uint8))
    faint = as_grey(cv2.bitwise_and(cv2.compare(ink, weak, cv2.CMP_GT), near))
    if around.any():
        faint = _apart(faint, around, ink)
    strokes = _narrow(faint)
    if around.any():
        rim = cv2.resize(255 - cv2.dilate(around, _NEXT), size, interpolation=cv2.INTER_NEAREST)
        strokes = as_grey(cv2.bitwise_and(strokes, rim))
    if cv2.countNonZero(strokes) < _THIN * cv2.countNonZero(faint):
        strokes = faint
    rows = slice(None, None, 2)  # every other one tells as much
    histogram = cv2.calcHist([ink[rows]], [0], strokes[rows], [256], [0, 256]).ravel()[::-1]
    inked = np.cumsum(histogram)
    if inked[-1] == 0:
        return None
    strongest = 255 - int(np.searchsorted(inked, 0.1 * inked[-1]))
    soft = _SOFT * strongest
    mask = as_grey(cv2.bitwise_and(faint, cv2.threshold(ink, soft, 255, cv2.THRESH_BINARY)[1]))
    return Levels(int(median(texture)), plain, mask, strokes)


def _around(middle: NDArray[np.uint8]) -> Grey:
    """The tiles of what a sheet lies on, where that is of wood or cloth: 255 there.

    Grain is ink nearly everywhere, writing is not; and what the sheet lies on reaches the frame's
    border.
    """
    found = _reaching_the_border(middle, *_BUSY, _FEW_TILES)
    if found.any():
        found |= _reaching_the_border(middle, *_GRAINY, _FEWER_TILES)
    return found


def _reaching_the_border(middle: NDArray[np.uint8], times: float, more: int, few: int) -> Grey:
    """Tiles so much busier than the calm ones, where so many or more reach the frame's border."""
    ranked = np.sort(middle, axis=None)
    calm = float(ranked[len(ranked) // 5])
    busy = (middle > times * calm + more).astype(np.uint8)
    if not busy.any():
        return busy
    _, labels, stats, _ = cv2.connectedComponentsWithStats(busy, connectivity=4)
    rim = np.bincount(np.concatenate((labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1])))
    found = [
        label
        for label in np.flatnonzero(rim).tolist()
        if label
        and stats[label, cv2.CC_STAT_AREA] >= few
        and rim[label] >= _ALONG * stats[label, cv2.CC_STAT_AREA]
    ]
    return np.where(np.isin(labels, found), 255, 0).astype(np.uint8)


def _apart(mask: Grey, around: Grey, ink: Grey) -> Grey:
    """A mask without what lies around a sheet, and what of that reaches a tile further."""
    size = mask.shape[::-1]
    beyond = cv2.resize(around, size, interpolation=cv2.INTER_NEAREST)
    beyond = as_grey(cv2.dilate(beyond, np.ones((2 * _CLOSE + 1, 2 * _CLOSE + 1), np.uint8)))
    near = cv2.resize(cv2.dilate(around, _NEXT), size, interpolation=cv2.INTER_NEAREST)
    rim = as_grey(cv2.bitwise_and(mask, as_grey(near)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(rim, connectivity=8)
    gone = np.zeros(count, np.uint8)
    gone[np.unique(labels[beyond > 0])] = 255
    gone[0] = 0
    # But not writing close by, far stronger than the grain.
    most = percentile(ink[beyond > 0][::_SPARSE], _NEARLY_ALL)
    inked = stats[:, cv2.CC_STAT_AREA]
    strengths = np.bincount(labels[rim > 0], weights=ink[rim > 0], minlength=count)
    gone[(strengths > _FAR_STRONGER * most * inked) & (inked >= _STROKE)] = 0
    upon = np.bincount(labels[beyond > 0], minlength=count) <= _UPON * inked
    reach = _SOFT_EDGE + _PAPER
    for label in np.flatnonzero((gone > 0) & (inked >= _STROKE)).tolist():
        x, y, w, h = stats[label, :4].tolist()
        whole = x > 0 and x + w < size[0] and y > 0 and y + h < size[1]
        if not (upon[label] or whole):
            continue
        box = (slice(max(y - reach, 0), y + h + reach), slice(max(x - reach, 0), x + w + reach))
        own, near_by = (labels[box] == label).astype(np.uint8), ink[box]
        strong = percentile(near_by[own > 0], _STRONG_PART)
        if (upon[label] and strong > _STRONGER * most) or (
            whole and strong > _STRONG_ALONE * most and _in_the_clear(own, near_by, _CLEAN * most)
        ):
            gone[label] = 0
    return as_grey(cv2.bitwise_and(mask, cv2.bitwise_not(gone[labels])))


def _in_the_clear(own: Grey, ink: Grey, limit: float) -> bool:
    """Whether there is paper, no stronger than a limit, all round a piece of ink.

    Args:
        own: uint8 `[h, w]`, 1 where the piece is.
        ink: uint8 `[h, w]`, with what is around it.
        limit: In levels of ink.
    """
    edge, beyond = (
        cv2.dilate(own, np.ones((2 * by + 1, 2 * by + 1), np.uint8))
        for by in (_SOFT_EDGE, _SOFT_EDGE + _PAPER)
    )
    around = ink[(beyond > 0) & (edge == 0)]
    return len(around) > 0 and percentile(around, _STRONG_PART) <= limit


def _narrow(mask: Grey) -> Grey:
    """A mask without ink as broad as a finger."""
    few = cv2.copyMakeBorder(mask[::4, ::4], *(4 * (1,)), cv2.BORDER_REPLICATE)
    reach = max(int(_FINGER * min(few.shape)), 1) | 1
    kernel = np.ones((reach, reach), np.uint8)
    broad = cv2.dilate(cv2.erode(few, kernel), np.ones((reach + 2, reach + 2), np.uint8))
    if not broad.any():
        return mask
    whole = cv2.resize(broad[1:-1, 1:-1], mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return as_grey(cv2.bitwise_and(mask, cv2.bitwise_not(whole)))


def stronger_than_rules(
    mask: Grey, ink: Grey, strokes: Grey, boxes: NDArray[np.int64]
) -> Grey | None:
    """The ink that is far stronger than the rest, faint rules; None where none is (Otsu 1979).

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        ink: uint8 `[h, w]`.
        strokes: As of `Levels`.
        boxes: int64 `[n, 4]`, of the mask's components. Dark ones that are fingertips do not tell
            how strong writing is.
    """
    written = as_grey(cv2.bitwise_and(mask, strokes))
    least = _TIP * min(mask.shape)
    for x, y, w, h in boxes.tolist():
        if min(w, h) >= max(least, _SQUARE * max(w, h)):
            own = written[y : y + h, x : x + w]
            if cv2.countNonZero(own) >= _SOLID * w * h:
                own[:] = 0
    strengths = ink[written > 0]
    if len(strengths) == 0:
        return None
    limit = cv2.threshold(strengths, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0]
    strong, weak = strengths[strengths > limit], strengths[strengths <= limit]
    if min(len(strong), len(weak)) == 0 or weak.mean() > _RULE * strong.mean():
        return None
    limit = min(limit, _RULE * float(strong.mean()))
    return as_grey(cv2.bitwise_and(mask, cv2.threshold(ink, limit, 255, cv2.THRESH_BINARY)[1]))
