"""Live sources: the newest frame, from a process that is watched and replaced when it hangs."""

from __future__ import annotations

import atexit
import random
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

from digits_runtime.capture import child, identity
from digits_runtime.capture.address import Address
from digits_runtime.capture.frame import Frame, Source
from digits_runtime.capture.health import Health
from digits_runtime.capture.memory import Memory
from digits_runtime.capture.settings import Settings
from digits_runtime.capture.worker import Worker, WorkerError
from digits_runtime.errors import InputError

# Seconds before the first new attempt, doubled after each up to the last, each varied by a quarter
# so that many readers of one camera do not come all at once. Under a second at most: whoever plugs
# a camera in again wants to see it read within two.
_FIRST_PAUSE, _LAST_PAUSE, _JITTER = 0.1, 0.8, 0.25
# A source that ran this long was well; its next failure starts with the shortest pause.
_WELL_S = 5.0
# The child first tries to end a silent read by itself, which frees the camera in an orderly way.
_GRACE_S = 1.0
_TICK_S = 0.1
_RATE_WINDOW_S = 3.0


@dataclass(frozen=True, slots=True)
class _Slot:
    """A frame in shared memory; `captured` is on the monotonic clock."""

    memory: Memory
    index: int
    number: int
    captured: float


class Live(Source):
    """A camera or stream, read by a process of its own.

    A thread watches that process: it passes on what the camera gives, kills the process when it
    hangs, finds a camera that came back under another number, and opens it again, for ever.

    Args:
        address: Of kind `device`, `stream` or `pi`.
        settings: What to ask of it.
        patient: Whether to wait for a source that cannot be opened at first, too.
    """

    def __init__(self, address: Address, settings: Settings, *, patient: bool = False) -> None:
        self._address, self._settings, self._patient = address, settings, patient
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._health = Health(source=address.shown)
        self._error: InputError | None = None
        self._newest: _Slot | None = None
        self._lent: _Slot | None = None
        self._read = 0
        self._captured: float | None = None
        self._arrivals: deque[float] = deque()
        self._worker = Worker(settings.timeout)
        self._thread = threading.Thread(target=self._run, name="digits-capture", daemon=True)
        self._thread.start()
        # Before multiprocessing ends its processes, which would look like a camera that was lost.
        atexit.register(self.close)

    def next(self, timeout: float) -> Frame | None:
        """Wait for a frame newer than the last one; see `Source.next`."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._newest or self._error or self._health.state == "ended", timeout
            )
            if self._error is not None:
                raise self._error
            if self._newest is None:
                return None
            self._free(self._lent)
            lent = self._lent = self._newest
            self._newest = None
            self._read += 1
        age = time.monotonic() - lent.captured
        return Frame(lent.memory.frames[lent.index], lent.number, time.time() - age)

    def health(self) -> Health:
        """How it is doing; `age` grows while nothing comes."""
        with self._changed:
            now = time.monotonic()
            self._forget_arrivals(now)
            span = now - self._arrivals[0] if self._arrivals else 0.0
            waiting = self._newest is not None
            return replace(
                self._health,
                dropped=self._health.frames - self._read - waiting,
                rate=(len(self._arrivals) - 1) / span if span > 0 else 0.0,
                age=None if self._captured is None else now - self._captured,
            )

    def close(self) -> None:
        """End the process and the thread."""
        self._closing.set()
        self._thread.join()
        self._newest = None
        atexit.unregister(self.close)

    # What follows runs in the watching thread; `_free` and `_forget_arrivals` under the lock.

    def _run(self) -> None:
        try:
            self._watch()
        except (InputError, OSError) as error:  # the latter: no process could be started
            with self._changed:
                self._error = InputError(str(error))
        finally:
            self._worker.kill()
            self._report(state="ended")

    def _watch(self) -> None:
        known, pause, started = identity.Known(self._address), _FIRST_PAUSE, False
        while not self._closing.is_set():
            given, began = self._health.frames, time.monotonic()
            where, message = None, f"{self._address.shown} is not plugged in"
            try:
                where = known.find()
            except InputError as error:
                message = str(error)
            if where is not None:
                try:
                    self._worker.ready()
                    started = True
                    message = self._follow(known, where)
                except WorkerError as error:
                    if not started:
                        raise InputError(
                            f"{error}; a script that reads a camera needs the line "
                            "if __name__ == '__main__': as every use of multiprocessing does"
                        ) from None
                    message = str(error)
                    self._replace_worker()
            if self._closing.is_set():
                return
            if self._health.frames == 0 and not self._patient:
                raise InputError(message)
            if self._health.frames > given and time.monotonic() - began > _WELL_S:
                pause = _FIRST_PAUSE
            self._report(state="reconnecting", message=message)
            self._closing.wait(pause * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311
            pause = min(2 * pause, _LAST_PAUSE)

    def _follow(self, known: identity.Known, where: Address) -> str:
        """Take what one opened source gives until it fails; say why it did."""
        timeout = self._settings.timeout
        self._worker.tell(child.Open(where, self._settings))
        heard, before = time.monotonic(), 0
        while not self._closing.is_set():
            told = self._worker.told(_TICK_S)
            silent = time.monotonic() - heard
            if isinstance(told, child.Taken):
                if before == 0:
                    known.remember(where)
                self._take(told, told.given - before)
                heard, before = time.monotonic(), told.given
            elif isinstance(told, child.Wanted):
                self._make_room(told.shape)
            elif isinstance(told, child.Failed):
                return told.message
            elif silent > timeout + _GRACE_S:
                self._replace_worker()
                return f"{self._address.shown} gave nothing for {timeout:g} s"
            elif before and silent > timeout / 2 and self._health.state == "running":
                self._report(state="stalled", stalls=self._health.stalls + 1)
        return ""

    def _take(self, told: child.Taken, given: int) -> None:
        memory = self._worker.memory
        if memory is None:
            raise WorkerError("the process that reads the camera gave a frame without room for it")
        memory.forget_name()
        with self._changed:
            self._free(self._newest)
            again = self._health.frames > 0 and given == told.given
            frames = self._health.frames + given
            self._newest = _Slot(memory, told.slot, frames - 1, told.captured)
            self._captured = told.captured
            now = time.monotonic()
            self._arrivals.append(now)
            self._forget_arrivals(now)
            self._health = replace(
                self._health,
                state="running",
                frames=frames,
                reconnects=self._health.reconnects + again,
                message="",
            )
            self._changed.notify_all()

    def _make_room(self, shape: tuple[int, int, int]) -> None:
        with self._changed:
            # A frame of another size is old by now; one that is lent stays readable.
            self._newest = None
            self._worker.make_room(shape)

    def _replace_worker(self) -> None:
        self._worker.kill()
        worker = Worker(self._settings.timeout)
        with self._changed:
            self._worker = worker

    def _free(self, slot: _Slot | None) -> None:
        if slot is not None and slot.memory is self._worker.memory:
            self._worker.tell(child.Free(slot.memory.name, slot.index))

    def _report(self, **changes: object) -> None:
        with self._changed:
            self._health = replace(self._health, **changes)  # type: ignore[arg-type]
            self._changed.notify_all()

    def _forget_arrivals(self, now: float) -> None:
        while self._arrivals and self._arrivals[0] < now - _RATE_WINDOW_S:
            self._arrivals.popleft()
