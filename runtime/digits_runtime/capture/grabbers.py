"""Blocking readers of live sources; they run in the process that may be killed."""

from __future__ import annotations

import os
import socket
import sys
import time
from typing import Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture import mjpeg
from digits_runtime.capture.address import Address, without_password
from digits_runtime.capture.lag import Lag
from digits_runtime.capture.settings import USUAL_RATE, USUAL_SIZE, Settings
from digits_runtime.errors import InputError

# The largest number that OpenCV takes; nobody has so many cameras.
_LAST_CAMERA = 2**31 - 1
_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
# An absent host answers nothing; one that is there accepts within this many seconds.
_CONNECT_S = 2.0
# No waiting for many frames only to know their rate, none for reordering. Not `fflags;nobuffer`,
# which drops what opening has read and with H.264 then waits for the next key frame.
_FFMPEG = "rtsp_transport;tcp|flags;low_delay|fpsprobesize;0"
# Frames older than this many intervals are passed over while newer ones wait.
_STALE = 1.5
# Seconds spent at most on passing over what waited of a stream.
_MOST_PASSING_S = 0.5
_DRIVER_BUFFERS = 4
_JPEGS = tuple(cv2.VideoWriter.fourcc(*name) for name in ("MJPG", "JPEG"))


class Grabber(Protocol):
    """A live source, open.

    Attributes:
        number: Frames that it gave so far, passed over or not.
    """

    number: int

    def grab(self) -> float | None:
        """Wait for a frame; when it was captured, on the monotonic clock, or None if none comes."""

    def retrieve(self, into: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        """Decode it: uint8 BGR `[h, w, 3]`, in `into` if it fits; None if it is damaged."""

    def close(self) -> None:
        """Let go of it."""


def open_grabber(address: Address, settings: Settings) -> Grabber:
    """Open a live source.

    Raises:
        InputError: It cannot be opened.
    """
    if address.kind == "stream":
        _connect(address.text)
        return mjpeg.open_mjpeg(address.text, settings) or _Stream(address.text, settings)
    if address.kind == "pi":
        from digits_runtime.capture import pi

        return pi.open_pi(int(address.text), settings)
    return _Device(address.text, settings)


class _OpenCV:
    """OpenCV's capture of either kind."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.number = 0

    def grab(self) -> float | None:
        if not self._capture.grab():
            return None
        self.number += 1
        return time.monotonic()

    def retrieve(self, into: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        good, image = self._capture.retrieve(into)
        if not good or image is None:
            return None
        if image.ndim == 2:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        # The very array it was given, where OpenCV wrote into that.
        return np.asarray(image, np.uint8)

    def close(self) -> None:
        self._capture.release()


class _Device(_OpenCV):
    """A webcam: V4L2 on Linux, whatever OpenCV has elsewhere."""

    def __init__(self, device: str, settings: Settings) -> None:
        asked: list[int] = []
        pixel_format = settings.pixel_format or _suitable_format(device, settings)
        if pixel_format is not None:
            asked += [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*pixel_format)]
        if settings.size is not None:
            asked += [cv2.CAP_PROP_FRAME_WIDTH, settings.size[0]]
            asked += [cv2.CAP_PROP_FRAME_HEIGHT, settings.size[1]]
        if settings.rate is not None:
            asked += [cv2.CAP_PROP_FPS, round(settings.rate)]
        where = min(int(device), _LAST_CAMERA) if device.isdecimal() else device
        engine = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
        super().__init__(cv2.VideoCapture(where, engine, asked))
        if not self._capture.isOpened():
            self._capture.release()
            raise InputError(
                f"no camera at {device}: check that it is plugged in, that no other program "
                "uses it, and that you are in the group 'video' (digits-doctor looks)"
            )
        self._packed = (
            sys.platform == "linux"
            and int(self._capture.get(cv2.CAP_PROP_FOURCC)) in _JPEGS
            # OpenCV's own decoding gives the last good picture again where one is damaged.
            and self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        )
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._stale = _STALE / (rate if rate > 0 else 30.0)

    def grab(self) -> float | None:
        captured = None
        for _ in range(_DRIVER_BUFFERS):
            now = super().grab()
            if now is None:
                return None
            # The driver's own time of capture, on the same clock where there is one.
            stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            captured = stamp if now - 60 < stamp <= now else now
            if now - captured < self._stale:
                break
        return captured

    def retrieve(self, into: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        if not self._packed:
            return super().retrieve(into)
        good, packed = self._capture.retrieve()
        if not good or packed is None:
            return None
        image = cv2.imdecode(np.asarray(packed, np.uint8).reshape(-1), cv2.IMREAD_COLOR)
        return None if image is None else np.asarray(image, np.uint8)


def _suitable_format(device: str, settings: Settings) -> str | None:
    """What to ask a webcam for that was not told; None leaves it to OpenCV."""
    if sys.platform != "linux":
        return None
    from digits_runtime.capture import v4l2

    try:
        modes = v4l2.modes(f"/dev/video{device}" if device.isdecimal() else device)
    except OSError:
        return None  # opening it will fail, too, and say why
    return v4l2.best_format(modes, settings.size or USUAL_SIZE, settings.rate or USUAL_RATE)


class _Stream(_OpenCV):
    """A network camera over RTSP or HTTP, by FFmpeg."""

    def __init__(self, url: str, settings: Settings) -> None:
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", _FFMPEG)
        limit = round(1e3 * settings.timeout)
        asked = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit]
        # Each further thread of the decoder holds back one more frame.
        asked += [cv2.CAP_PROP_N_THREADS, 1]
        super().__init__(cv2.VideoCapture(url, cv2.CAP_FFMPEG, asked))
        self._shown = without_password(url)
        if not self._capture.isOpened():
            self._capture.release()
            raise InputError(
                f"{self._shown} answers but gives no video within "
                f"{settings.timeout:g} s: check the path, user and password of the address"
            )
        self._timeout = settings.timeout
        # What comes over HTTP comes in heaps, or has no times of its own.
        self._lag = Lag() if url.lower().startswith("rtsp") else None

    def grab(self) -> float | None:
        """Wait for a frame; those that waited here while we were late are passed over.

        Raises:
            InputError: What comes is so old that opening it anew is better.
        """
        if self._lag is None:
            return super().grab()
        first = None
        while (arrived := super().grab()) is not None:
            stamp = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            behind = self._lag.behind(stamp, arrived)
            first = first or (arrived, stamp)
            # Passing over more would not help where decoding is no faster than the camera.
            late = arrived - first[0] > min(stamp - first[1], _MOST_PASSING_S)
            if late and behind > self._timeout:
                raise InputError(
                    f"{self._shown} is {behind:.0f} s behind, since its frames come faster than "
                    "this machine decodes them; ask the camera for a smaller size or rate"
                )
            if late or behind <= _STALE * self._lag.interval:
                return arrived - behind
        return None


def _connect(url: str) -> None:
    """Find out quickly whether anybody is there: FFmpeg would wait far longer for a silent host."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme.lower()]
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_S).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"{without_password(url)} does not open ({error}): check the address and that the "
            "camera is on and reachable"
        ) from None
