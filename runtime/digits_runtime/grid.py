"""Finds the cells of a ruled grid, a sudoku or a table, turned, seen aslant or on bent paper."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.grid_rules import BANDS, MARGIN, evenness, followed
from digits_runtime.grid_traces import Traced, closely, going_on, traced
from digits_runtime.ink import Grey, as_grey
from digits_runtime.layout import Boxes
from digits_runtime.ranks import median
from digits_runtime.rules import LEVEL, UPRIGHT, Rules, across

Points = NDArray[np.float64]

# A grid has rows and columns from so few to so many.
_FEWEST, _MOST = 2, 40
# What is so much like a grid is one.
LIKELY = 0.95
# A sudoku's rows and columns.
SUDOKU = (9, 9)
# Where pieces of rules are followed, they waver by half of so many pixels at most.
_WAVERS = 9
# Side, in pixels, to which a grid's outline is straightened to find its rules.
_SIDE = 600
# Cells less high or wide than this, in pixels of the page, hold nothing that could be read.
_SMALLEST_CELL = 10
# What is written in a cell is so high, as a share of the cell; so many cells hold something.
LOWEST, TALLEST, _FILLED = 0.25, 1.3, 0.08
# What is slimmer than this share of a cell's shorter side, and as close to its border, is left of a
# rule.
_RIM = 0.2
# A rule's soft edges, in pixels of the page, both together.
_SOFT = 3


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the cells of a grid are.

    Attributes:
        straighten: float64 `[3, 3]`, the page's pixels to those of the straightened grid.
        across: `[columns + 1, bands]`, where its upright rules run through each band, straightened.
        down: `[rows + 1, bands]`, the same of its level rules.
        size: Width and height, straightened, without the margin.
        flat: uint8, the page's ink, straightened, with the margin.
        level: Its level rules, as the upright ones of that turned over.
        upright: Its upright ones.
        area: Of the outline, pixels of the page.
        likeness: 0 to 1: whether its outermost rules are inked all along, and all are even.
    """

    straighten: NDArray[np.float64]
    across: NDArray[np.float64]
    down: NDArray[np.float64]
    size: tuple[int, int]
    flat: Grey
    level: Traced
    upright: Traced
    area: float
    likeness: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.down) - 1, len(self.across) - 1

    @cached_property
    def slope(self) -> float:
        """Of its rows, pixels of the page down for a pixel to the right."""
        ends = np.array([[0.0, 0.5], [1.0, 0.5]]) * self.size + MARGIN
        (x0, y0), (x1, y1) = _mapped(ends, self._back).tolist()
        return float((y1 - y0) / (x1 - x0)) if x1 != x0 else 0.0

    def erased(self, mask: Grey) -> Grey:
        """A mask, uint8 `[h, w]` of the page, without the grid's rules."""
        for axis in (LEVEL, UPRIGHT):
            band, thick = self.drawn(mask.shape, axis)
            band = as_grey(cv2.bitwise_and(band, mask))
            beside = as_grey(cv2.bitwise_and(mask, cv2.bitwise_not(band)))
            kept = across(beside, axis, thick + 2)
            mask = as_grey(cv2.bitwise_and(mask, cv2.bitwise_or(cv2.bitwise_not(band), kept)))
        return mask

    def drawn(self, shape: tuple[int, ...], axis: int) -> tuple[Grey, int]:
        """The rules that run one way, drawn on a page: uint8 `[h, w]`; and how thick they are."""
        # Of a pixel of the straightened grid, in pixels of the page.
        scale = float(np.sqrt(1 / abs(np.linalg.det(self.straighten[:2, :2]))))
        rules = self._closely[axis]
        band, thick = np.zeros(shape[:2], np.uint8), 0
        for places, breadth in zip(rules.places, rules.breadths, strict=True):
            points = np.stack((places, rules.at), axis=1) + MARGIN
            ends = 2 * points[[0, -1]] - points[[1, -2]]
            points = np.concatenate((ends[:1], points, ends[1:]))
            way = np.rint(_mapped(points[:, ::-1] if axis == LEVEL else points, self._back))
            width = round(breadth * scale + _SOFT)
            thick = max(thick, width)
            cv2.polylines(band, [way.astype(np.int32)], False, 255, width)
        return band, thick

    def may_hold(self, boxes: Boxes) -> NDArray[np.intp] | None:
        """Those boxes that are no larger than what is written in a cell: indexes.

        None where what is written is too large for the cells, or in hardly any: squared paper.
        """
        centres, sizes = self.in_cells(boxes)
        inside = ((centres > 0) & (centres < self.shape[::-1])).all(axis=1)
        writing = inside & (sizes[:, 1] >= LOWEST) & ~of_rules(centres, sizes, self.aspect)
        small = self.small(boxes)
        fits = int((writing & small).sum())
        if (writing & ~small).sum() > fits or fits < _FILLED * np.prod(self.shape):
            return None
        return np.flatnonzero(small)

    def small(self, boxes: Boxes) -> NDArray[np.bool_]:
        """Which boxes are no larger than what is written in a cell: bool `[n]`."""
        return np.asarray((self.in_cells(boxes)[1] <= TALLEST).all(axis=1), np.bool_)

    def filled(self, boxes: Boxes) -> list[list[list[int]]]:
        """Which boxes lie in each cell, rows of cells of indexes, each from left to right."""
        rows, columns = self.shape
        cells: list[list[list[int]]] = [[[] for _ in range(columns)] for _ in range(rows)]
        centres, sizes = self.in_cells(boxes)
        left = of_rules(centres, sizes, self.aspect)
        for index in np.argsort(centres[:, 0], kind="stable").tolist():
            column, row = np.floor(centres[index]).astype(int).tolist()
            if not (0 <= row < rows and 0 <= column < columns):
                continue
            # Of a page that lies turned a 1 is broad, not high.
            if sizes[index].max() >= LOWEST and not left[index]:
                cells[row][column].append(index)
        return cells

    def corners(self, low: tuple[int, int], high: tuple[int, int]) -> NDArray[np.float32]:
        """The page's pixels at the corners of a block of cells, within the grid or beyond it.

        Args:
            low: Its first column and row.
            high: Those after its last.

        Returns:
            float32 `[4, 2]`, from the upper left on clockwise.
        """
        (left, top), (right, bottom) = low, high
        cells = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        straight = cells * np.array(self.size) / self.shape[::-1] + MARGIN
        return _mapped(straight, self._back).astype(np.float32)

    @property
    def aspect(self) -> float:
        """How broad a cell is for its height, in the mean."""
        rows, columns = self.shape
        return (self.size[0] / columns) / (self.size[1] / rows)

    def goes_on(self, shape: tuple[int, ...]) -> float:
        """How much of it goes on beyond its outermost rules, as squared paper does: 0 to 1.

        Args:
            shape: Height and width of the page, beyond which nothing is known.
        """
        shares = []
        for rules, flat, axis in (
            (self.level, _turned_over(self.flat), LEVEL),
            (self.upright, self.flat, UPRIGHT),
        ):
            ends = []
            for end, along in ((0, MARGIN / 2), (-1, len(flat) - MARGIN / 2)):
                across_it = rules.places[:, end] + MARGIN
                points = np.stack((across_it, np.full(len(across_it), along)), axis=1)
                ends.append(_mapped(points[:, ::-1] if axis == LEVEL else points, self._back))
            at = np.stack(ends)
            seen = np.asarray(((at >= 0) & (at < np.array(shape[1::-1]))).all(axis=2), np.bool_)
            shares += going_on(flat, rules, seen)
        return sum(shares) / len(shares) if shares else 0.0

    @property
    def even(self) -> bool:
        """Whether all its cells are alike."""
        return evenness(self.down) == evenness(self.across) == 1

    @property
    def is_sudoku(self) -> bool:
        """Whether it has nine by nine even cells."""
        return self.shape == SUDOKU and self.even

    @cached_property
    def _closely(self) -> tuple[Traced, Traced]:
        """Its level and its upright rules, as closely as they can be traced."""
        return closely(_turned_over(self.flat), self.level), closely(self.flat, self.upright)

    @cached_property
    def _back(self) -> NDArray[np.float64]:
        return np.asarray(np.linalg.inv(self.straighten), np.float64)

    def in_cells(self, boxes: Boxes) -> tuple[Points, Points]:
        """Centres and sizes of boxes in columns and rows: float64 `[n, 2]` each."""
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        ends = [
            self._cells_at(centres + sign * np.array(way) * boxes[:, 2:] / 2)
            for way in ([1, 0], [0, 1])
            for sign in (-1, 1)
        ]
        sizes = [np.linalg.norm(ends[i + 1] - ends[i], axis=1) for i in (0, 2)]
        return self._cells_at(centres), np.stack(sizes, axis=1)

    def _cells_at(self, points: Points) -> Points:
        """The column and row, with fractions, at points of the page: float64 `[n, 2]`."""
        x, y = (_mapped(points, self.straighten) - MARGIN).T
        return np.stack(
            (
                _between(self.across, x, y / self.size[1]),
                _between(self.down, y, x / self.size[0]),
            ),
            axis=1,
        )


