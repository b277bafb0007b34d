"""From a page of ink to glyph candidates: strokes joined, rules dropped, in lines or cells.

Geometry only: what a candidate is, and whether it is a glyph at all, the classifier says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import layout, sudoku
from digits_runtime.cells import by_cell
from digits_runtime.comb_lines import lines_among, one_each
from digits_runtime.comb_search import may_have_walls
from digits_runtime.combs import Comb, without_walls
from digits_runtime.contract import InkSpec
from digits_runtime.cutouts import SLOPING, around_box, ink_within, own_ink, upright
from digits_runtime.frames import without_frames
from digits_runtime.gridded import find_gridded
from digits_runtime.ink import Grey, as_grey, normalise_each, without_grain
from digits_runtime.levels import find_levels, stronger_than_rules
from digits_runtime.open_combs import combs_in
from digits_runtime.parts import SMALLEST, Parts, find_parts
from digits_runtime.ranks import percentile
from digits_runtime.reading import Box
from digits_runtime.rules import LONG, find_rules, without_rules
from digits_runtime.texture import without_texture
from digits_runtime.underlines import without_underlines

# Pieces this much weaker than the page's writing are shadows, show-through or halos.
_WEAK = 0.4
# A page's slope is told by what has this share of the strength that so many per cent of its pieces
# have not.
_WEAK_AMONG, _STRONGER = 0.45, 75
# A frame has so many sides along each other; ruled paper has more.
_SIDES = 2
# So many pieces this many times as long as broad are what is left of broken rules.
_PIECES, _SLENDER = 4, 5
# What has more than this share of its box in that of a glyph put back, or holds that much of it, is
# the same or a part.
_PART = 0.5
# A picture at most so many pixels high may be cut to the height of its line.
_STRIP = 160


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a glyph.

    Attributes:
        box: x, y, width and height, pixels of the ink map.
        ink: uint8 `[h, w]` of its own ink alone, upright, a margin included, 0 elsewhere.
        cut: Whether it goes on beyond the frame.
        hint: float32 `[labels + 1]`, what a page network says of it: probabilities of the labels,
            and of no glyph; None without one.
    """

    box: Box
    ink: Grey
    cut: bool
    hint: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What was found on a page.

    Attributes:
        lines: Top to bottom, each from left to right; none where there is a grid.
        cells: Of a ruled grid: rows of cells of candidates, from left to right; None without one.
        left_out: Whether weaker ink was left out, taken for faint rules.
        combs: Its rows of boxes for one glyph each, where there is no grid.
        cleaned: uint8 `[h, w]`, its ink without the walls of those, and without the lines under
            numbers that touch them; None where there are none.
    """

    lines: list[list[Candidate]]
    cells: list[list[list[Candidate]]] | None = None
    left_out: bool = False
    combs: Sequence[Comb] = ()
    cleaned: Grey | None = None

    @property
    def groups(self) -> list[list[Candidate]]:
        """The lines, or the cells of all rows one after the other."""
        return self.lines if self.cells is None else [cell for row in self.cells for cell in row]

    @property
    def candidates(self) -> list[Candidate]:
        """All of them in that order."""
        return [candidate for group in self.groups for candidate in group]


def find_page(
    ink: Grey,
    *,
    grids: bool = True,
    strewn: bool = False,
    faint: bool = False,
    combs: Sequence[Comb] | None = None,
) -> Page:
    """Find what may be glyphs and group them into lines, or into the cells of a grid.

    Args:
        ink: uint8 `[h, w]` from `paper.find_ink`.
        grids: Whether rules may form one.
        strewn: Whether most of what there is, is known to be texture.
        faint: Whether writing may be far weaker than what else stands out.
        combs: Those of the page, if any, whose walls are off it already; None to look for some.
    """
    levels = find_levels(ink)
    if levels is None:
        return Page([])
    mask, grid, rules = levels.mask, None, None
    left_out = False
    cleaned: Grey | None = None
    parts = find_parts(mask)
    ruled = _may_have_rules(parts, ink.shape)
    if ruled:
        rules = find_rules(levels.faint)
        if grids and (gridded := find_gridded(ink, levels, rules)) is not None:
            grid, levels, parts = gridded
            mask = levels.mask
    if grid is None and combs is None:
        squared = rules is not None and min(rules.counts) >= _SIDES
        combs, walls = combs_in(mask, parts, squared=squared), mask
        if not combs and may_have_walls(parts.boxes):  # fainter than writing
            walls = levels.faint
            combs = combs_in(walls, find_parts(walls), squared=squared)
        if combs:
            ink = without_walls(ink, walls, combs)
            page = find_page(ink, grids=False, strewn=strewn, faint=faint, combs=combs)
            return replace(page, combs=combs, cleaned=ink if page.cleaned is None else page.cleaned)
    if grid is None:
        if (free := without_underlines(mask, parts)) is not None:
            cleaned = as_grey(cv2.bitwise_and(ink, cv2.bitwise_not(cv2.subtract(mask, free))))
            mask, parts = free, find_parts(free)
        # Of ruled paper all that touches its rules is one piece with them, and they are no frame.
        unframed = None
        if rules is None or max(rules.counts) <= _SIDES:
            unframed = without_frames(mask, parts.contours, parts.boxes)
        if unframed is not None:
            mask, parts = unframed, find_parts(unframed)
        if ruled:
            strong = stronger_than_rules(mask, ink, levels.strokes, parts.boxes)
            if strong is not None and rules is not None and rules.are_of(strong, mask):
                strong = None  # what is weaker may be written by a pencil on a form
            shown = levels.strokes
            if strong is not None and not faint:
                left_out = True
                mask, parts = strong, find_parts(strong)
                shown = strong
                rules = find_rules(mask) if _may_have_rules(parts, ink.shape) else None
            if rules is not None:
                mask = without_rules(mask, ink, rules, shown)
                parts = find_parts(mask)
        if strewn:
            mask, parts = without_texture(mask, ink, parts)
    parts, areas = _plausible(parts, mask, ink, levels.strokes)
    groups = layout.join(parts.boxes, areas)
    if grid is not None:
        groups = by_cell(grid, groups, parts.boxes)
    around = _bounds(groups, parts)
    if combs:
        groups = one_each(np.array(around, np.int64).reshape(-1, 4), groups, combs)
        around = _bounds(groups, parts)
    boxes = np.array(around, np.int64).reshape(-1, 4)
    clean = without_grain(ink, levels.texture)
    outlines = [[parts.contours[part] for part in group] for group in groups]
    own, alone = own_ink(clean, outlines, boxes)

    def candidate(one: Sequence[int], slope: float) -> Candidate:
        box = layout.bounds([around[index] for index in one])
        if len(one) == 1 and alone[one[0]]:
            return _candidate(around_box(own, box).copy(), box, slope, ink.shape)
        contours = [contour for index in one for contour in outlines[index]]
        inked = ink_within(around_box(clean, box), contours, box)
        return _candidate(inked, box, slope, ink.shape)

    def candidates(chosen: Sequence[Sequence[int]], slope: float) -> list[Candidate]:
        return [candidate(one, slope) for one in chosen]

    if grid is not None:
        glyphs = sudoku.one_each(
            grid,
            [[layout.pieces_of_one(cell, boxes) for cell in row] for row in grid.filled(boxes)],
            boxes,
        )
        return Page([], [[candidates(cell, grid.slope) for cell in row] for row in glyphs])
    lines, slope = lines_among(boxes, combs or ())
    if abs(slope) > SLOPING:
        # Smears and show-through stand in no line.
        peaks = np.array([around_box(clean, box).max() for box in around])
        written = peaks >= _WEAK_AMONG * percentile(peaks, _STRONGER)
        lines, slope = lines_among(boxes, combs or (), written)
    found = [candidates([[index] for index in line], slope) for line in lines]
    return Page(found, left_out=left_out, cleaned=cleaned)


def _bounds(groups: Sequence[Sequence[int]], parts: Parts) -> list[Box]:
    """The boxes around groups of parts, given by their numbers."""
    pieces = parts.boxes.tolist()
    return [layout.bounds([pieces[part] for part in group]) for group in groups]


def with_more(page: Page, more: Sequence[Candidate]) -> Page:
    """A page without a grid and more candidates of it, instead of their parts, in lines."""
    if not more:
        return page
    kept = [
        one
        for one in page.candidates
        if not any(max(layout.shares(one.box, whole.box)) > _PART for whole in more)
    ]
    every = [*kept, *more]
    boxes = np.array([one.box for one in every], np.int64).reshape(-1, 4)
    lines, _ = lines_among(boxes, page.combs)
    return replace(page, lines=[[every[index] for index in line] for line in lines])


def model_input(candidates: Sequence[Candidate], spec: InkSpec) -> NDArray[np.uint8]:
    """Candidates as a model sees them: uint8 `[n, 1, size, size]`."""
    return normalise_each([candidate.ink for candidate in candidates], spec)


def _may_have_rules(parts: Parts, shape: tuple[int, ...]) -> bool:
    """Whether anything on the page is long enough, or many pieces slender enough, to be a rule."""
    if len(parts.boxes) == 0:
        return False
    longer, shorter = parts.boxes[:, 2:].max(axis=1), parts.boxes[:, 2:].min(axis=1)
    if longer.max() >= LONG * max(shape):
        return True
    return int((longer >= _SLENDER * np.maximum(shorter, 2)).sum()) >= _PIECES


def _plausible(
    parts: Parts, mask: Grey, ink: Grey, strokes: Grey
) -> tuple[Parts, NDArray[np.int64]]:
    """The parts that may be a glyph or a part of one, and the pixels of ink of each."""
    height, width = ink.shape
    # A sheet's edge, or in a picture cut to its line a glyph.
    low = (parts.boxes[:, 3] < 0.97 * height) | (height <= _STRIP)
    fits = low & (parts.boxes[:, 2] < 0.9 * width)
    chosen = np.flatnonzero(fits)
    areas, strengths = np.zeros(len(chosen), np.int64), np.zeros(len(chosen))
    thin = np.zeros(len(chosen), np.int64)
    for place, (x, y, w, h) in enumerate(parts.boxes[chosen].tolist()):
        own = mask[y : y + h, x : x + w]
        areas[place] = cv2.countNonZero(own)
        thin[place] = cv2.countNonZero(strokes[y : y + h, x : x + w])
        strengths[place] = cv2.mean(ink[y : y + h, x : x + w], own)[0]
    if len(chosen):
        # The strength of the page's ink is that of its larger components.
        order = np.argsort(strengths)
        weights = np.cumsum(np.minimum(areas, thin)[order])
        usual = strengths[order][np.searchsorted(weights, weights[-1] / 2)]
        held = np.flatnonzero((strengths >= _WEAK * usual) & (areas >= SMALLEST))
        chosen, areas = chosen[held], areas[held]
    return parts.only(chosen), areas


def _candidate(ink: Grey, box: Box, slope: float, shape: tuple[int, ...]) -> Candidate:
    left, top, width, height = box
    cut = left == 0 or top == 0 or left + width == shape[1] or top + height == shape[0]
    return Candidate(box=box, ink=upright(ink, slope), cut=cut)
