"""The parent's hold on the process that reads a live source."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator

from digits_runtime.capture import child
from digits_runtime.capture.memory import Memory, Shape
from digits_runtime.errors import DigitsError

# A slow board on a slow card imports OpenCV for many seconds.
_START_LIMIT_S = 120.0
_END_LIMIT_S = 2.0
# Of a frame; no camera has more, and a stream could claim any number.
_MOST_PIXELS = 40_000_000


class WorkerError(DigitsError):
    """The process died."""


class Worker:
    """One such process, starting; `ready` waits for it.

    Args:
        timeout: Seconds after which a silent camera is let go of.

    Attributes:
        memory: Where its frames are.
    """

    def __init__(self, timeout: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=child.main, args=(theirs, timeout), name="digits-capture", daemon=True
        )
        with _interrupts_blocked():
            self._process.start()
        theirs.close()
        self.memory: Memory | None = None
        self._ready = False
        self._ahead: child.Told | None = None

    def ready(self) -> None:
        """Wait until it has imported all.

        Raises:
            WorkerError: It died or hangs.
        """
        if self._ready:
            return
        if not isinstance(self.told(_START_LIMIT_S), child.Ready):
            raise WorkerError("the process that reads the camera did not start in two minutes")
        self._ready = True

    def tell(self, order: child.Open | child.Free) -> None:
        """Send it an order; one that is dead by now shows when it is listened to."""
        with contextlib.suppress(OSError):
            self._connection.send(order)

    def told(self, timeout: float) -> child.Told | None:
        """What it says within so many seconds; of frames that wait to be told, only the newest.

        Raises:
            WorkerError: It died.
        """
        told, self._ahead = self._ahead, None
        if told is None:
            told = self._heard(timeout)
        while isinstance(told, child.Taken):
            ahead = self._heard(0)
            if not isinstance(ahead, child.Taken):
                self._ahead = ahead
                break
            # We were late: whoever waits for a frame would be given one that is long past.
            if self.memory is not None:
                self.tell(child.Free(self.memory.name, told.slot))
            told = ahead
        return told

    def _heard(self, timeout: float) -> child.Told | None:
        try:
            heard: child.Told | None = (
                self._connection.recv() if self._connection.poll(timeout) else None
            )
        except (EOFError, OSError):
            raise WorkerError("the process that reads the camera died") from None
        return heard

    def make_room(self, shape: Shape) -> None:
        """Give it memory for frames of a shape, or say that there is none."""
        self._forget()
        self.memory = None
        room = child.NO_ROOM
        with contextlib.suppress(OSError):
            if shape[0] * shape[1] <= _MOST_PIXELS:
                self.memory = Memory(shape, child.SLOTS)
                room = child.Room(self.memory.name, shape)
        with contextlib.suppress(OSError):
            self._connection.send(room)

    def kill(self) -> None:
        """End it whatever it is doing, with its helpers, so that the camera is free again."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg") and os.getpgid(self._process.pid or 0) == self._process.pid:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        # One that a driver holds in the kernel ends when the driver lets it; we go on.
        self._process.join(_END_LIMIT_S)
        self._connection.close()
        self._forget()

    def _forget(self) -> None:
        if self.memory is not None:
            self.memory.forget_name()


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A process started now never sees Ctrl-C, not even while it is still starting."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    # Starting the first process starts this one too, which would unblock them again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_time() -> float:
    """Seconds from nothing to a worker that could open a camera, for measurements."""
    began = time.perf_counter()
    worker = Worker(1.0)
    try:
        worker.ready()
        return time.perf_counter() - began
    finally:
        worker.kill()
