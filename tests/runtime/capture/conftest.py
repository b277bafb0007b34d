from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digits_runtime.capture.frame import Frame, Source

SCRIPT = Path(__file__).parents[2] / "field" / "network_camera.py"
RATE = 20


class NetworkCamera:
    """A real camera on the network, in a process of its own, that fails on request."""

    def __init__(self, kind: str) -> None:
        self._kind, self.port = kind, 0
        self.start()

    @property
    def url(self) -> str:
        return f"{self._kind}://127.0.0.1:{self.port}/stream"

    def start(self) -> None:
        """Where it was before, if it was."""
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), self._kind, str(self.port), str(RATE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port, began = self._process.stdout.readline().split()
        self.port, self._began = int(port), float(began)

    def tell(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def network_camera() -> Iterator[Callable[[str], NetworkCamera]]:
    started = []

    def start(kind: str) -> NetworkCamera:
        started.append(NetworkCamera(kind))
        return started[-1]

    yield start
    for camera in started:
        camera.kill()


@pytest.fixture
def until() -> Callable[[Source, Callable[[Frame], bool]], Frame]:
    """Read a source until a frame is as wanted; a busy machine gets half a minute."""

    def read(source: Source, wanted: Callable[[Frame], bool]) -> Frame:
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            frame = source.next(0.2)
            if frame is not None and wanted(frame):
                return frame
        raise AssertionError(source.health())

    return read
