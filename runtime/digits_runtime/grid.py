"""Finds the cells of a ruled grid, a sudoku or a table, however it is turned and seen aslant."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.ink import Grey, as_grey
from digits_runtime.layout import Boxes
from digits_runtime.rules import Rules

# A grid is this share of the page's area at least, in rows and columns from so few to so many.
_LARGE, _FEWEST, _MOST = 0.05, 2, 40
# Side, in pixels, to which a grid's outline is straightened to find its rules, and a margin.
_SIDE, _MARGIN = 600, 12
# A rule is inked along this share of its length, stands out by so many grey levels of ink at
# least, and bends by so many pixels to either side.
_INKED, _FAINTEST, _BENT = 0.7, 3, 2
# Rules closer than this share of the usual distance are one; even ones differ by at most so much.
_TWICE, _UNEVEN = 0.4, 0.2
# Cells less high or wide than this, in pixels of the page, hold nothing that could be read.
_SMALLEST_CELL = 10
# What is written in a cell is so high, as a share of the cell; so many cells hold something.
_LOWEST, _TALLEST, _FILLED = 0.25, 1.3, 0.08
# What is slimmer than this share of a cell, and as close to its border, is left of a rule.
_RIM = 0.2


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the cells of a grid are.

    Attributes:
        straighten: float64 `[3, 3]`, the page's pixels to those of the straightened grid.
        across: Where its upright rules are, straightened, from left to right.
        down: Where its level rules are, straightened, from top to bottom.
    """

    straighten: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]

    @property
    def slope(self) -> float:
        """Of its rows, pixels of the page down for a pixel to the right."""
        middle = (self.down[0] + self.down[-1]) / 2
        ends = np.array([[self.across[0], middle], [self.across[-1], middle]]).astype(np.float64)
        back = np.asarray(np.linalg.inv(self.straighten), np.float64)
        (x0, y0), (x1, y1) = _mapped(ends, back).tolist()
        return (y1 - y0) / (x1 - x0) if x1 != x0 else 0.0

    def only(self, rules: Rules) -> Rules:
        """The grid's own rules, also where they were not found, and no digit's long stroke."""
        back = np.diag([1 / rules.step, 1 / rules.step, 1]) @ np.linalg.inv(self.straighten)
        ends_across, ends_down = self.across[[0, -1]], self.down[[0, -1]]
        sheets = []
        for thick in (2 * _BENT + 1, 1):
            level, upright = np.zeros_like(rules.level), np.zeros_like(rules.upright)
            for x in self.across:
                _draw(upright, _mapped(np.column_stack(([x, x], ends_down)), back), thick)
            for y in self.down:
                _draw(level, _mapped(np.column_stack((ends_across, [y, y])), back), thick)
            sheets.append((level, upright))
        (level, upright), (thin_level, thin_upright) = sheets
        return Rules(
            rules.level & level | thin_level, rules.upright & upright | thin_upright, rules.step
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.down) - 1, len(self.across) - 1

    def straight(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points `[n, 2]` of the page, in pixels of the straightened grid."""
        return _mapped(points, self.straighten)

    def may_hold(self, boxes: Boxes) -> NDArray[np.intp]:
        """Those boxes that are no larger than what is written in a cell: indexes."""
        cell = np.array([np.diff(self.across).max(), np.diff(self.down).max()])
        return np.flatnonzero((self._straight_boxes(boxes)[1] <= _TALLEST * cell).all(axis=1))

    def filled(self, boxes: Boxes) -> list[list[list[int]]] | None:
        """Which boxes lie in each cell, rows of cells of indexes, each from left to right.

        None where what is written is too large for the cells, or in hardly any: squared paper.
        """
        rows, columns = self.shape
        cells: list[list[list[int]]] = [[[] for _ in range(columns)] for _ in range(rows)]
        centres, sizes = self._straight_boxes(boxes)
        large = fits = 0
        for index in np.argsort(centres[:, 0], kind="stable").tolist():
            column = int(np.searchsorted(self.across, centres[index, 0])) - 1
            row = int(np.searchsorted(self.down, centres[index, 1])) - 1
            if not (0 <= row < rows and 0 <= column < columns):
                continue
            start = np.array([self.across[column], self.down[row]])
            end = np.array([self.across[column + 1], self.down[row + 1]])
            share = sizes[index] / (end - start)
            apart = np.minimum(centres[index] - start, end - centres[index]) / (end - start)
            if share[1] > _TALLEST:
                large += 1
            elif share[1] >= _LOWEST and not ((apart < _RIM) & (share < _RIM)).any():
                fits += 1
                cells[row][column].append(index)
        filled = sum(bool(cell) for row in cells for cell in row)
        if large > fits or filled < _FILLED * rows * columns:
            return None
        return cells

    def _straight_boxes(self, boxes: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Centres and sizes of boxes, straightened: `[n, 2]` each."""
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        right, below = ([1, 0], [0, 1])
        ends = [
            self.straight(centres + sign * np.array(way) * boxes[:, 2:] / 2)
            for way in (right, below)
            for sign in (-1, 1)
        ]
        lengths = [np.linalg.norm(ends[i + 1] - ends[i], axis=1) for i in (0, 2)]
        return self.straight(centres), np.stack(lengths, axis=1)


def find_grid(rules: Rules, ink: Grey) -> Grid | None:
    """Find the largest grid that rules form.

    Its outline is that of the rules found; straightened, even a rule too faint to be found alone
    shows, for it stands out from the paper all along.

    Args:
        rules: From `rules.find_rules`.
        ink: uint8 `[h, w]`, the page they were found on.

    Returns:
        The grid; None if there is none.
    """
    outline = _outline(as_grey(cv2.bitwise_or(rules.level, rules.upright)))
    if outline is None:
        return None
    outline = (outline * rules.step).astype(np.float32)
    sides = np.linalg.norm(outline - np.roll(outline, -1, axis=0), axis=1)
    width, height = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    if not 0.1 < width / height < 10:
        return None
    scale = min(_SIDE / max(width, height), 1)
    width, height = (max(round(float(side) * scale), 1) for side in (width, height))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) + _MARGIN
    straighten = np.asarray(cv2.getPerspectiveTransform(outline, corners), np.float64)
    size = (width + 2 * _MARGIN, height + 2 * _MARGIN)
    flat = as_grey(cv2.warpPerspective(ink, straighten, size, flags=cv2.INTER_AREA))
    across, down = (_places(np.ascontiguousarray(view)) for view in (flat, flat.T))
    if not all(_FEWEST < len(places) <= _MOST + 1 for places in (across, down)):
        return None
    if min(np.median(np.diff(across)), np.median(np.diff(down))) < _SMALLEST_CELL * scale:
        return None
    return Grid(straighten, across, down)


