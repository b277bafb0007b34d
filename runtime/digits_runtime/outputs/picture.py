"""Frames as others may see them: boxes and labels drawn on, or all else masked."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.reading import UNCERTAIN, Reading

Image = NDArray[np.uint8]

# BGR, told apart by colour-blind eyes too; a dark rim keeps them visible on any paper.
_SURE, _DOUBTFUL, _RIM = (80, 175, 0), (0, 140, 255), (30, 30, 30)
_MASK = 48
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotated(
    frame: Image, reading: Reading, *, redact: bool = False, longest: int | None = None
) -> Image:
    """Copy a frame with a box around each glyph and its label above.

    Args:
        frame: uint8 BGR `[h, w, 3]`; it stays as it is.
        reading: What was read in it.
        redact: Leave nothing of the frame but what is inside the glyphs' boxes.
        longest: Shrink to this many pixels on the longer side.

    Returns:
        uint8 BGR `[h', w', 3]`, of the frame's proportions.
    """
    picture = redacted(frame, reading) if redact else frame
    height, width = frame.shape[:2]
    scale = min(1.0, (longest or max(height, width)) / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if scale < 1:
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    elif picture is frame:
        picture = frame.copy()
    line = max(1, round(max(size) / 480))
    for glyph in (glyph for row in reading.lines for glyph in row):
        x, y, w, h = (round(side * scale) for side in glyph.box)
        colour = _DOUBTFUL if glyph.label == UNCERTAIN else _SURE
        # OpenCV's fonts know ASCII only.
        label = glyph.label if glyph.label.isascii() else "*"
        letters = max(0.4, h / 70)
        place = (x, max(y - 2 * line - 2, round(22 * letters)))
        for tone, extra in ((_RIM, 2), (colour, 0)):
            cv2.rectangle(picture, (x, y), (x + w, y + h), tone, line + extra)
            cv2.putText(picture, label, place, _FONT, letters, tone, line + extra, cv2.LINE_AA)
    return picture


def redacted(frame: Image, reading: Reading) -> Image:
    """Copy a frame with everything masked but what is inside the glyphs' boxes."""
    picture = np.full_like(frame, _MASK)
    for glyph in (glyph for row in reading.lines for glyph in row):
        x, y, w, h = glyph.box
        inside = np.s_[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)]
        picture[inside] = frame[inside]
    return picture
