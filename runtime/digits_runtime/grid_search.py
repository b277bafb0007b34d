"""Looks for the grid of a page: by a frame around it, or by its rules."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from digits_runtime.grid import LIKELY, SUDOKU, Grid, within
from digits_runtime.grid_outline import around_all, framed, outlines
from digits_runtime.ink import Grey
from digits_runtime.rules import Rules

# Nine by nine even cells are a sudoku, however far its outermost rules stray.
_LIKELY_SUDOKU = 0.6
# In a frame so many rows and columns are a sudoku, on paper however bent.
_BENT = 0.3
# Of what is so much like a grid no better is looked for, unless it is so many times as large: the
# rules of a table's cells, beside those of its frame.
_LARGER = 1.02
# What has a frame is a grid of its own, unless another is so many times as large: a sudoku, beside
# one of its boxes. Or so many times, if it has more cells of the same size, this alike, across or
# down alone: rules may be broken all along one that parts the last of them from the others.
_FAR_LARGER, _LONGER, _ALIKE = 1.5, 1.05, 0.1
# So many frames are tried, the largest.
_FRAMES = 4


def by_frame(ink: Grey, mask: Grey) -> Grid | None:
    """Find the largest grid that fills a frame; None if none does.

    Args:
        ink: uint8 `[h, w]`, a page.
        mask: uint8 `[h, w]`, 255 where there is ink, rules included.
    """
    for outline in sorted(framed(mask), key=cv2.contourArea, reverse=True)[:_FRAMES]:
        grid = within(outline, ink)
        if grid is not None and grid.likeness >= (_BENT if grid.shape == SUDOKU else LIKELY):
            return grid
    return None


def by_rules(found: Sequence[Rules], ink: Grey, frame: Grid | None = None) -> Grid | None:
    """Find the largest grid that rules form.

    Its outline is that of the rules found, or what that would be were none broken; straightened,
    even a rule too faint to be found alone shows, for it stands out from the paper all along.

    Args:
        found: From `rules.find_rules`, those less likely to be a grid's last.
        ink: uint8 `[h, w]`, the page they were found on.
        frame: The grid that `by_frame` found.

    Returns:
        The grid, that in the frame unless it is a part of another; None if there is none.
    """
    best = frame
    larger = _LARGER if frame is None else _LONGER
    # Two nets of rules often have corners in common, and so have two guesses of one.
    known: dict[bytes, Grid | None] = {}
    for rules in found:
        if frame is not None and not reach_beyond(rules, frame, _LONGER):
            continue
        for number, guess in enumerate(outlines(rules.level, rules.upright)):
            if guess is None:
                continue
            outline = (guess * rules.step).astype(np.float32)
            sure = best is not None and best.likeness >= LIKELY
            if best is not None and sure and cv2.contourArea(outline) < larger * best.area:
                continue
            key = np.rint(outline).tobytes()
            if key not in known:
                known[key] = within(outline, ink)
            grid = known[key]
            if grid is None or not (grid.likeness >= LIKELY or grid.even):
                wavering = within(outline, ink, rules)
                if wavering is not None and (grid is None or _rank(wavering) > _rank(grid)):
                    grid = wavering
            # What is hardly like a grid is one only where no corner had to be guessed.
            if grid is None or (number and grid.likeness < _least(grid)):
                continue
            if frame is not None and not part_of(frame, grid):
                continue
            if best is None or _rank(grid) > _rank(best):
                best = grid
            if grid.likeness >= LIKELY:
                break
    return best


def part_of(frame: Grid, found: Grid) -> bool:
    """Whether the grid in a frame is but a part of one found by its rules: a box, or some rows."""
    if found.likeness < LIKELY or found.area < _LONGER * frame.area:
        return False
    if frame.is_sudoku and not found.is_sudoku:  # but text beside it
        return False
    if found.area >= _FAR_LARGER * frame.area or found.is_sudoku > frame.is_sudoku:
        return True
    cells, fewer = np.prod(found.shape), np.prod(frame.shape)
    one_way = sum(a != b for a, b in zip(found.shape, frame.shape, strict=True)) == 1
    size = (found.area / cells) / (frame.area / fewer)
    return bool(one_way and cells > fewer and abs(size - 1) <= _ALIKE)


def reach_beyond(rules: Rules, grid: Grid, times: float) -> bool:
    """Whether rules reach around so many times as much as a grid, which may be a part of theirs."""
    outline = around_all(rules.level, rules.upright)
    if outline is None:
        return False
    return cv2.contourArea(outline) * rules.step**2 >= times * grid.area


def _least(grid: Grid) -> float:
    """How much like a grid it has to be where a corner was guessed."""
    return _LIKELY_SUDOKU if grid.is_sudoku else LIKELY


def _rank(grid: Grid) -> tuple[float, float]:
    """What is more like a grid goes first; of two that are, the larger."""
    return min(grid.likeness, LIKELY), grid.area
