"""What is drawn with a finger on the page, as a frame to read."""

from __future__ import annotations

import json
import math

import cv2
import numpy as np
from numpy.typing import NDArray

_LONGER = 640
_PEN = 0.035  # of the shorter side
_SHAPES = (0.2, 5.0)
_STROKES, _POINTS = 200, 5000
LARGEST = 256 << 10  # bytes of a drawing


def draw(body: bytes) -> NDArray[np.uint8]:
    """Draw strokes on white paper.

    Args:
        body: JSON: `aspect`, width by height, and `strokes`, each a list of `[x, y]` in shares of
            the pad's width and height.

    Returns:
        uint8 BGR `[h, w, 3]`, the longer side 640 pixels.

    Raises:
        ValueError: It is no such thing, or too much of it.
    """
    try:
        drawing = json.loads(body)
        aspect, strokes = float(drawing["aspect"]), drawing["strokes"]
        if not _SHAPES[0] <= aspect <= _SHAPES[1] or len(strokes) > _STROKES:
            raise ValueError
        if sum(len(stroke) for stroke in strokes) > _POINTS:
            raise ValueError
        width = _LONGER if aspect >= 1 else max(1, round(_LONGER * aspect))
        height = _LONGER if aspect <= 1 else max(1, round(_LONGER / aspect))
        paper = np.full((height, width, 3), 255, np.uint8)
        pen = max(3, round(_PEN * min(width, height)))
        for stroke in strokes:
            points = np.array([(float(x), float(y)) for x, y in stroke], np.float64).reshape(-1, 2)
            if not (np.isfinite(points).all() and (np.abs(points) <= 2).all()):
                raise ValueError
            # Whole sixteenths of a pixel.
            places = np.rint(points * (16.0 * width, 16.0 * height)).astype(np.int32)
            if len(places) == 1:
                places = np.repeat(places, 2, axis=0)
            if len(places):
                cv2.polylines(paper, [places], False, (35, 30, 30), pen, cv2.LINE_AA, 4)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError("no drawing") from error
    if not math.isfinite(aspect):
        raise ValueError("no drawing")
    return paper
