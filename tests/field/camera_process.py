"""A network camera in a process of its own, for the field tests of cameras."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import network_camera
import numpy as np


class Camera:
    """Starts `network_camera.py`; on a port that stays the same however often it is killed.

    Args:
        kind: `http` or `rtsp`.
        rate: Frames a second.
    """

    def __init__(self, kind: str, rate: float = 30.0) -> None:
        self._kind, self._port, self._rate = kind, "0", rate
        self.start()

    @property
    def url(self) -> str:
        return f"{self._kind}://127.0.0.1:{self._port}/stream"

    def start(self) -> float:
        """The moment from which on it answers."""
        script = str(Path(__file__).with_name("network_camera.py"))
        self._process = subprocess.Popen(
            [sys.executable, script, self._kind, self._port, str(self._rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._port, began = self._process.stdout.readline().split()
        self._began = float(began)
        return time.monotonic()

    def tell(self, order: str) -> float:
        """The moment at which it was told."""
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return time.monotonic()

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def age(self, image: np.ndarray) -> float:
        """Intervals since the camera drew this frame."""
        return (time.monotonic() - self._began) * self._rate - network_camera.number_in(image)
