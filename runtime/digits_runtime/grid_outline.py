"""The four corners that a grid may have, from the rules that were found of it."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey

Points = NDArray[np.float64]

# A grid is this share of the page's area at least.
_LARGE = 0.05
# Rules so many pixels apart may be pieces of one.
_GAP = 12


def outlines(both: Grey) -> Iterator[NDArray[np.float32] | None]:
    """Guess a grid's outline: as found, with sides drawn out until they meet, with gaps closed too.

    A corner at which rules are broken or too faint is where two sides would meet.

    Args:
        both: uint8 `[h, w]`, 255 on level and on upright rules.

    Yields:
        Corners, float32 `[4, 2]`, from the upper left clockwise; None where there is no such guess.
    """
    for reach, corners in ((1, _inscribed), (1, _enclosing), (_GAP, _enclosing)):
        net = _largest(both, reach)
        quad = None if net is None else corners(net)
        if net is None or quad is None:
            yield None
            continue
        # The joining made it larger all round.
        inward = net.mean(axis=0) - quad
        quad = quad + np.sqrt(2) * reach * inward / np.linalg.norm(inward, axis=1, keepdims=True)
        # Clockwise from the corner nearest the upper left.
        yield np.roll(quad, -int(quad.sum(axis=1).argmin()), axis=0).astype(np.float32)


def _largest(both: Grey, reach: int) -> Points | None:
    """The hull of the largest net of rules, those so many pixels apart joined: `[n, 2]`."""
    side = 2 * reach + 1
    joined = as_grey(cv2.dilate(both, np.ones((side, side), np.uint8)))
    contours, _ = cv2.findContours(joined, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    hulls = [cv2.convexHull(contour) for contour in contours]
    areas = [cv2.contourArea(hull) for hull in hulls]
    if not areas or max(areas) < _LARGE * both.size:
        return None
    hull = hulls[int(np.argmax(areas))].reshape(-1, 2).astype(np.float64)
    # Few points suffice: those furthest in 64 directions.
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    points = hull[np.unique((hull @ np.stack((np.cos(angles), np.sin(angles)))).argmax(axis=0))]
    centre = points.mean(axis=0)
    return np.asarray(points[np.argsort(np.arctan2(*(points - centre).T[::-1]))])


def _inscribed(points: Points) -> Points | None:
    """The quadrilateral of four hull points with the largest area."""
    if len(points) < 4:
        return np.resize(points, (4, 2))
    # For each diagonal the furthest point on either side.
    first, second = np.triu_indices(len(points), 2)
    along = points[second] - points[first]
    offset = points[None] - points[first][:, None]
    away = along[:, :1] * offset[:, :, 1] - along[:, 1:] * offset[:, :, 0]
    best = int((away.max(axis=1) - away.min(axis=1)).argmax())
    chosen = np.array([first[best], away[best].argmax(), second[best], away[best].argmin()])
    return np.asarray(points[np.sort(chosen)])


def _enclosing(points: Points) -> Points | None:
    """A small quadrilateral around a hull: side after side goes that adds the least area."""
    while len(points) > 4:
        before, start, end, after = (np.roll(points, by, axis=0) for by in (1, 0, -1, -2))
        meets, far = _meet(before, start, after, end)
        side, out = end - start, meets - start
        added = side[:, 0] * out[:, 1] - side[:, 1] * out[:, 0]
        added = np.where(far, np.inf, np.abs(added))
        least = int(added.argmin())
        if not np.isfinite(added[least]):
            return None
        points = points.copy()
        points[least] = meets[least]
        points = np.delete(points, (least + 1) % len(points), axis=0)
    return points if len(points) == 4 else None


def _meet(a: Points, b: Points, c: Points, d: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Where the ways from a over b and from c over d meet, and whether they never do."""
    first, second, apart = b - a, d - c, c - b
    turn = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    safe = np.where(np.abs(turn) < 1e-9, 1.0, turn)
    ahead = (apart[:, 0] * second[:, 1] - apart[:, 1] * second[:, 0]) / safe
    return b + ahead[:, None] * first, (np.abs(turn) < 1e-9) | (ahead < 0)
