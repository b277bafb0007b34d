"""Finds what is drawn around writing: a box, a circle, the fields of a form."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey

# What a frame is drawn around has this share of its height at least.
_HELD = 0.3
# Around several it may be of any form; around one, which might be the stroke in a 0, it is a box,
# which fills so much of its rectangle, or a circle, which is so broad for its height.
_BOX, _CIRCLE = 0.88, 0.85
# Where there are more pieces of ink than this, of texture, it encloses this share of its hull too:
# elsewhere it may be drawn by hand and not close.
_FEW, _CLOSED = 30, 0.6


def without_frames(
    mask: Grey, contours: Sequence[NDArray[np.int32]], boxes: NDArray[np.int64]
) -> Grey | None:
    """Take frames off a page, and leave what they are drawn around.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        contours: Outlines of its connected pieces.
        boxes: `[n, 4]`, x, y, width and height of each.

    Returns:
        The mask without frames; None where there are none.
    """
    left, top, width, height = boxes.T
    right, bottom = left + width, top + height
    inside = (
        (left[None] > left[:, None])
        & (top[None] > top[:, None])
        & (right[None] < right[:, None])
        & (bottom[None] < bottom[:, None])
    )
    held = inside & (height[None] >= _HELD * height[:, None])
    erased: Grey | None = None
    for index in np.flatnonzero(held.any(axis=1)).tolist():
        around = contours[index]
        hull = cv2.contourArea(cv2.convexHull(around))
        if len(boxes) > _FEW and cv2.contourArea(around) < _CLOSED * hull:
            continue
        if held[index].sum() == 1 and not _is_box_or_circle(around, hull, boxes[index]):
            continue
        x, y, w, h = boxes[index].tolist()
        own = np.zeros((h, w), np.uint8)
        cv2.drawContours(own, [around], 0, 255, cv2.FILLED, offset=(-x, -y))
        for piece in np.flatnonzero(inside[index]).tolist():
            cv2.drawContours(own, [contours[piece]], 0, 0, cv2.FILLED, offset=(-x, -y))
        erased = mask.copy() if erased is None else erased
        erased[y : y + h, x : x + w][own > 0] = 0
    return erased


def _is_box_or_circle(contour: NDArray[np.int32], hull: float, box: NDArray[np.int64]) -> bool:
    sides = cv2.minAreaRect(contour)[1]
    return bool(hull >= _BOX * sides[0] * sides[1] or box[2] >= _CIRCLE * box[3])