def _outline(both: Grey) -> NDArray[np.float32] | None:
    """The four corners of the largest net of rules, from its upper left clockwise, or None."""
    joined = cv2.dilate(both, np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(joined, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    hulls = [cv2.convexHull(contour) for contour in contours]
    areas = [cv2.contourArea(hull) for hull in hulls]
    if not areas or max(areas) < _LARGE * both.size:
        return None
    net = hulls[int(np.argmax(areas))].reshape(-1, 2).astype(np.float64)
    # The joining made it larger by a pixel all round.
    middle = net.mean(axis=0)
    corners = _corners(net)
    inward = middle - corners
    corners += np.sqrt(2) * inward / np.linalg.norm(inward, axis=1, keepdims=True)
    return corners.astype(np.float32)


def _corners(hull: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of the quadrilateral of four hull points with the largest area."""
    # Few points suffice: those furthest in 64 directions.
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ways = np.stack((np.cos(angles), np.sin(angles)))
    points = hull[np.unique((hull @ ways).argmax(axis=0))]
    centre = points.mean(axis=0)
    points = points[np.argsort(np.arctan2(*(points - centre).T[::-1]))]
    count = len(points)
    if count < 4:
        return np.resize(points, (4, 2))
    # For each diagonal the furthest point on either side.
    first, second = np.triu_indices(count, 2)
    along = points[second] - points[first]
    offset = points[None] - points[first][:, None]
    away = along[:, :1] * offset[:, :, 1] - along[:, 1:] * offset[:, :, 0]
    best = int((away.max(axis=1) - away.min(axis=1)).argmax())
    chosen = np.array([first[best], away[best].argmax(), second[best], away[best].argmin()])
    quad = points[np.sort(chosen)]
    # Clockwise from the corner nearest the upper left.
    return np.asarray(np.roll(quad, -int(quad.sum(axis=1).argmin()), axis=0))


def _places(flat: Grey) -> NDArray[np.float64]:
    """Where upright rules stand on a straightened grid, from left to right."""
    inner = flat[_MARGIN:-_MARGIN]
    # Bent paper bends its rules: what is within a few pixels counts.
    reach = 2 * (_BENT * flat.shape[1] // _SIDE) + 1
    wide = as_grey(cv2.dilate(inner, np.ones((1, reach), np.uint8)))
    # A rule is inked nearly all along; digits are not, not even a column of ones.
    profile = np.percentile(wide, 100 * (1 - _INKED), axis=0)
    window = min(flat.shape[1] // 12, 127) | 1
    ground = _running(profile, window)
    rises = profile - ground
    noise = float(np.median(np.abs(rises - np.median(rises)))) / 0.674
    inked = np.pad(rises > max(_FAINTEST, 6 * noise), 1)
    edges = np.flatnonzero(np.diff(inked.astype(np.int8)))
    return _regular(np.asarray((edges[::2] + edges[1::2] - 1) / 2, np.float64))


def _regular(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rules found twice taken as one; one that is missing among even ones put in."""
    if len(places) < 4:
        return places
    usual = float(np.median(np.diff(places)))
    groups = np.split(places, np.flatnonzero(np.diff(places) > _TWICE * usual) + 1)
    places = np.array([group.mean() for group in groups])
    gaps = np.diff(places)
    if len(gaps) < 3:
        return places
    usual = float(np.median(gaps))
    cells = np.maximum(np.rint(gaps / usual), 1)
    even = np.abs(gaps / cells / usual - 1) < _UNEVEN
    if not even.all() or (cells > 1).sum() > len(cells) / 3:
        return places
    return np.concatenate(
        [
            np.linspace(a, b, int(n), endpoint=False)
            for a, b, n in zip(places[:-1], places[1:], cells, strict=True)
        ]
        + [places[-1:]]
    )


def _running(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The median around each value."""
    wide = np.pad(values, window // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(wide, window), axis=1))


def _draw(canvas: Grey, ends: NDArray[np.float64], thick: int) -> None:
    first, last = np.rint(ends).astype(int).tolist()
    cv2.line(canvas, first, last, 255, thick)


def _mapped(points: NDArray[np.float64], by: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped = np.column_stack((points, np.ones(len(points)))) @ by.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)
