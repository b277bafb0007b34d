"""Frames from a camera, a video file, pictures or a stream, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import pictures
from digits_runtime.errors import InputError

_SCHEMES = ("http://", "https://", "rtsp://", "rtsps://")
_TIMEOUT_MS = 10_000
# The largest number that OpenCV takes; nobody has so many cameras.
_LAST_CAMERA = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        image: uint8 BGR `[h, w, 3]`.
        number: From 0, in order.
        captured: Seconds since the epoch; None for a file, where nobody knows.
    """

    image: NDArray[np.uint8]
    number: int
    captured: float | None


def frames(source: str) -> Iterator[Frame]:
    """Yield the frames of a source until it ends.

    Args:
        source: A camera's number or `/dev/videoN`, a video file, a picture, a folder of pictures,
            or an http or rtsp address.

    Raises:
        InputError: It is not there, cannot be opened, or a camera or stream stops giving frames.
    """
    if not source:
        raise InputError("the source is empty: give a camera's number (0), a file or a URL")
    path = Path(source)
    if not source.isdecimal() and not _is_address(source):
        if path.is_dir() or path.suffix.lower() in pictures.SUFFIXES:
            for number, picture in enumerate(pictures.in_folders([path])):
                yield Frame(pictures.load(picture), number, None)
            return
        if not path.is_file() and not source.startswith("/dev/"):
            raise InputError(
                f"there is no file {source}: give a camera's number (0), /dev/videoN, a file, "
                "or an http or rtsp address"
            )
    live = not path.is_file()
    with closing(_Capture(source)) as capture:
        number = 0
        while (image := capture.read()) is not None:
            yield Frame(image, number, time.time() if live else None)
            number += 1
    if number == 0:
        raise InputError(f"{source} opens but gives no frame; is it a whole video?")
    if live:
        raise InputError(f"{source} stopped giving frames; check its cable or network")


def _is_address(source: str) -> bool:
    return source.lower().startswith(_SCHEMES)


class _Capture:
    """OpenCV's capture, with a camera's, a stream's and a file's ways of failing told apart."""

    def __init__(self, source: str) -> None:
        device = source.isdecimal() or source.startswith("/dev/")
        if _is_address(source):
            limits = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                _TIMEOUT_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                _TIMEOUT_MS,
            ]
            self._capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
        elif source.isdecimal():
            self._capture = cv2.VideoCapture(min(int(source), _LAST_CAMERA))
        else:
            self._capture = cv2.VideoCapture(source)
        if not self._capture.isOpened():
            self._capture.release()
            if device:
                raise InputError(
                    f"no camera at {source}: check that it is plugged in, that no other program "
                    "uses it, and that you are in the group 'video' (digits-doctor looks)"
                )
            if _is_address(source):
                raise InputError(
                    f"{source} does not open: check the address and that the camera is reachable"
                )
            raise InputError(f"{source} does not open as a video; give a whole video file")
        # Old frames are worth nothing to a live reader.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self) -> NDArray[np.uint8] | None:
        good, image = self._capture.read()
        return np.asarray(image, np.uint8) if good else None

    def close(self) -> None:
        self._capture.release()
