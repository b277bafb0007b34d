"""The connected pieces of a page's ink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey
from digits_runtime.layout import Boxes

Contour = NDArray[np.int32]

# Pixels of the working frame below which a component is a speck.
SMALLEST = 9
# More components than this is texture, not writing; the largest are looked at.
_MOST = 600


class Parts(NamedTuple):
    """Connected pieces of ink: their outlines, and the boxes around them.

    Attributes:
        contours: int32 `[n, 1, 2]` each.
        boxes: `[n, 4]`, x, y, width and height.
        holes: The outlines of what any of the page's ink encloses.
    """

    contours: Sequence[Contour]
    boxes: Boxes
    holes: Sequence[Contour]

    def only(self, chosen: NDArray[np.intp]) -> Parts:
        """These of them."""
        contours = [self.contours[index] for index in chosen.tolist()]
        return Parts(contours, self.boxes[chosen], self.holes)


def find_parts(mask: Grey) -> Parts:
    """The connected pieces of a mask, specks left out."""
    found, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if hierarchy is None:
        return Parts((), np.zeros((0, 4), np.int64), ())
    # Outlines of ink have no parent; outlines of holes have. What has one point is one pixel.
    parents = np.reshape(hierarchy, (-1, 4))[:, 3].tolist()
    outer = [
        cast(Contour, contour)
        for contour, parent in zip(found, parents, strict=True)
        if parent < 0 and len(contour) > 1
    ]
    if not outer:
        return Parts((), np.zeros((0, 4), np.int64), ())
    holes = [
        cast(Contour, contour)
        for contour, parent in zip(found, parents, strict=True)
        if parent >= 0
    ]
    boxes = np.array([cv2.boundingRect(contour) for contour in outer], np.int64)
    large = np.flatnonzero(boxes[:, 2:].max(axis=1) >= SMALLEST)
    if len(large) > _MOST:
        order = np.argsort(-boxes[large, 2:].prod(axis=1), kind="stable")
        large = np.sort(large[order[:_MOST]])
    return Parts([outer[index] for index in large.tolist()], boxes[large], holes)
