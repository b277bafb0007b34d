"""Standard output: JSON lines, plain lines, or a live view in a terminal."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import typer
from numpy.typing import NDArray

from digits_runtime.capture.health import Health
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable

_REFRESH = 0.1  # seconds between two pictures of the live view
_CLEAR = "\r\x1b[2K"


def as_object(number: Stable | None) -> dict[str, object] | None:
    """The JSON object of a number that stands."""
    if number is None:
        return None
    return {
        "text": number.text,
        "confidence": round(number.confidence, 4),
        "since": round(number.since, 3),
    }


class JsonLines:
    """One JSON object for each frame: the reading, and as `number` what is announced."""

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        typer.echo(json.dumps({**reading.to_dict(), "number": as_object(number)}))

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""

    def close(self) -> None:
        """See `Output.close`."""


class PlainLines:
    """Each number as it is announced, a line of the page on each line; an empty one at its end."""

    def __init__(self) -> None:
        self._shown: Stable | None = None

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        if (number and number.since) != (self._shown and self._shown.since):
            typer.echo(number.text if number else "")
        self._shown = number

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""

    def close(self) -> None:
        """See `Output.close`."""


class LiveView:
    """A terminal: a line for every number announced, and below a line that is always of now."""

    def __init__(self) -> None:
        self._shown: Stable | None = None
        self._drawn = 0.0

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        fresh = number is not None and (self._shown is None or number.since != self._shown.since)
        if number is not None and fresh:
            clock = time.strftime("%H:%M:%S")
            text = number.text.replace("\n", "\n" + " " * (len(clock) + 2))
            bold = typer.style(text, bold=True)
            typer.echo(f"{_CLEAR}{clock}  {bold}  {number.confidence:.0%}")
        self._shown = number
        if fresh or time.monotonic() - self._drawn >= _REFRESH:
            took = sum(reading.durations.values())
            self._draw(health, f"{took:.0f} ms a frame", reading.text.replace("\n", " / "))

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""
        self._draw(health)

    def close(self) -> None:
        """See `Output.close`."""
        if self._drawn:
            typer.echo(_CLEAR, nl=False)

    def _draw(self, health: Health, *more: str) -> None:
        self._drawn = time.monotonic()
        parts = [
            health.state,
            health.message,
            f"{health.rate:.0f} frames/s" if health.rate else "",
            f"{health.dropped} dropped" if health.dropped else "",
            "" if health.age is None else f"{1e3 * health.age:.0f} ms old",
            *more,
        ]
        line = " · ".join(part for part in parts if part)
        # A line that wraps could not be taken back.
        line = "".join(c if c.isprintable() else "?" for c in line)
        width = shutil.get_terminal_size().columns - 1
        typer.echo(_CLEAR + typer.style(line[:width], dim=True), nl=False)
