"""Finds a camera again that came back under another number."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from digits_runtime.capture.address import GIVE, Address
from digits_runtime.errors import InputError

if TYPE_CHECKING:
    from digits_runtime.capture.v4l2 import Camera


class Known:
    """Where a source is now.

    Streams, and webcams elsewhere than on Linux, are where they always were.

    Args:
        address: As the user gave it.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._camera: Camera | None = None
        self._others: frozenset[str] = frozenset()

    def find(self) -> Address | None:
        """The source's address now; None for a webcam that is not plugged in.

        Raises:
            InputError: No webcam of this name was ever seen, or several are.
        """
        if self._address.kind != "device" or sys.platform != "linux":
            return self._address
        from digits_runtime.capture import v4l2

        if self._camera is not None:
            found = v4l2.same(self._camera, v4l2.cameras(), self._others)
            return None if found is None else replace(self._address, text=found.path)
        text = self._address.text
        if text.isdecimal() or text.startswith("/dev/"):
            return self._address
        return replace(self._address, text=_named(text, v4l2.cameras()).path)

    def remember(self, where: Address) -> None:
        """It gave a frame there: from now on this very camera is looked for."""
        if where.kind != "device" or sys.platform != "linux":
            return
        from digits_runtime.capture import v4l2

        path = f"/dev/video{where.text}" if where.text.isdecimal() else os.path.realpath(where.text)
        now = v4l2.cameras()
        self._camera = next((camera for camera in now if camera.path == path), self._camera)
        self._others = frozenset(camera.place for camera in now if camera.path != path)


def _named(name: str, cameras: list[Camera]) -> Camera:
    found = [
        camera
        for camera in cameras
        if name.lower() in camera.name.lower() or name in (camera.serial, camera.kind)
    ]
    if not found:
        raise InputError(f"there is no file or camera called {name}: {GIVE}")
    if len(found) > 1:
        paths = ", ".join(camera.path for camera in found)
        raise InputError(f"{name} may be any of {paths}: give the one that you mean")
    return found[0]
