"""The process that reads a live source and may be killed at any moment.

It owns the handle of the camera and nothing else. Frames go into memory shared with the parent.
Who of the two may touch a slot of it is passed along with messages: nothing needs a lock that a
killed process could leave locked, and what a message announces is in memory before it arrives.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture.address import Address
from digits_runtime.capture.memory import Shape, attach
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

# One being written, one finished, one lent to the reader, one on its way back.
SLOTS = 4


# From the parent.


@dataclass(frozen=True, slots=True)
class Open:
    """Open this source and give its frames."""

    address: Address
    settings: Settings


@dataclass(frozen=True, slots=True)
class Room:
    """Write frames of this shape there; all slots are free."""

    name: str
    shape: Shape


# Instead of a Room: there is none.
NO_ROOM = None


@dataclass(frozen=True, slots=True)
class Free:
    """A slot of the room of that name may be written to again."""

    name: str
    slot: int


# To the parent.


@dataclass(frozen=True, slots=True)
class Ready:
    """All is imported."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Room for frames of this shape is wanted."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Taken:
    """A frame is in this slot.

    Attributes:
        slot: Of the newest room.
        given: Frames that the camera gave since it was opened, this one included.
        captured: Seconds on the monotonic clock.
    """

    slot: int
    given: int
    captured: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The source is closed again: why, in one line."""

    message: str


Told = Ready | Wanted | Taken | Failed


def main(parent: Connection, timeout: float) -> None:
    """Serve the parent until it goes or kills this process.

    Args:
        parent: Where orders come from and answers go to.
        timeout: Seconds after which a silent camera is let go of.
    """
    if hasattr(os, "setsid"):
        # A group of its own: Ctrl-C is the parent's to handle, and a helper dies with us.
        os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Read by OpenCV when a camera is opened; its own default blocks for ten seconds.
    os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = str(max(1, round(timeout)))
    orders: queue.SimpleQueue[Open | Room | None] = queue.SimpleQueue()
    freed: queue.SimpleQueue[Free] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(parent, orders, freed), daemon=True).start()
    # Imported here, where a hanging import can be killed as well.
    from digits_runtime.capture import grabbers  # noqa: F401

    parent.send(Ready())
    while True:
        order = orders.get()
        if isinstance(order, Open):
            try:
                _Pump(parent, orders, freed).run(order)
            except InputError as error:
                parent.send(Failed(str(error)))
            except Exception as error:  # a library met with what it did not expect
                parent.send(Failed(f"{type(error).__name__}: {error}"))


def _listen(
    parent: Connection,
    orders: queue.SimpleQueue[Open | Room | None],
    freed: queue.SimpleQueue[Free],
) -> None:
    """Sort what the parent says; when it is gone, so are we, even out of a blocking read."""
    try:
        while True:
            said = parent.recv()
            if isinstance(said, Free):
                freed.put(said)
            else:
                orders.put(said)
    except (EOFError, OSError):
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(0)


class _Pump:
    """Frames from one opened source into shared memory."""

    def __init__(
        self,
        parent: Connection,
        orders: queue.SimpleQueue[Open | Room | None],
        freed: queue.SimpleQueue[Free],
    ) -> None:
        self._parent, self._orders, self._freed = parent, orders, freed
        self._room: Room | None = None
        self._frames: NDArray[np.uint8] | None = None
        self._free: list[int] = []

    def run(self, order: Open) -> None:
        """Pump until the source fails.

        Raises:
            InputError: It cannot be opened, or gives no more frames.
        """
        from digits_runtime.capture.grabbers import open_grabber

        settings = order.settings
        in_place = settings.crop is None and settings.rotate == 0
        good = time.monotonic()
        with closing(open_grabber(order.address, settings)) as grabber:
            while (captured := grabber.grab()) is not None:
                self._collect()
                if self._frames is not None and not self._free:
                    continue  # the parent is late; a newer frame will do
                slot = None if self._frames is None else self._frames[self._free[-1]]
                image = grabber.retrieve(slot if in_place else None)
                if image is None:
                    if time.monotonic() > good + settings.timeout:
                        raise InputError(f"{order.address.shown} sends what is no picture")
                    continue
                good = time.monotonic()
                fitted = settings.fit(image)
                if slot is None or fitted.shape != slot.shape:
                    slot = self._make_room(fitted)
                if fitted is not slot:
                    np.copyto(slot, fitted)
                self._parent.send(Taken(self._free.pop(), grabber.number, captured))
        raise InputError(f"{order.address.shown} stopped giving frames; check cable or network")

    def _collect(self) -> None:
        """Take back the slots that the parent is done with."""
        while not self._freed.empty():
            freed = self._freed.get()
            if self._room is not None and freed.name == self._room.name:
                self._free.append(freed.slot)

    def _make_room(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width, channels = image.shape
        self._parent.send(Wanted((height, width, channels)))
        room = self._orders.get()
        if not isinstance(room, Room):
            raise InputError(
                f"there is no memory for frames of {width}x{height}; ask for a smaller size"
            )
        self._room, self._free = room, list(range(SLOTS))
        self._frames = attach(room.name, room.shape, SLOTS)
        return np.asarray(self._frames[self._free[-1]])
