"""Readings over time to one steady answer."""

from __future__ import annotations

from dataclasses import dataclass

from digits_runtime.reading import Reading


@dataclass(frozen=True, slots=True)
class Stable:
    """A number that has stood still long enough to be announced.

    Attributes:
        text: Its lines, joined by newlines, with `?` where a glyph stayed uncertain.
        confidence: That all of it is right, 0 to 1.
        since: When it was announced, in the seconds of `Reading.time`. Two announcements of equal
            text, with an empty page between them, differ in it.
    """

    text: str
    confidence: float
    since: float


class Tracker:
    """Turns readings, one after the other, into the number that is announced."""

    def update(self, reading: Reading) -> Stable | None:
        """Take the next reading; return the number that stands now, None where none does."""
        raise NotImplementedError
