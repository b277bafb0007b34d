"""Annotated frames on disk: a video, or a picture of each number announced."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture.health import Health
from digits_runtime.errors import InputError
from digits_runtime.files import check_target, whole_file, write_whole
from digits_runtime.outputs.picture import annotated
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable

_CODECS = {".mp4": "mp4v", ".avi": "MJPG"}
_RATE = 10
# A part of a video is complete on disk after so many seconds; a power cut loses no more.
_PART_SECONDS = 60
# So much of the disk is left free.
_ROOM = 64 << 20
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]


class Pictures:
    """A JPEG of every number announced, in a folder, named by time and number.

    Args:
        folder: Made if it is not there.
        redact: See `picture.annotated`.

    Raises:
        InputError: The folder cannot be made or written to.
    """

    def __init__(self, folder: Path, *, redact: bool) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make the folder {folder}: {error.strerror}; choose another --record"
            ) from None
        check_target(folder / "picture.jpg")
        self._folder, self._redact = folder, redact
        self._shown: Stable | None = None

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        fresh = number is not None and (self._shown is None or number.since != self._shown.since)
        self._shown = number
        if number is None or not fresh:
            return
        packed = cv2.imencode(".jpg", annotated(frame, reading, redact=self._redact), _QUALITY)[1]
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now)) + f"-{int(now * 1e3) % 1000:03}"
        text = re.sub(r"[^\w]", "-", number.text.replace("?", "x"))[:64]
        write_whole(self._folder / f"{stamp}-{text}.jpg", packed.tobytes())

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""

    def close(self) -> None:
        """See `Output.close`."""


class Video:
    """A video of annotated frames at 10 frames a second, in parts of a minute.

    The first part has the name given, `film.mp4`, those after it `film-2.mp4` and so on; what is
    there already stays. A part has its name once it is whole. Of a live source, frames are left out
    or repeated to keep its time.

    Args:
        path: Ends in `.mp4` or `.avi`.
        redact: See `picture.annotated`.

    Raises:
        InputError: The file cannot be put there, or OpenCV cannot write such a video.
    """

    def __init__(self, path: Path, *, redact: bool) -> None:
        check_target(path)
        self._path, self._redact = path, redact
        self._began: float | None = None
        self._written = 0
        self._size = (0, 0)
        self._writer: cv2.VideoWriter | None = None
        self._open = contextlib.ExitStack()

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        size = (frame.shape[1], frame.shape[0])
        if self._writer is not None and (
            size != self._size or self._written >= _PART_SECONDS * _RATE
        ):
            self._finish()
        writer = self._writer or self._start(size, reading.time)
        due = self._written + 1
        if reading.time is not None and self._began is not None:
            elapsed = min(max(reading.time - self._began, 0.0), float(_PART_SECONDS))
            due = int(elapsed * _RATE) + 1
        if due <= self._written:
            return
        if self._written % _RATE == 0:
            self._check_room()
        picture = annotated(frame, reading, redact=self._redact)
        while self._written < due:
            writer.write(picture)
            self._written += 1

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""

    def close(self) -> None:
        """Finish the part that is being written."""
        if self._writer is not None:
            self._finish()

    def _start(self, size: tuple[int, int], began: float | None) -> cv2.VideoWriter:
        self._check_room()
        path, number = self._path, 1
        while path.exists():
            number += 1
            path = self._path.with_stem(f"{self._path.stem}-{number}")
        self._open = contextlib.ExitStack()
        part = self._open.enter_context(whole_file(path))
        codec = cv2.VideoWriter.fourcc(*_CODECS[self._path.suffix.lower()])
        writer = cv2.VideoWriter(str(part), codec, _RATE, size)
        if not writer.isOpened():
            fault = InputError(f"cannot write a video of {size[0]}x{size[1]} to {self._path}")
            self._open.__exit__(InputError, fault, None)
            raise fault
        self._writer, self._size = writer, size
        self._began, self._written = began, 0
        return writer

    def _check_room(self) -> None:
        """OpenCV does not say when it could not write."""
        free = shutil.disk_usage(self._path.parent).free
        if free < _ROOM:
            raise InputError(
                f"only {free >> 20} MiB are left for {self._path}; make room or record elsewhere"
            )

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.release()
        self._writer = None
        self._open.close()


def recording(path: Path, *, redact: bool) -> Pictures | Video:
    """The recording that a path asks for: a video by its ending, else a folder of pictures.

    Raises:
        InputError: It cannot be put there.
    """
    if path.suffix.lower() in _CODECS:
        return Video(path, redact=redact)
    if path.suffix:
        raise InputError(f"{path} is neither .mp4, .avi nor a folder; give one of them to --record")
    return Pictures(path, redact=redact)
