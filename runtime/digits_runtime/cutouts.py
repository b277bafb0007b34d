"""Cuts out of a page's ink what is a glyph's own, and turns it upright."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from digits_runtime.ink import Grey, as_grey
from digits_runtime.layout import Boxes
from digits_runtime.parts import Contour
from digits_runtime.reading import Box

# Steeper lines than this have their glyphs turned upright before they are named.
SLOPING = 0.1
# Pixels that are cut out around a glyph.
_EDGE = 2
_NEXT = np.ones((3, 3), np.uint8)


def own_ink(
    clean: Grey, outlines: Sequence[Sequence[Contour]], boxes: Boxes
) -> tuple[Grey, list[bool]]:
    """The ink of all pieces of a page at once, and which of them have their surroundings alone.

    Args:
        clean: uint8 `[h, w]`, the page's ink.
        outlines: Of the parts of each piece.
        boxes: int64 `[n, 4]`, around each piece.

    Returns:
        uint8 `[h, w]`, and of each piece whether it is so.
    """
    every = ink_within(clean, [contour for each in outlines for contour in each], None)
    low, high = boxes[:, None, :2], boxes[:, None, :2] + boxes[:, None, 2:]
    # What is around a piece, and a pixel more of the other's soft edge.
    near = _EDGE + 1
    beside = (low - near < high.swapaxes(0, 1)) & (low.swapaxes(0, 1) < high + near)
    return every, (beside.all(axis=2).sum(axis=1) == 1).tolist()


def around_box(page: Grey, box: Box) -> Grey:
    """What of a page is in a box and close around it: a view, uint8 `[h, w]`."""
    left, top, width, height = box
    x, y = max(0, left - _EDGE), max(0, top - _EDGE)
    return page[y : top + height + _EDGE, x : left + width + _EDGE]


def ink_within(clean: Grey, contours: Sequence[Contour], box: Box | None) -> Grey:
    """The ink within outlines and a pixel around them.

    Args:
        clean: uint8 `[h, w]`, of a whole page, or `around_box` of it.
        contours: The outlines.
        box: That box; None for a whole page.

    Returns:
        uint8 `[h, w]`, 0 elsewhere.
    """
    x, y = (0, 0) if box is None else (max(0, box[0] - _EDGE), max(0, box[1] - _EDGE))
    own = np.zeros(clean.shape, np.uint8)
    for contour in contours:  # one by one, for what lies inside another would be cut out of it
        cv2.drawContours(own, [contour], 0, 255, cv2.FILLED, offset=(-x, -y))
    # A pixel more all round for the soft edge.
    return as_grey(cv2.bitwise_and(clean, cv2.dilate(own, _NEXT)))


def upright(ink: Grey, slope: float) -> Grey:
    """Turn a glyph back by the slope of its lines, if they are steep.

    Args:
        ink: uint8 `[h, w]`.
        slope: Pixels down for a pixel to the right.

    Returns:
        uint8 `[side, side]`; the same ink where the lines are not steep.
    """
    if abs(slope) <= SLOPING:
        return ink
    height, width = ink.shape
    side = int(np.hypot(height, width)) + 2
    middle = (width / 2, height / 2)
    turn = np.asarray(cv2.getRotationMatrix2D(middle, float(np.rad2deg(np.arctan(slope))), 1))
    shift = [[0, 0, side / 2 - middle[0]], [0, 0, side / 2 - middle[1]]]
    return as_grey(cv2.warpAffine(ink, turn + np.array(shift), (side, side)))
