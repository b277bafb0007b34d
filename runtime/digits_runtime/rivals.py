"""Tells which of two readings of a page is the better one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from digits_runtime.grid import SUDOKU
from digits_runtime.page_reading import PageReading
from digits_runtime.ranks import median
from digits_runtime.reading import UNCERTAIN, Glyph
from digits_runtime.splitting import STROKES

# A number has so many glyphs and is so likely right to be one for sure; less sure than that it is
# in doubt.
NUMBER, _SURE, _DOUBTED = 2, 0.9, 0.8
# Lines are better than a grid with a doubt if so many times as many glyphs of them may be right.
_ACROSS = 1.5
# Better are lines of which so many glyphs more may be right, of this share of the others' height.
_MORE, _AS_TALL = 0.5, 0.6


def doubted(told: PageReading) -> bool:
    """Whether a line of a page is in doubt."""
    return min(told.confidences, default=1.0) < _DOUBTED


def doubted_grid(told: PageReading) -> bool:
    """Whether a page was read as a grid that holds a doubt, and is no sudoku."""
    if told.grid is None or (len(told.grid), len(told.grid[0])) == SUDOKU:
        return False
    return _doubts(told) > 0


def surely_written(told: PageReading) -> bool:
    """Whether a page holds a line for sure."""
    return any(sure >= _SURE for sure in told.confidences)


def may_be_a_number(told: PageReading) -> bool:
    """Whether two glyphs of a line or more have names, not all of them of strokes."""
    named = [[name for name in _names(line) if name != UNCERTAIN] for line in told.lines]
    return any(len(names) >= NUMBER and not STROKES.issuperset(names) for names in named)


def grid_or_lines(grid: PageReading, lines: PageReading) -> PageReading:
    """A grid with a doubt, or the lines of the same page if those hold far more.

    Large writing across ruled paper that is creased leaves bits in what passes for cells.
    """
    named = sum(name != UNCERTAIN for line in grid.lines for name in _names(line))
    return _with_both(lines if _expected(lines) > _ACROSS * named else grid, grid, lines)


def surer(told: PageReading, other: PageReading) -> PageReading:
    """Of two readings of a page's lines the one that is expected to have more glyphs right.

    Glyphs of about that size, and with no more doubts: of words around a number a smoothed page
    shows more that pass for some.
    """
    better = (
        other.grid is None
        and _expected(other) > _expected(told) + _MORE
        and _tall(other) >= _AS_TALL * _tall(told)
        and _doubts(other) <= _doubts(told)
    )
    return _with_both(other if better else told, told, other)


def rather(unsure: PageReading, other: PageReading, large: float = math.inf) -> PageReading:
    """Another reading of a page, instead of one of nothing sure, if it holds a number for sure.

    That is more than strokes, and has two glyphs, or one that is large.

    Args:
        unsure: What is read else.
        other: It.
        large: How high such a glyph is at least, pixels of the frame.
    """
    sure = any(
        (len(line) >= NUMBER or line[0].box[3] >= large)
        and right >= _SURE
        and not STROKES.issuperset(_names(line))
        for line, right in zip(other.lines, other.confidences, strict=False)
    )
    return _with_both(other if sure else unsure, unsure, other)


def _with_both(chosen: PageReading, one: PageReading, other: PageReading) -> PageReading:
    """A reading, with the time that was spent on both."""
    spent = {stage: ms + other.durations[stage] for stage, ms in one.durations.items()}
    return replace(chosen, durations=spent)


def _expected(told: PageReading) -> float:
    """How many glyphs of a page without a grid are expected to be right."""
    return sum(sure * len(line) for sure, line in zip(told.confidences, told.lines, strict=False))


def _tall(told: PageReading) -> float:
    return median([glyph.box[3] for line in told.lines for glyph in line])


def _doubts(told: PageReading) -> int:
    return sum(UNCERTAIN in _names(line) for line in told.lines)


def _names(line: Sequence[Glyph]) -> list[str]:
    return [glyph.label for glyph in line]
