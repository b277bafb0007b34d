"""Tells the ink of a whole page from its paper, whatever the light and whatever lies around it."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.closing import closed
from digits_runtime.ink import DARKEST_PAPER, TO_FULL, Grey, as_grey, at_least, without_grain
from digits_runtime.one_glyph import guess_polarity as guess_polarity_of_glyph
from digits_runtime.ranks import percentile
from digits_runtime.shadows import in_shadows

Polarity = Literal["dark", "bright"]

# Widest stroke, as a share of the shorter side: of a page, and of one as small as a glyph.
_STROKE, _STROKE_OF_GLYPH = 0.12, 0.45
# Pages whose shorter side is at most this, in pixels, may hold a single glyph.
_SMALL = 160
# Full contrast is that of paper at least this bright, as a share of the page's brightest.
# And so many deviations of the noise.
_DIMMEST, _DEEP = 0.3, 25
# A board is in full light where it is as bright as this percentile of it; where it is darker, chalk
# counts for as much more, but for so many levels of glare, down to this share of that.
_IN_LIGHT, _GLARE, _DARKEST_SHADE = 75, 8, 0.4
# Up to that size of the shorter side strokes may be too broad to depart from what is close by.
_BROAD = 320
# Pixels on a side of the blocks in which the paper is looked for, and how many blocks at least a
# page is across.
_BLOCK, _BLOCKS = 4, 100
# A shadow ends where the paper a block further on is so much brighter, and by so many deviations of
# the noise; brighter than that by so much is a sheet on something dark.
_LIT, _OVER_NOISE, _SHEET = 1.05, 1.5, 2.3
# Closed pixel by pixel paper is brighter than it is, by so many deviations of its noise.
_LIFTED = 2.7
# Pixel noise, in grey levels, from which on a page is smoothed, and of how many rows one is looked
# at to measure it.
_NOISY, _NOISE_STEP = 6, 8
# The longer sides to about which a page is shrunk to guess its polarity, smaller where strokes are
# too broad for the first; its grain there in grey levels; and pixels on a side of the surroundings
# from whose median ink departs (five, since OpenCV takes ten times as long for more).
_GLANCES, _GRAIN, _SURROUNDINGS = (92, 64, 44), 4, 5
# Mean of bright less dark departures that an empty page does not reach, grey levels.
_BRIGHT = 0.01
# Of a glyph half as high as the page the first shows only what it encloses; the last then departs
# by so many levels and times more.
_CLEAR, _FAR_MORE = 0.6, 4


def judge_polarity(frame: NDArray[np.uint8]) -> Polarity:
    """Say whether a page's ink is darker or brighter than its paper.

    Strokes are narrow, so they depart from the median close by; the edges of shadows, of the sheet
    and of what it lies on, however strong, depart from it only at their corners. Glare, a cup's rim
    or a small bright sheet on a dark desk may seem to be what is written.

    Args:
        frame: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
    """
    if min(frame.shape[:2]) <= _BROAD:
        return guess_polarity_of_glyph(frame)
    flat = frame.ndim == 2 or frame.shape[2] == 1
    # Half of it first, for which OpenCV has a way ten times as fast as for any other share.
    half = _halved(frame)
    grey = as_grey(half if flat else cv2.cvtColor(half, cv2.COLOR_BGR2GRAY))
    close, closer, far = (max(max(grey.shape) // side, 1) for side in _GLANCES)
    balance, at_large = _balance(grey, close), _balance(grey, far)
    if abs(at_large) > max(_CLEAR, _FAR_MORE * abs(balance)):
        balance = at_large
    elif abs(balance) <= _BRIGHT:
        balance = _balance(grey, closer)
    return "bright" if balance > _BRIGHT else "dark"


def _balance(grey: Grey, step: int) -> float:
    """How much more of a page, shrunk by so much, departs to the bright than to the dark."""
    height, width = (length // step for length in grey.shape[:2])
    whole = grey[: height * step, : width * step]
    small = as_grey(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))
    # Of 16 bits OpenCV finds medians five to thirty times as fast as of 8.
    usual = as_grey(cv2.medianBlur(small.astype(np.uint16), _SURROUNDINGS).astype(np.uint8))
    bright, dark = (
        cv2.mean(without_grain(as_grey(cv2.subtract(one, other)), _GRAIN))[0]
        for one, other in ((small, usual), (usual, small))
    )
    return bright - dark


def find_ink(grey: Grey, polarity: Polarity) -> Grey:
    """Measure how far each pixel of a page departs from the paper around it.

    The paper is what a morphological closing (for dark ink) leaves: it follows shadows and
    vignettes, even their hard edges, but not anything as narrow as a stroke. Dividing by it makes
    a stroke in the shade as strong as the same stroke in the light. A board, whose light it does
    not tell, is divided by how dark it is beside its lit parts, too.

    Args:
        grey: uint8 `[h, w]`.
        polarity: Which side of the paper the ink is on.

    Returns:
        uint8 `[h, w]` in shares of full contrast, 0 on paper, 255 for black on white or white on
        black.
    """
    light = grey if polarity == "dark" else as_grey(cv2.bitwise_not(grey))
    noise = _noise(light)
    left = noise
    if noise >= _NOISY:
        breadth = min(0.12 * noise, 2.0)
        light = as_grey(cv2.GaussianBlur(light, (0, 0), breadth))
        # Of independent pixels.
        left = noise / (2 * math.sqrt(math.pi) * breadth)
    # Of a board what is brighter may be smeared chalk; small pictures have broad strokes.
    paper = _paper(light, left, shadowed=polarity == "dark" and min(grey.shape) > _BROAD)
    # In the dark, beside a sheet above all, there is noise and grain enough to look like ink.
    least = _DIMMEST * percentile(paper[::16, ::16], 90)
    full = paper if polarity == "dark" else as_grey(cv2.LUT(paper, _full_of_boards(paper)))
    full = at_least(full, int(min(max(least, _DEEP * noise, DARKEST_PAPER), 255)))
    return as_grey(cv2.divide(cv2.subtract(paper, light), full, scale=TO_FULL))


def _full_of_boards(paper: Grey) -> Grey:
    """Full contrast by how dark a board is: uint8 `[256]`, to be looked up by its negative.

    Args:
        paper: uint8 `[h, w]`, that negative.
    """
    levels = np.arange(256)
    board = 255 - levels + _GLARE
    lit = 255 - percentile(paper[::16, ::16], 100 - _IN_LIGHT) + _GLARE
    shares = np.clip(board / lit, _DARKEST_SHADE, 1)
    return np.rint(levels * shares).astype(np.uint8)


def _paper(light: Grey, noise: float, *, shadowed: bool) -> Grey:
    """Close a page over its strokes, at a size at which that costs next to nothing.

    A block of pixels that a shadow's edge crosses is brighter than its shaded half, which would
    pass for ink. So the paper is taken to be shaded for one block more on the lit side; but where
    that is much darker than the lit side, so that strokes would be lost, the page is closed pixel
    by pixel, which follows the edge itself.

    Args:
        light: uint8 `[h, w]`, its ink dark.
        noise: Deviation of its pixels, grey levels.
        shadowed: Whether narrow shadows may lie on it.
    """
    height, width = light.shape
    side = min(height, width)
    step = min(max(side // _BLOCKS, 1), _BLOCK)
    widest = max(_STROKE_OF_GLYPH * min(side, _SMALL), _STROKE * side)
    reach = max(round(widest / step / 2), 1)
    if step == 1:
        return closed(light, reach)
    size = (-(-width // step), -(-height // step))
    blocks = as_grey(cv2.resize(light, size, interpolation=cv2.INTER_AREA))
    whole = closed(blocks, reach)
    shadows = in_shadows(light, blocks, whole) if shadowed else None
    if shadows is not None:
        whole = shadows.paper
    shaded, lit = as_grey(cv2.erode(whole, _square(1))), as_grey(cv2.dilate(whole, _square(1)))
    paper = _enlarged(shaded, light.shape)
    ends = (lit > _LIT * shaded + _OVER_NOISE * noise) & (lit < _SHEET * shaded)
    if shadows is not None:
        ends &= shadows.blocks == 0  # narrow ones have soft edges
    if not ends.any():
        return paper
    exact = closed(light, reach * step)
    exact = as_grey(cv2.subtract(exact, np.full_like(exact, round(_LIFTED * noise))))
    brightest = _enlarged(as_grey(cv2.dilate(lit, _square(1))), light.shape)
    near = as_grey(cv2.dilate(ends.astype(np.uint8) * np.uint8(255), _square(1)))
    near = as_grey(cv2.resize(near, (width, height), interpolation=cv2.INTER_NEAREST))
    # On the shaded side all is as it was: what is between both would be ink there.
    on_lit = cv2.compare(cv2.subtract(exact, paper), cv2.subtract(brightest, exact), cv2.CMP_GT)
    cv2.copyTo(cv2.min(brightest, exact), cv2.bitwise_and(on_lit, near), paper)
    return paper


def _enlarged(blocks: Grey, shape: tuple[int, ...]) -> Grey:
    # The plain linear one rounds differently on ARM.
    size = (shape[1], shape[0])
    return as_grey(cv2.resize(blocks, size, interpolation=cv2.INTER_LINEAR_EXACT))


def _halved(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every two by two pixels as one, an odd row or column at the end left out."""
    height, width = (length // 2 for length in picture.shape[:2])
    whole = picture[: 2 * height, : 2 * width]
    return as_grey(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def _square(reach: int) -> Grey:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)


def _noise(grey: Grey) -> float:
    """The deviation of a page's pixels from their neighbours, grey levels."""
    rows = grey[::_NOISE_STEP]
    if rows.shape[1] < 2:
        return 0.0
    steps = cv2.absdiff(rows[:, 1:], rows[:, :-1])
    share = np.cumsum(cv2.calcHist([steps], [0], None, [256], [0, 256]))
    # The median of the difference of two normal deviates is 0.954 of either's deviation.
    return float(np.searchsorted(share, share[-1] / 2)) / 0.954
