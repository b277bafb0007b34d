"""Which of two readings of a page is told."""

from __future__ import annotations

import pytest

from digits_runtime import rivals
from digits_runtime.page_reading import PageReading
from digits_runtime.reading import Glyph


def _line(text: str, height: int) -> tuple[Glyph, ...]:
    return tuple(Glyph(name, 0.99, (30 * place, 50, 20, height)) for place, name in enumerate(text))


def _told(*lines: tuple[str, float], height: int = 40) -> PageReading:
    return PageReading(
        lines=[_line(text, height) for text, _ in lines],
        confidences=tuple(sure for _, sure in lines),
        grid=None,
        candidates=len(lines),
        left_out=False,
        durations={"find": 1.0},
    )


def _grid(rows: int, columns: int, name: str) -> PageReading:
    cells = tuple(tuple(_line(name, 40) for _ in range(columns)) for _ in range(rows))
    lines = [tuple(glyph for cell in row for glyph in cell) for row in cells]
    return PageReading(lines, (), cells, rows * columns, False, {"find": 1.0})


def test_more_glyphs_that_may_be_right_are_better() -> None:
    told, other = _told(("4?", 0.0), ("7", 0.9)), _told(("40", 0.9), ("7", 0.9))
    assert rivals.surer(told, other).lines == other.lines
    assert rivals.surer(other, told).lines == other.lines
    assert rivals.surer(told, other).durations == {"find": 2.0}


def test_more_of_small_print_or_with_more_doubts_is_not_better() -> None:
    told = _told(("44", 0.7))
    assert rivals.surer(told, _told(("44", 0.9), ("505", 0.9), height=12)).lines == told.lines
    assert rivals.surer(told, _told(("44", 0.9), ("5?5", 0.0))).lines == told.lines
    assert rivals.surer(told, _told()).lines == told.lines


@pytest.mark.parametrize(
    ("text", "sure", "height", "better"),
    [
        ("40", 0.95, 40, True),
        ("40", 0.85, 40, False),
        ("11", 0.95, 40, False),
        ("8", 0.95, 40, False),
        ("8", 0.95, 140, True),
        ("1", 0.95, 140, False),
    ],
)
def test_instead_of_nothing_sure_a_number_is_told(
    text: str, sure: float, height: int, better: bool
) -> None:
    other = _told((text, sure), height=height)
    assert (rivals.rather(_told(), other, large=120).lines == other.lines) == better


def test_lines_are_better_than_a_grid_that_holds_less() -> None:
    grid = _grid(2, 3, "?")
    assert rivals.doubted_grid(grid)
    lines = _told(("640", 0.9))
    assert rivals.grid_or_lines(grid, lines).grid is None
    full = _grid(2, 3, "4")
    assert not rivals.doubted_grid(full)
    assert rivals.grid_or_lines(full, lines).grid is not None
    assert not rivals.doubted_grid(_grid(9, 9, "?"))


def test_what_is_in_doubt_and_what_is_sure() -> None:
    assert rivals.doubted(_told(("4?", 0.0), ("44", 0.99)))
    assert not rivals.doubted(_told(("44", 0.99)))
    assert rivals.surely_written(_told(("44", 0.5), ("44", 0.99)))
    assert not rivals.surely_written(_told())
    assert rivals.may_be_a_number(_told(("4?4", 0.0)))
    assert not rivals.may_be_a_number(_told(("4?", 0.0), ("11", 0.9)))
