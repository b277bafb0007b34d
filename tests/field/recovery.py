"""Measures how soon a source is read again; shared by `streams.py` and `camera_guest.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

from digits_runtime.capture.frame import Source
from digits_runtime.capture.worker import start_time

LIMIT_S = 2.0
_GIVEN_UP_S = 300.0


def wait_for(what: str, condition: Callable[[], bool]) -> float:
    """The moment from which on it holds."""
    limit = time.monotonic() + _GIVEN_UP_S
    while not condition():
        if time.monotonic() > limit:
            raise SystemExit(f"FAILED: {what} did not happen in {_GIVEN_UP_S:g} s")
        time.sleep(0.01)
    return time.monotonic()


class Recovery:
    """Judges every return of a camera by the same limit.

    Args:
        slack: Seconds allowed beyond `LIMIT_S`, for a slow machine.
    """

    def __init__(self, slack: float = 0.0) -> None:
        self.limit = LIMIT_S + slack
        self._slow: list[str] = []
        self._count = 0

    def read(self, source: Source, seconds: float) -> None:
        """Read for so long."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            source.next(0.05)

    def lost(self, source: Source) -> None:
        """Read until the source is known to be lost."""

        def gone() -> bool:
            source.next(0.02)
            return source.health().state == "reconnecting"

        wait_for("losing the source", gone)

    def again(self, source: Source, since: float, what: str, *, judged: bool = True) -> None:
        """Read until a new frame comes, and judge the time since then."""
        before = source.health().frames
        while source.health().frames <= before:
            source.next(0.02)
            if time.monotonic() > since + _GIVEN_UP_S:
                raise SystemExit(f"FAILED: {what}: nothing more: {source.health()}")
        took, health = time.monotonic() - since, source.health()
        counts = f"{health.stalls} stalls, {health.reconnects} reconnects"
        print(f"  {what}: {took:.2f} s ({counts})", flush=True)
        if judged:
            self._count += 1
            if took > self.limit:
                self._slow.append(what)

    def verdict(self) -> str:
        """What to say at the end.

        Raises:
            SystemExit: One took too long.
        """
        if self._slow:
            raise SystemExit(f"FAILED: over {self.limit:.2f} s: {', '.join(self._slow)}")
        return f"all {self._count} returns read again within {self.limit:.2f} s"


def measured_start(times: int = 3) -> float:
    """Seconds that a reading process takes to start here: the slowest of so many, printed."""
    found = [round(start_time(), 2) for _ in range(times)]
    print(f"a reading process starts in {', '.join(map(str, found))} s here", flush=True)
    return max(found)
