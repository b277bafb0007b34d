"""Finds the writing of pages strewn with more than writing: rules in bits, grain.

Rules are told from writing as lines. Where they are too faint to be whole, writing is still
stronger than they are, and larger than their bits.
"""

from __future__ import annotations

import cv2
import numpy as np

from digits_runtime.ink import Grey, as_grey
from digits_runtime.parts import Parts, find_parts

# Writing is so many times as strong as nearly all parts of such a page, given as a percentile; so
# many pixels beside what is, it goes on with that share of the limit. It is no smaller than that.
_STRONGER, _NEARLY_ALL, _REACH, _GOES_ON, _LEAST = 1.5, 75, 7, 0.7, 20
# Where as large a share of the parts is left, it is not told by its strength.
_LEFT = 0.25


def without_texture(mask: Grey, ink: Grey, parts: Parts) -> tuple[Grey, Parts]:
    """A page's ink without the texture that most of it is; as it is, if that is no weaker.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        ink: uint8 `[h, w]`, its strength.
        parts: Of the mask.

    Returns:
        The mask, and its parts.
    """
    if len(parts.boxes) == 0:
        return mask, parts
    strengths = [
        cv2.mean(ink[y : y + h, x : x + w], mask[y : y + h, x : x + w])[0]
        for x, y, w, h in parts.boxes.tolist()
    ]
    limit = _STRONGER * float(np.percentile(strengths, _NEARLY_ALL))
    strong = cv2.bitwise_and(mask, cv2.threshold(ink, limit, 255, cv2.THRESH_BINARY)[1])
    near = cv2.dilate(strong, np.ones((_REACH, _REACH), np.uint8))
    weaker = cv2.threshold(ink, _GOES_ON * limit, 255, cv2.THRESH_BINARY)[1]
    strong = as_grey(cv2.bitwise_and(mask, cv2.bitwise_and(weaker, near)))
    left = find_parts(strong)
    left = left.only(np.flatnonzero(left.boxes[:, 2:].max(axis=1) >= _LEAST))
    return (strong, left) if len(left.boxes) < _LEFT * len(parts.boxes) else (mask, parts)
