"""Names doubtful glyphs by the sure ones of their page: one hand, or one face, writes alike."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# A pixel's worth of blur, so that strokes need not meet exactly.
_SIGMA = 0.7
# Correlations up to this one say nothing, and none says more than this distance from one does.
_UNLIKE, _ALIKE = 0.85, 0.02
# What a correlation weighs beside the classifier's own probabilities.
_WEIGHT = 4.0
# So many glyphs in doubt are looked at.
_MOST = 24


def settled(
    rows: NDArray[np.float32], glyphs: NDArray[np.uint8], labels: int, threshold: float
) -> NDArray[np.float32]:
    """Let the sure glyphs of a page speak for those that look like them.

    A 1 with the flag of a 7 is a 1 where other ones look so. Each label's probability is multiplied
    by the likeness of the most similar sure glyph of that label, the correlation of both images; of
    labels of which none is alike nothing is said. That a glyph is none stays as likely as it was.

    Args:
        rows: `[n, classes]`, the probabilities of a page's glyphs.
        glyphs: uint8 `[n, 1, size, size]`, what they are of.
        labels: How many classes are labels; what follows is "not a glyph".
        threshold: The probability from which on a glyph is sure.

    Returns:
        `[n, classes]`.
    """
    best = rows[:, :labels].max(axis=1)
    sure = np.flatnonzero(best >= threshold)
    none = 1 - rows[:, :labels].sum(axis=1)
    doubtful = np.flatnonzero((best < threshold) & (none < 0.5))[:_MOST]
    if 2 * len(sure) <= len(rows) or not len(doubtful):
        return rows
    alike = _directions(glyphs[doubtful]) @ _directions(glyphs[sure]).T
    names = rows[sure, :labels].argmax(axis=1)
    likeness = np.full((len(doubtful), labels), _UNLIKE)
    np.maximum.at(likeness.T, names, alike.T)
    joint = rows[doubtful, :labels] * (1 + _ALIKE - likeness) ** -_WEIGHT
    joint *= ((1 - none[doubtful]) / joint.sum(axis=1))[:, None]
    rows = rows.copy()
    rows[doubtful, :labels] = joint
    return rows


def _directions(glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Blurred images as vectors of length one: `[n, pixels]`."""
    blurred = [cv2.GaussianBlur(glyph[0].astype(np.float32), (0, 0), _SIGMA) for glyph in glyphs]
    vectors = np.stack(blurred).reshape(len(blurred), -1)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6))
