"""How a source is doing, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["opening", "running", "stalled", "reconnecting", "ended"]


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a source at one moment.

    Attributes:
        state: `stalled`: open but silent; `reconnecting`: lost and looked for; `ended`: a file is
            at its end, or the source was closed.
        frames: That the source gave since the start.
        dropped: Of those, never read because a newer one came first.
        stalls: How often it fell silent while open.
        reconnects: How often it was opened again.
        rate: Frames a second that it gives, over the last seconds.
        age: Seconds since the newest frame was captured; None before the first and for files.
        message: What went wrong last, for a person; empty while all is well.
        source: The address as the user gave it.
    """

    state: State = "opening"
    frames: int = 0
    dropped: int = 0
    stalls: int = 0
    reconnects: int = 0
    rate: float = 0.0
    age: float | None = None
    message: str = ""
    source: str = ""