def within(outline: NDArray[np.float32], ink: Grey, rules: Rules | None = None) -> Grid | None:
    """The grid that an outline holds; None if it holds none.

    Args:
        outline: float32 `[4, 2]`, pixels of the page, from the upper left on clockwise.
        ink: uint8 `[h, w]`, the page, on which its rules are followed, however faint.
        rules: Where they are followed instead, however they waver.
    """
    sides = np.linalg.norm(outline - np.roll(outline, -1, axis=0), axis=1)
    width, height = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
    if not 0.1 * height < width < 10 * height:
        return None
    scale = min(_SIDE / max(width, height), 1)
    width, height = (max(round(float(side) * scale), 1) for side in (width, height))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) + MARGIN
    straighten = np.asarray(cv2.getPerspectiveTransform(outline, corners), np.float64)
    size = (width + 2 * MARGIN, height + 2 * MARGIN)

    def straight(page: Grey, step: int = 1) -> Grey:
        by = straighten @ np.diag([step, step, 1.0])
        return as_grey(cv2.warpPerspective(page, by, size, flags=cv2.INTER_AREA))

    flat = straight(ink)
    across, down = flat, flat
    if rules is not None:
        broad = np.ones((_WAVERS, _WAVERS), np.uint8)
        across, down = (
            as_grey(cv2.dilate(straight(runs, rules.step), broad))
            for runs in (rules.upright, rules.level)
        )
    columns, rows = (followed(view) for view in (across, _turned_over(down)))
    for lines in (columns, rows):
        if not _FEWEST < len(lines) <= _MOST + 1:
            return None
        if median(np.diff(lines.mean(axis=1))) < _SMALLEST_CELL * scale:
            return None
    level = traced(_turned_over(flat), rows, len(columns) - 1)
    upright = traced(flat, columns, len(rows) - 1)
    likeness = evenness(rows) * evenness(columns) * min(level.outermost, upright.outermost)
    area = cv2.contourArea(outline)
    return Grid(straighten, columns, rows, (width, height), flat, level, upright, area, likeness)


