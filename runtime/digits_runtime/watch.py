"""The loop of `digits-cam`: the newest frame, read, followed, shown."""

from __future__ import annotations

import math

from digits_runtime.capture.frame import Source
from digits_runtime.notify import Notifier
from digits_runtime.outputs import Output
from digits_runtime.reader import Reader
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable, Tracker

# How often outputs hear of a source that gives nothing.
_IDLE_S = 0.5


def watch(
    source: Source,
    reader: Reader,
    output: Output,
    notifier: Notifier,
    *,
    frames: int | None = None,
) -> None:
    """Read a source until it ends.

    Args:
        source: Where frames come from.
        reader: Reads them.
        output: Shows what was read.
        notifier: Hears of every frame that was read.
        frames: Stop after so many; None never stops.

    Raises:
        InputError: The source cannot be opened or read.
    """
    follow = _at_once if source.stills else Tracker().update
    read = 0
    while frames is None or read < frames:
        frame = source.next(_IDLE_S)
        health = source.health()
        if frame is None:
            if health.state == "ended":
                return
            output.idle(health)
            notifier.waiting(health.message or health.state)
            continue
        reading = reader.read(
            frame.image, source=health.source, number=frame.number, captured=frame.captured
        )
        output.show(frame.image, reading, follow(reading), health)
        read += 1
        notifier.working(f"{health.rate:.0f} frames a second from {health.source}")


def _at_once(reading: Reading) -> Stable | None:
    """The number of a picture that stands alone."""
    probabilities = [glyph.probability for line in reading.lines for glyph in line]
    if not probabilities:
        return None
    return Stable(reading.text, math.prod(probabilities), float(reading.frame))
