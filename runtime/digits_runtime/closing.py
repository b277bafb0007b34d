"""Closes a page over its strokes, by squares of any size in a time that hardly grows with it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from digits_runtime.ink import Grey, as_grey

# Squares of more pixels than this from their middle to a side are closed by doubling.
_FEW = 10


def closed(light: Grey, reach: int) -> Grey:
    """Close a page by squares, over all that is dark and narrower than they are.

    Args:
        light: uint8 `[h, w]`.
        reach: Pixels from the middle of a square to its side, 1 at least.

    Returns:
        uint8 `[h, w]`.
    """
    # The border goes on beyond itself: a closing has no room there, and a shadow that meets it
    # aslant would leave a wedge.
    wide = as_grey(cv2.copyMakeBorder(light, *(4 * (2 * reach,)), cv2.BORDER_REPLICATE))
    if reach > _FEW:
        for pick in (cv2.max, cv2.min):
            wide = _extremes(wide, 2 * reach + 1, pick)
        return wide
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inside = slice(2 * reach, -2 * reach)
    return as_grey(cv2.erode(cv2.dilate(wide, square), square)[inside, inside])


def _extremes(grey: Grey, side: int, pick: Callable[..., object]) -> Grey:
    """The largest or smallest of each square of so many pixels: `[h - side + 1, w - side + 1]`.

    Those of twice as many from two of half as many, not as OpenCV from every pixel of a side.

    Args:
        grey: uint8 `[h, w]`.
        side: Pixels.
        pick: `cv2.max` or `cv2.min`.
    """
    height, width = grey.shape
    other = np.empty_like(grey)
    for down in (True, False):
        done = 1
        while done < side:
            step = min(done, side - done)
            done += step
            y, x = (step, 0) if down else (0, step)
            height, width = height - y, width - x
            first, second = grey[:height, :width], grey[y : y + height, x : x + width]
            pick(first, second, other[:height, :width])
            grey, other = other, grey
    return grey[:height, :width]
