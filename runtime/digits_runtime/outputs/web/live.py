"""What the page shows of now, shared between the thread that reads and the thread that serves."""

from __future__ import annotations

import asyncio
import json
import struct
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture.health import Health
from digits_runtime.outputs.lines import as_object
from digits_runtime.outputs.picture import annotated
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable

VIEWERS = 8
_HISTORY = 50
_LONGEST = 960  # pixels of the picture's longer side
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 75]


@dataclass(frozen=True, slots=True)
class Moment:
    """What was known at one moment; `frame` only while somebody looks."""

    count: int
    health: Health
    reading: Reading | None
    number: Stable | None
    frame: NDArray[np.uint8] | None


class Live:
    """The newest moment, and those who wait for it.

    Args:
        redact: See `picture.annotated`.

    Attributes:
        announced: How many numbers were.
    """

    def __init__(self, *, redact: bool) -> None:
        self._redact = redact
        self._moment = Moment(0, Health(), None, None, None)
        self.announced = 0
        self._history: deque[dict[str, object]] = deque(maxlen=_HISTORY)
        self._viewers = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fresh = asyncio.Event()
        self._packing = threading.Lock()
        self._packed: tuple[int, bytes] = (-1, b"")

    # From the thread that reads.

    def put(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """Take a frame; it is copied only while somebody looks."""
        before = self._moment.number
        if number is not None and (before is None or number.since != before.since):
            self._history.append({**(as_object(number) or {}), "at": time.time()})
            self.announced += 1
        kept = frame.copy() if self._viewers else None
        self._set(Moment(self._moment.count + 1, health, reading, number, kept))

    def put_health(self, health: Health) -> None:
        """Take the source's health while no frame comes."""
        old = self._moment
        self._set(Moment(old.count + 1, health, old.reading, old.number, None))

    def _set(self, moment: Moment) -> None:
        self._moment = moment
        loop = self._loop
        if self._viewers and loop is not None:
            try:
                loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the server ended in between
                self._loop = None

    # From the thread that serves.

    def enter(self) -> bool:
        """Count one more viewer, unless there are too many."""
        if self._viewers >= VIEWERS:
            return False
        self._loop = asyncio.get_running_loop()
        self._viewers += 1
        return True

    def leave(self) -> None:
        """Count one viewer less."""
        self._viewers -= 1

    async def newer(self, count: int, patience: float) -> Moment:
        """Wait for a moment after the one counted so, but not longer than `patience` seconds."""
        if self._moment.count <= count:
            fresh = self._fresh
            try:
                async with asyncio.timeout(patience):
                    await fresh.wait()
            except TimeoutError:
                pass
        return self._moment

    def _wake(self) -> None:
        fresh, self._fresh = self._fresh, asyncio.Event()
        fresh.set()

    def message(self, moment: Moment, *, history: bool) -> bytes:
        """Pack a moment: the length of a JSON object in 4 bytes, the object, and a JPEG or nothing.

        Frames are drawn and packed once, however many look on.
        """
        head: dict[str, object] = {
            "number": as_object(moment.number),
            "health": asdict(moment.health),
        }
        if moment.reading is not None:
            head["text"] = moment.reading.text
            head["latency"] = sum(moment.reading.durations.values())
            head["age"] = moment.reading.age
        if history:
            head["history"] = list(self._history)
        packed = json.dumps(head).encode()
        return struct.pack(">I", len(packed)) + packed + self._picture(moment)

    def _picture(self, moment: Moment) -> bytes:
        if moment.frame is None or moment.reading is None:
            return b""
        with self._packing:
            if self._packed[0] != moment.count:
                picture = annotated(
                    moment.frame, moment.reading, redact=self._redact, longest=_LONGEST
                )
                encoded = cv2.imencode(".jpg", picture, _QUALITY)[1].tobytes()
                self._packed = (moment.count, encoded)
            return self._packed[1]
