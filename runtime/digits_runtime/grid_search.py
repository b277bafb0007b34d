"""Looks for the grid of a page: by a frame around it, or by its rules."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from digits_runtime.grid import LIKELY, Grid, within
from digits_runtime.grid_outline import around_all, framed, outlines
from digits_runtime.ink import Grey
from digits_runtime.rules import Rules

# Nine by nine even cells are a sudoku, however far its outermost rules stray.
_LIKELY_SUDOKU = 0.6
# Of what is so much like a grid no better is looked for, unless it is so many times as large: the
# rules of a table's cells, beside those of its frame.
_LARGER = 1.02
# What has a frame is a grid of its own, unless another is so many times as large: a sudoku, beside
# one of its boxes.
_FAR_LARGER = 1.5


def by_frame(ink: Grey, mask: Grey) -> Grid | None:
    """Find the largest grid that fills a frame; None if none does.

    Args:
        ink: uint8 `[h, w]`, a page.
        mask: uint8 `[h, w]`, 255 where there is ink, rules included.
    """
    grids = [within(outline, ink) for outline in framed(mask)]
    sure = [grid for grid in grids if grid is not None and grid.likeness >= LIKELY]
    return max(sure, key=lambda grid: grid.area, default=None)


def by_rules(found: Sequence[Rules], ink: Grey, frame: Grid | None = None) -> Grid | None:
    """Find the largest grid that rules form.

    Its outline is that of the rules found, or what that would be were none broken; straightened,
    even a rule too faint to be found alone shows, for it stands out from the paper all along.

    Args:
        found: From `rules.find_rules`, those less likely to be a grid's last.
        ink: uint8 `[h, w]`, the page they were found on.
        frame: The grid that `by_frame` found.

    Returns:
        The grid, that in the frame unless another is far larger; None if there is none.
    """
    best = frame
    larger = _LARGER if frame is None else _FAR_LARGER
    for rules in found:
        if frame is not None and not _far_larger(rules, frame):
            continue
        for number, guess in enumerate(outlines(rules.level, rules.upright)):
            if guess is None:
                continue
            outline = (guess * rules.step).astype(np.float32)
            sure = best is not None and best.likeness >= LIKELY
            if best is not None and sure and cv2.contourArea(outline) < larger * best.area:
                continue
            grid = within(outline, ink)
            if grid is None or grid.likeness < LIKELY:
                wavering = within(outline, ink, rules)
                if wavering is not None and (grid is None or _rank(wavering) > _rank(grid)):
                    grid = wavering
            # What is hardly like a grid is one only where no corner had to be guessed.
            if grid is None or (number and grid.likeness < _least(grid)):
                continue
            if best is None or _rank(grid) > _rank(best):
                best = grid
            if grid.likeness >= LIKELY:
                break
    return best


def rather_framed(found: Grid | None, frame: Grid | None) -> Grid | None:
    """Of a grid found by its rules and one in a frame the latter, unless that is far smaller."""
    if found is None or frame is None:
        return found or frame
    larger = found.likeness >= LIKELY and found.area >= _FAR_LARGER * frame.area
    return found if larger else frame


def _far_larger(rules: Rules, frame: Grid) -> bool:
    """Whether rules reach so far that they may form a grid far larger than the one in a frame."""
    outline = around_all(rules.level, rules.upright)
    if outline is None:
        return False
    return cv2.contourArea(outline) * rules.step**2 >= _FAR_LARGER * frame.area


def _least(grid: Grid) -> float:
    """How much like a grid it has to be where a corner was guessed."""
    return _LIKELY_SUDOKU if grid.is_sudoku else LIKELY


def _rank(grid: Grid) -> tuple[float, float]:
    """What is more like a grid goes first; of two that are, the larger."""
    return min(grid.likeness, LIKELY), grid.area
