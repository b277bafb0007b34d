"""Looks again at glyphs the classifier doubts: a little turned, slanted, blurred, broader."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.ink import Grey, as_grey, normalise_each

_TURN, _SLANT = 8.0, 0.2  # degrees, and columns for a row
LOOKS = 6


def looks(ink: Grey, spec: InkSpec) -> NDArray[np.uint8]:
    """Model inputs of one glyph's ink, each a little changed: uint8 `[LOOKS, 1, size, size]`."""
    reach = max(ink.shape) // 3
    wide = as_grey(cv2.copyMakeBorder(ink, *(4 * (reach,)), cv2.BORDER_CONSTANT))
    size = wide.shape[::-1]
    middle = (size[0] / 2, size[1] / 2)
    changes = [cv2.getRotationMatrix2D(middle, turn, 1) for turn in (-_TURN, _TURN)]
    changes += [np.array([[1, s, -s * middle[1]], [0, 1, 0.0]]) for s in (-_SLANT, _SLANT)]
    changed = [cv2.warpAffine(wide, np.asarray(change), size) for change in changes]
    changed.append(cv2.GaussianBlur(wide, (0, 0), max(ink.shape) / 30))
    changed.append(cv2.dilate(wide, np.ones((3, 3), np.uint8)))
    return normalise_each([as_grey(one) for one in changed], spec)


def agreed(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """What several looks say together: the normalised geometric mean of probabilities."""
    mean = np.exp(np.mean(np.log(np.maximum(rows, 1e-6)), axis=0))
    return np.asarray(mean / mean.sum(), np.float32)
