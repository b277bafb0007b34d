"""What was read: lines of glyphs, and the JSON object that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SCHEMA = 1
UNCERTAIN = "?"

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


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read in one frame.

    Attributes:
        lines: Top to bottom, each of glyphs from left to right.
        source: What the frame came from: a path, a device, an address.
        frame: Its number in that source, from 0.
        time: When it was captured, seconds since the epoch; None where nobody knows.
        age: Seconds from capture to this reading; None where nobody knows.
        durations: Milliseconds spent in each stage.
    """

    lines: tuple[tuple[Glyph, ...], ...]
    source: str = ""
    frame: int = 0
    time: float | None = None
    age: float | None = None
    durations: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The lines, joined by newlines; labels of several letters stand apart."""
        labels = [[glyph.label for glyph in line] for line in self.lines]
        apart = " " if any(len(label) > 1 for line in labels for label in line) else ""
        return "\n".join(apart.join(line) for line in labels)

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
            "durations_ms": {stage: round(ms, 3) for stage, ms in self.durations.items()},
        }
