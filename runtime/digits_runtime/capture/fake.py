"""A camera for tests: it gives what it is told, and fails when it is told."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture.frame import Frame, Source
from digits_runtime.capture.health import Health


class FakeCamera(Source):
    """Gives pictures without a camera, for tests of programs that read one.

    >>> camera = FakeCamera([picture, None, picture])
    >>> [frame.number for frame in camera]
    [0, 1]

    Args:
        pictures: uint8 BGR `[h, w, 3]` each; None is a moment in which the camera gives nothing.
        rate: Frames a second; None gives each as soon as it is asked for, so that no test waits.
    """

    def __init__(
        self, pictures: Iterable[NDArray[np.uint8] | None], *, rate: float | None = None
    ) -> None:
        self._pictures = iter(pictures)
        self._rate = rate
        self._health = Health(source="fake")
        self._due = time.monotonic()

    def next(self, timeout: float) -> Frame | None:
        """The next picture; None where the camera gives nothing for a moment, and at the end."""
        if self._health.state == "ended":
            return None
        if self._rate is not None:
            time.sleep(max(0.0, self._due - time.monotonic()))
            self._due = max(self._due, time.monotonic() - 1 / self._rate) + 1 / self._rate
        frames, stalls = self._health.frames, self._health.stalls
        try:
            picture = next(self._pictures)
        except StopIteration:
            self._health = Health("ended", frames, stalls=stalls, source="fake")
            return None
        if picture is None:
            self._health = Health("stalled", frames, stalls=stalls + 1, source="fake")
            return None
        self._health = Health(
            "running", frames + 1, stalls=stalls, rate=self._rate or 0.0, age=0.0, source="fake"
        )
        return Frame(picture, frames, time.time())

    def health(self) -> Health:
        """Stalled after a None, ended after the last picture, else running."""
        return self._health

    def close(self) -> None:
        """No more pictures."""
        self._pictures = iter(())
        self._health = Health(
            "ended", self._health.frames, stalls=self._health.stalls, source="fake"
        )
