"""Memory for frames that two processes share.

Not `multiprocessing.shared_memory`: its memory cannot be let go while an array still looks at it,
and stays behind if a process dies at the wrong moment. Here the name goes as soon as both have the
memory, and the memory goes with the last array.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# In memory on Linux; a container may give it little, then the folder for temporary files does.
_PLACES = ("/dev/shm", None)  # noqa: S108 - made by mkstemp, for this user alone
Shape = tuple[int, int, int]


class Memory:
    """Room for some frames of one shape, in the process that made it.

    Args:
        shape: Of a frame: `(h, w, 3)`.
        count: How many frames.

    Raises:
        OSError: There is no room.
    """

    def __init__(self, shape: Shape, count: int) -> None:
        self._forgotten = False
        size = count * int(np.prod(shape))
        handle, self.name = _reserve(size)
        try:
            self.frames = _frames(handle, shape, count)
        finally:
            os.close(handle)

    def forget_name(self) -> None:
        """Nobody else will open it: nothing stays behind, however this process ends."""
        if not self._forgotten:
            with contextlib.suppress(OSError):
                Path(self.name).unlink()
            self._forgotten = True


def attach(name: str, shape: Shape, count: int) -> NDArray[np.uint8]:
    """Open the memory of another process: uint8 `[count, h, w, 3]`."""
    handle = os.open(name, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        return _frames(handle, shape, count)
    finally:
        os.close(handle)


def _frames(handle: int, shape: Shape, count: int) -> NDArray[np.uint8]:
    mapped = mmap.mmap(handle, count * int(np.prod(shape)))
    return np.frombuffer(mapped, np.uint8).reshape(count, *shape)


def _reserve(size: int) -> tuple[int, str]:
    for place in _PLACES:
        if place is not None and not os.access(place, os.W_OK):
            continue
        handle, name = tempfile.mkstemp(prefix="digits-cam-", dir=place)
        try:
            if hasattr(os, "posix_fallocate"):
                # Written to without room behind it, such memory would kill the process.
                os.posix_fallocate(handle, 0, size)
            else:
                os.truncate(handle, size)
        except OSError:
            os.close(handle)
            Path(name).unlink()
            if place is None:
                raise
        else:
            return handle, name
    raise AssertionError("the folder for temporary files is always tried")
