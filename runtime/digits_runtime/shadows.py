"""Tells the paper in shadows hardly broader than strokes: of fingers, of blinds."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.closing import closed
from digits_runtime.ink import DARKEST_PAPER, Grey, as_grey
from digits_runtime.ranks import percentile

# What is broader than this share of the page's shorter side may be a shadow: few strokes are.
_BROAD = 0.04
# A shadow takes this share of the light and covers this share of the page at least.
_SHADED, _LARGE, _DEEP = 0.06, 0.01, 0.15
# Of a shadow what is nearly its darkest, in per cent, takes at most this share of what the page's
# stronger narrow ink does, of which so many pixels in a thousand are there. That takes this share
# of the light at least to be counted, and its stronger part is so many per cent.
_DARKEST, _WEAKER, _WRITTEN, _INKED, _STRONGER = 98, 0.6, 2, 0.15, 90
# A shadow's soft edge goes on for so many blocks.
_SOFT = 3


class Shadows(NamedTuple):
    """A page's narrow shadows.

    Attributes:
        paper: uint8 `[rows, columns]`, the paper of all blocks, that in shadows too.
        blocks: uint8 `[rows, columns]`, 255 in shadows and their soft edges.
    """

    paper: Grey
    blocks: Grey


def in_shadows(light: Grey, blocks: Grey, paper: Grey) -> Shadows | None:
    """A page's paper, where that was taken to be what shines on both sides of a narrow shadow.

    A shadow is weaker than ink on the same page, and broader, and reaches the picture's border, as
    few strokes of a broad pen do; and unlike those's, the paper in it is closed over what is
    written there by far smaller squares.

    Args:
        light: uint8 `[h, w]`, a page, its ink dark.
        blocks: uint8 `[rows, columns]`, its blocks' means.
        paper: uint8 `[rows, columns]`, what those were closed to.

    Returns:
        Them; None where there are none.
    """
    reach = max(round(_BROAD * min(blocks.shape) / 2), 1)
    close = closed(blocks, reach)
    taken = _share(paper, close)
    shaded = (taken > _SHADED).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(shaded)
    large = stats[1:, cv2.CC_STAT_AREA] >= _LARGE * blocks.size
    if not large.any():
        return None
    step = -(-light.shape[1] // blocks.shape[1])
    rows = light[::step]
    beside = np.repeat(close, step, axis=1)[: len(rows), : light.shape[1]]
    narrow = _share(beside, rows)
    narrow = narrow[narrow > _INKED]
    if len(narrow) * 1000 < _WRITTEN * rows.size:
        return None
    limit = _WEAKER * percentile(narrow, _STRONGER)
    found = np.zeros(count, np.uint8)
    rim = np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))
    for label in np.intersect1d(np.flatnonzero(large) + 1, rim).tolist():
        darkest = percentile(taken[labels == label], _DARKEST)
        found[label] = 255 * (_DEEP <= darkest < limit)
    if not found.any():
        return None
    square = np.ones((2 * _SOFT + 1, 2 * _SOFT + 1), np.uint8)
    inside = as_grey(cv2.dilate(found[labels], square))
    close = as_grey(cv2.morphologyEx(blocks, cv2.MORPH_CLOSE, _disc(reach)))
    return Shadows(np.where(inside, close, paper).astype(np.uint8), inside)


def _disc(reach: int) -> Grey:
    """What fits in a shadow that lies aslant: uint8 `[side, side]`."""
    return as_grey(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1)))


def _share(paper: Grey, light: Grey) -> NDArray[np.float32]:
    """What share of the light on paper something takes: float32, 0 to 1."""
    taken = cv2.subtract(paper, light).astype(np.float32)
    return np.asarray(taken / np.maximum(paper, DARKEST_PAPER), np.float32)
