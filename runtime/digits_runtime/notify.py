"""Tells systemd how a service is: ready, alive, stopping (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
import time

# systemd's own advice is half the time of its watchdog; ours is many seconds.
_ALIVE_S = 1.0


class Notifier:
    """A line to systemd, or to nobody where no systemd listens.

    Args:
        address: Of its socket, as in the variable NOTIFY_SOCKET; `@` for an abstract one.
    """

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._ready = False
        self._alive = 0.0
        self._status = ""

    def working(self, status: str) -> None:
        """A frame was read: ready, if this is the first, and alive."""
        now = time.monotonic()
        if now - self._alive < _ALIVE_S:
            return
        self._send(f"{'' if self._ready else 'READY=1'}\nWATCHDOG=1\nSTATUS={status}")
        self._ready, self._alive, self._status = True, now, status

    def waiting(self, status: str) -> None:
        """No frame comes: say why, and let the watchdog starve."""
        if status != self._status:
            self._send(f"STATUS={status}")
            self._status = status

    def stopping(self) -> None:
        """The end was asked for."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address[0] == "@" else self._address
        # Nobody there is no reason to stop reading.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line,
        ):
            line.sendto(message.strip().encode(), address)
