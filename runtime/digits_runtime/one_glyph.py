"""From a picture of one glyph, cut out however loosely, to its ink and to model input."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.ink import (
    DARKEST_PAPER,
    TO_FULL,
    Grey,
    as_grey,
    check_frame,
    normalise,
    to_grey,
    without_grain,
)

Polarity = Literal["dark", "bright", "auto"]

_FULL = 255
# How far a stroke's soft edge reaches at most, as a share of a picture's shorter side.
_EDGE_OF_STROKE = 0.05
# Parts of a loose crop below this share of all its ink are specks.
_SPECK = 0.03
# Parts cut by a crop's border are a neighbour's, below this share of the main part.
_NEIGHBOUR = 0.4
# The same where the main part itself meets the border: its own detached bar would do so too.
_SPECK_IF_TIGHT = 0.12
# A picture is ink already if this share of each side of its border is exactly blank, and of what is
# not blank, grey levels that fog would have and a stroke's edge only passes are at most so many.
_CLEAN, _FAINT, _FAINT_PIXELS = 0.05, 32, 1.5
# A small picture's polarity is guessed at these sides, pixels: local departures at one, the rest at
# the other, where without such a deviation of its grey levels it has none.
_NEAR, _FAR, _PLAIN = 96, 24, 2.0
# Pixels of the surroundings from whose median strokes depart, grey levels of grain, and the sum of
# departures that says little.
_AROUND_STROKES, _GRAIN, _FEW = 31, 12, 50
# How much departures and the border say beside the skewness of grey levels.
_DEPARTING, _BORDER = 9.0, 10.0
# Widest stroke, as a share of the shorter side.
_STROKE = 0.45
# Reach of the paper around each pixel of a picture of one glyph, as a share of its shorter side.
_AROUND = 0.02


def single(picture: NDArray[np.uint8], spec: InkSpec, polarity: Polarity = "auto") -> Grey:
    """Turn a picture of one glyph, however loosely cropped, into what a model expects.

    Args:
        picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
        spec: The model's input.
        polarity: `dark` for ink on paper, `bright` for MNIST-like arrays, `auto` to find out.

    Returns:
        uint8 `[spec.size, spec.size]`.

    Raises:
        InputError: The array is not an 8-bit grey or BGR picture.
    """
    return normalise(of_one_glyph(picture, polarity), spec)


def of_one_glyph(picture: NDArray[np.uint8], polarity: Polarity = "auto") -> Grey:
    """The ink of the one glyph of a picture: uint8 `[h, w]`, zero away from it.

    Arguments and errors are those of `single`.
    """
    if polarity == "auto":
        polarity = guess_polarity(picture)
    grey = to_grey(picture, polarity)
    bright = grey if polarity == "bright" else as_grey(cv2.bitwise_not(grey))
    return _without_strays(bright) if _is_ink(bright) else isolate(find_ink(grey, polarity))


def guess_polarity(frame: NDArray[np.uint8]) -> Literal["dark", "bright"]:
    """Say whether the ink of a small picture is darker or brighter than what it is written on.

    Three things tell, added up: what ink is written on reaches the border nearly everywhere,
    however broad the pen and tight the crop; ink is mostly the lesser part, so that grey levels are
    skewed towards it; and narrow strokes depart from the median around them, which light and
    shadow do not. A picture without contrast counts as paper.

    Args:
        frame: uint8 `[h, w]` grey or `[h, w, 3]` BGR.

    Raises:
        InputError: The array is not an 8-bit grey or BGR picture.
    """
    check_frame(frame)
    near = as_grey(cv2.resize(frame, (_NEAR, _NEAR), interpolation=cv2.INTER_AREA))
    if near.ndim == 3:
        # Luminance, since neither the darkest nor the brightest channel is fair to both.
        near = as_grey(cv2.cvtColor(near, cv2.COLOR_BGR2GRAY))
    small = as_grey(cv2.resize(near, (_FAR, _FAR), interpolation=cv2.INTER_AREA))
    grey = small - small.mean(dtype=np.float64)
    deviation = float(grey.std())
    if deviation < _PLAIN:
        return "dark"
    skewness = float((grey**3).mean()) / deviation**3
    border = float(grey.sum() - grey[1:-1, 1:-1].sum()) / (4 * (_FAR - 1)) / deviation
    around = as_grey(cv2.medianBlur(near, _AROUND_STROKES))
    bright, dark = (
        float(cv2.sumElems(without_grain(as_grey(cv2.subtract(one, other)), _GRAIN))[0])
        for one, other in ((near, around), (around, near))
    )
    departing = (bright - dark) / (bright + dark + _FEW)
    return "bright" if skewness + _DEPARTING * departing > _BORDER * border else "dark"


def find_ink(grey: Grey, polarity: Literal["dark", "bright"]) -> Grey:
    """Measure how far each pixel of a picture of one glyph departs from the paper around it.

    Strokes may be broad and lie along the border; of whole pages `paper.find_ink` finds the ink.

    Args:
        grey: uint8 `[h, w]`.
        polarity: Which side of the paper the ink is on.

    Returns:
        uint8 `[h, w]` in shares of full contrast, 0 on paper, 255 for black on white or white on
        black.
    """
    light = grey if polarity == "dark" else as_grey(cv2.bitwise_not(grey))
    reach = 2 * round(_STROKE * min(light.shape) / 2) + 1
    closed = as_grey(cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)))
    return _departure(light, _paper_around(light, np.maximum(closed, DARKEST_PAPER)))


def isolate(ink: Grey) -> Grey:
    """Keep the one glyph of a loosely cropped picture: its ink without grain, specks and strays.

    Args:
        ink: uint8 `[h, w]` of one glyph and, perhaps, bits of its neighbours at the borders.

    Returns:
        uint8 `[h, w]`, zero away from the glyph.
    """
    faint, low = np.percentile(ink, (5, 25))
    return _without_strays(without_grain(ink, round(low + 4 * (low - faint))))


def _is_ink(bright: Grey) -> bool:
    """Whether the ground is exactly blank on every side, as it is in scans and drawings.

    To look for paper in such a picture, often a few pixels wide, can only take from its strokes.
    Light that falls off leaves a side without such pixels, even where the darkest are clipped.
    """
    blank = int(np.count_nonzero(bright == 0))
    faint = int(np.count_nonzero(bright <= _FAINT)) - blank
    sides = (bright[0], bright[-1], bright[:, 0], bright[:, -1])
    return faint <= _FAINT_PIXELS * blank and all(
        bool(np.count_nonzero(side == 0) >= _CLEAN * side.size) for side in sides
    )


def _paper_around(light: Grey, paper: Grey) -> Grey:
    """Follow light that falls off across one glyph, from a first guess too stiff to follow it.

    What the guess does not take for ink is averaged around each pixel (normalised convolution,
    Knutsson & Westin 1993), from far away where a stroke leaves nothing near; that is the guess
    from which to tell the ink anew.
    """
    near = _AROUND * min(light.shape)
    plain = light.astype(np.float32)
    for _ in range(3):
        ink = _departure(light, paper)
        strong, _ = cv2.threshold(ink, 0, _FULL, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        blank = (ink < strong / 2).astype(np.float32)
        around, weight = (cv2.GaussianBlur(v, (0, 0), near) for v in (plain * blank, blank))
        far, of_far = (cv2.GaussianBlur(v, (0, 0), 4 * near) for v in (plain * blank, blank))
        mixed = (around + 0.02 * far / np.maximum(of_far, 1e-4)) / (weight + 0.02)
        paper = np.clip(np.rint(mixed), DARKEST_PAPER, _FULL).astype(np.uint8)
    return paper


def _departure(light: Grey, paper: Grey) -> Grey:
    """How much darker than its paper each pixel is: 0 as bright or brighter, 255 black."""
    return as_grey(cv2.bitwise_not(cv2.divide(light, paper, scale=TO_FULL)))


def _without_strays(ink: Grey) -> Grey:
    _, strong = cv2.threshold(ink, 0, _FULL, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(strong, connectivity=8)
    if count == 1:
        return ink
    left, top, width, height, areas = stats[1:].T
    bottom, right = ink.shape
    cut = (left == 0) | (top == 0) | (left + width == right) | (top + height == bottom)
    main = int(np.where(cut, areas / 2, areas).argmax())
    # In a picture as tight as its glyph, whatever is part of that meets the border too.
    neighbour = _SPECK_IF_TIGHT if cut[main] else _NEIGHBOUR
    stray = (areas < _SPECK * areas.sum()) | (cut & (areas < neighbour * areas[main]))
    stray[main] = False
    kept = np.isin(labels, 1 + np.flatnonzero(~stray)).astype(np.uint8)
    dropped = np.isin(labels, 1 + np.flatnonzero(stray)).astype(np.uint8)
    # Strokes have soft edges outside the threshold: those kept stay, those of the strays and any
    # grain further off go.
    edge = np.ones((3, 3), np.uint8)
    reach = max(3, 2 * round(_EDGE_OF_STROKE * min(ink.shape)) + 1)
    near = cv2.dilate(kept, np.ones((reach, reach), np.uint8)) > 0
    stray_edge = (cv2.dilate(dropped, edge) > 0) & (cv2.dilate(kept, edge) == 0)
    return np.where(near & ~stray_edge, ink, 0).astype(np.uint8)
