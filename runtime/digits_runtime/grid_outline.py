"""The four corners that a grid may have, from the rules that were found of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey

Points = NDArray[np.float64]

# A grid is this share of the page's area at least.
_LARGE = 0.05
# Rules so many pixels apart may be pieces of one, and so many beside each other cross.
_GAP, _MEET = 12, 2
# What is four-sided fills this share of its convex hull with four corners.
_FOUR_SIDED = 0.93


def outlines(level: Grey, upright: Grey) -> Iterator[NDArray[np.float32] | None]:
    """Guess a grid's outline: as found; with sides drawn out until they meet; and more freely.

    A corner at which rules are broken or too faint is where two sides would meet. Text close to a
    rule looks like one, but crosses none; pieces of a rule far apart may still be one.

    Args:
        level: uint8 `[h, w]`, 255 on rules that run across.
        upright: The same, on rules that run down.

    Yields:
        Corners, float32 `[4, 2]`, from the upper left clockwise; None where there is no such guess.
    """
    both = as_grey(cv2.bitwise_or(level, upright))
    crossed = as_grey(cv2.bitwise_and(_broad(level, _MEET), _broad(upright, _MEET)))
    crossings = as_grey(cv2.bitwise_and(crossed, _largest(both, 1)))
    for net, corners, reach in (
        (_largest(both, 1), _inscribed, 1),
        (_largest(both, 1), _enclosing, 1),
        (crossings, _enclosing, _MEET),
        (_largest(both, _GAP), _enclosing, _GAP),
    ):
        yield _corners_of(net, corners, reach)


def framed(mask: Grey) -> list[NDArray[np.float32]]:
    """Corners of what hangs together on a page and is a quadrilateral as a whole, as in `outlines`.

    A grid's frame holds all of it together, even where most of its rules are too short or too
    faint, or have too much written between them, to be found one by one.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink, rules included.

    Returns:
        Of each, float32 `[4, 2]`, pixels of the page.
    """
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        if len(contour) < 4:  # most specks of a noisy page
            continue
        _, _, width, height = cv2.boundingRect(contour)
        if width * height < _LARGE * mask.size:
            continue
        if cv2.contourArea(cv2.convexHull(contour)) >= _LARGE * mask.size:
            quad = four_sided(np.asarray(contour, np.int32))
            if quad is not None and quad[1] >= _FOUR_SIDED:
                found.append(quad[0])
    return found


def four_sided(contour: NDArray[np.int32]) -> tuple[NDArray[np.float32], float] | None:
    """The quadrilateral that fills most of an outline's convex hull, and how much; None of fewer.

    Args:
        contour: int32 `[n, 1, 2]`.

    Returns:
        Corners, float32 `[4, 2]`, from the upper left clockwise; and their share of the hull.
    """
    hull = _few(contour)
    quad = _inscribed(hull) if len(hull) >= 4 else None
    if quad is None:
        return None
    area = cv2.contourArea(cv2.convexHull(contour))
    return _from_upper_left(quad), cv2.contourArea(quad.astype(np.float32)) / area


def around_all(level: Grey, upright: Grey) -> NDArray[np.float32] | None:
    """Corners around all rules of a page, though they do not hang together; None without any.

    Args:
        level: uint8 `[h, w]`, 255 on rules that run across.
        upright: The same, on rules that run down.
    """
    return _corners_of(as_grey(cv2.bitwise_or(level, upright)), _enclosing, 0)


def _corners_of(
    net: Grey, corners: Callable[[Points], Points | None], reach: int
) -> NDArray[np.float32] | None:
    """The corners of rules that were made broader by so many pixels; None if they have none."""
    hull = _hull(net)
    quad = None if hull is None else corners(hull)
    if hull is None or quad is None:
        return None
    # Making rules broader made it larger all round.
    inward = hull.mean(axis=0) - quad
    quad = quad + np.sqrt(2) * reach * inward / np.linalg.norm(inward, axis=1, keepdims=True)
    return _from_upper_left(quad)


def _from_upper_left(quad: Points) -> NDArray[np.float32]:
    """Corners in their order, clockwise, from the one nearest the upper left on."""
    return np.asarray(np.roll(quad, -int(quad.sum(axis=1).argmin()), axis=0), np.float32)


def _broad(rules: Grey, reach: int) -> Grey:
    side = 2 * reach + 1
    return as_grey(cv2.dilate(rules, np.ones((side, side), np.uint8)))


def _largest(both: Grey, reach: int) -> Grey:
    """The largest net of rules, those so many pixels apart joined: uint8 `[h, w]`, filled."""
    contours, _ = cv2.findContours(_broad(both, reach), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    net = np.zeros_like(both)
    areas = [cv2.contourArea(cv2.convexHull(contour)) for contour in contours]
    if areas and max(areas) >= _LARGE * both.size:
        cv2.drawContours(net, contours, int(np.argmax(areas)), 255, cv2.FILLED)
    return net


def _hull(net: Grey) -> Points | None:
    """Few of the points of a net's convex hull, in order: those furthest in 64 directions."""
    inked = net > 0
    rows = np.flatnonzero(inked.any(axis=1))
    if len(rows) == 0:
        return None
    # Of each row only the ends may be corners of the hull.
    ends = inked[rows].argmax(axis=1), net.shape[1] - 1 - inked[rows, ::-1].argmax(axis=1)
    return _few(np.stack((np.concatenate(ends), np.tile(rows, 2)), axis=1).astype(np.int32))


def _few(points: NDArray[np.int32]) -> Points:
    """Few points of the convex hull of some, in order."""
    hull = cv2.convexHull(points).reshape(-1, 2).astype(np.float64)
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    some = hull[np.unique((hull @ np.stack((np.cos(angles), np.sin(angles)))).argmax(axis=0))]
    centre = some.mean(axis=0)
    return np.asarray(some[np.argsort(np.arctan2(*(some - centre).T[::-1]))])


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