def _turned_over(flat: Grey) -> Grey:
    return as_grey(np.ascontiguousarray(flat.T))


def of_rules(centres: Points, sizes: Points, aspect: float = 1.0) -> NDArray[np.bool_]:
    """Which boxes are slim and close to a cell's border, left of a rule: bool `[n]`.

    Args:
        centres: float64 `[n, 2]`, in columns and rows.
        sizes: The same.
        aspect: How broad a cell is for its height.
    """
    # In a broad cell a digit, too, is slim for it, and stands where one begins to write.
    rim = _RIM * np.array([min(1 / aspect, 1), min(aspect, 1)])
    aside = np.abs(centres % 1 - 0.5) > 0.5 - rim
    return np.asarray((aside & (sizes < rim)).any(axis=1))


def _between(
    lines: NDArray[np.float64], places: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Between which lines, with fractions, places `[n]` are, so far along them: `[n]`."""
    at = np.clip(shares * BANDS - 0.5, 0, BANDS - 1)
    low = np.minimum(at.astype(int), BANDS - 2)
    rest = at - low
    here = lines[:, low] * (1 - rest) + lines[:, low + 1] * rest
    index = (here <= places).sum(axis=0) - 1
    inside = np.clip(index, 0, len(lines) - 2)
    each = np.arange(len(places))
    start, end = here[inside, each], here[inside + 1, each]
    return np.asarray(inside + (places - start) / np.maximum(end - start, 1e-6), np.float64)


def _mapped(points: Points, by: NDArray[np.float64]) -> Points:
    mapped = np.column_stack((points, np.ones(len(points)))) @ by.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:], np.float64)
