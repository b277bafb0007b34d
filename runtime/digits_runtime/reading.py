"""What was read: lines of glyphs, and the JSON object that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA = 1
UNCERTAIN = "?"
EMPTY = "0"  # in the text of a grid, as sudoku files have it

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Glyph:
    """One glyph on a page.

    Attributes:
        label: What it is, or `?` where that is uncertain.
        probability: Of the likeliest label, calibrated, 0 to 1, also where the label is `?`.
        box: x, y, width and height in pixels of the frame.
    """

    label: str
    probability: float
    box: Box


# Rows of cells, each of the glyphs in it.
Cells = tuple[tuple[tuple[Glyph, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read in one frame.

    Attributes:
        lines: Top to bottom, each of glyphs from left to right; of a grid, its rows that hold any.
        grid: Of a sudoku or a table, its rows of cells, each of the glyphs in it; None without one.
        confidences: Of each line, how likely it is right, every glyph of it, 0 where one is `?`;
            empty with a grid.
        source: What the frame came from: a path, a device, an address.
        frame: Its number in that source, from 0.
        time: When it was captured, seconds since the epoch; None where nobody knows.
        age: Seconds from capture to this reading; None where nobody knows.
        durations: Milliseconds spent in each stage.
    """

    lines: tuple[tuple[Glyph, ...], ...]
    grid: Cells | None = None
    confidences: tuple[float, ...] = ()
    source: str = ""
    frame: int = 0
    time: float | None = None
    age: float | None = None
    durations: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The lines, joined by newlines; labels of several letters stand apart.

        Of a grid the rows, an empty cell as `0`; where a cell holds several glyphs, cells stand
        apart.
        """
        labels = {glyph.label for line in self.lines for glyph in line}
        apart = " " if any(len(label) > 1 for label in labels) else ""
        if self.grid is None:
            return "\n".join(apart.join(glyph.label for glyph in line) for line in self.lines)
        rows = [[apart.join(g.label for g in cell) or EMPTY for cell in row] for row in self.grid]
        between = " " if any(len(cell) > 1 for row in rows for cell in row) else ""
        return "\n".join(between.join(row) for row in rows)

    def to_dict(self) -> dict[str, object]:
        """The object of the JSON lines, described in docs/reading.md."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "frame": self.frame,
            "time": self.time,
            "age": self.age,
            "text": self.text,
            "glyphs": [
                {
                    "label": glyph.label,
                    "probability": round(glyph.probability, 4),
                    "box": list(glyph.box),
                    "line": number,
                }
                for number, line in enumerate(self.lines)
                for glyph in line
            ],
            "confidences": [round(confidence, 4) for confidence in self.confidences],
            "grid": self.grid
            and [["".join(glyph.label for glyph in cell) for cell in row] for row in self.grid],
            "durations_ms": {stage: round(ms, 3) for stage, ms in self.durations.items()},
        }
