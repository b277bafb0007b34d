"""Sources that wait for their reader: files and standard input give every frame, in order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import pictures
from digits_runtime.capture import pipes
from digits_runtime.capture.address import Address
from digits_runtime.capture.frame import Frame, Source
from digits_runtime.capture.health import Health, State
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

Image = NDArray[np.uint8]


class Recorded(Source):
    """Frames of a file, a folder of pictures or standard input.

    Args:
        address: Of kind `pictures`, `video` or `stdin`.
        settings: How to cut and turn them, and what raw input looks like.

    Raises:
        InputError: It cannot be opened.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        self._address, self._settings = address, settings
        self._images = _images(address, settings)
        self.stills = address.kind == "pictures"
        self._count = 0
        self._ended = False

    def next(self, timeout: float) -> Frame | None:
        """The next frame, however long it takes to come; None at the end."""
        image = None if self._ended else next(self._images, None)
        if image is None:
            if self._count == 0 and not self._ended:
                raise InputError(f"{self._address.shown} gives no frame; is it a whole video?")
            self._ended = True
            return None
        frame = Frame(self._settings.fit(image), self._count, None)
        self._count += 1
        return frame

    def health(self) -> Health:
        """Running or ended, and how many frames it gave."""
        state: State = "ended" if self._ended else "running" if self._count else "opening"
        return Health(state=state, frames=self._count, source=self._address.shown)

    def close(self) -> None:
        """Let go of the file."""
        self._ended = True
        # A generator closes what it has opened once nobody holds it.
        self._images = iter(())


def _images(address: Address, settings: Settings) -> Iterator[Image]:
    if address.kind == "pictures":
        for path in pictures.in_folders([Path(address.text)]):
            yield pictures.load(path)
    elif address.kind == "stdin":
        yield from pipes.images(sys.stdin.buffer, settings)
    else:
        yield from _video(address.text)


def _video(path: str) -> Iterator[Image]:
    capture = cv2.VideoCapture(path)
    try:
        if not capture.isOpened():
            raise InputError(f"{path} does not open as a video; give a whole video file")
        while (read := capture.read())[0]:
            yield np.asarray(read[1], np.uint8)
    finally:
        capture.release()
