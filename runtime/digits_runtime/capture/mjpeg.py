"""MJPEG over HTTP: all that comes is read at once, and only the newest picture is decoded.

OpenCV's FFmpeg would give every picture in its turn, however long it waited, and scale those of
another size to the first one's.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
import urllib.request
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from digits_runtime import pictures
from digits_runtime.capture import pipes
from digits_runtime.capture.address import without_password
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

# Seconds for which pictures are passed over while more comes than can be read.
_MOST_S = 1.0


def open_mjpeg(url: str, settings: Settings) -> Mjpeg | None:
    """Open a stream if it is one of these; None if it has to be opened in another way.

    Raises:
        InputError: The camera refuses.
    """
    # Cameras have certificates that nobody signed, which FFmpeg takes and Python does not.
    if not url.lower().startswith("http://"):
        return None
    try:
        response = _opener(url).open(_bare(url), timeout=settings.timeout)
    except HTTPError as error:
        error.close()
        raise InputError(
            f"{without_password(url)} answers {error.code} {error.reason}: check the path, user "
            "and password of the address"
        ) from None
    except (OSError, ValueError, HTTPException):
        return None  # FFmpeg may know better, or why not
    if response.headers.get_content_maintype() != "multipart":
        response.close()
        return None
    return Mjpeg(response, settings.timeout)


class Mjpeg:
    """One opened stream.

    Args:
        response: Whose body has the pictures.
        timeout: Seconds of waiting for one.
    """

    def __init__(self, response: HTTPResponse, timeout: float) -> None:
        self.number = 0
        self._response, self._timeout = response, timeout
        self._changed = threading.Condition()
        self._ended = False
        # A picture, its number, and when it arrived.
        self._newest: tuple[bytes, int, float] | None = None
        self._taken = b""
        # Of the thread alone: the last picture that is whole, and when it last had to wait.
        self._last: bytes | None = None
        self._count, self._woken = 0, 0.0
        threading.Thread(target=self._read, name="digits-mjpeg", daemon=True).start()

    def grab(self) -> float | None:
        """Wait for a picture newer than the last; when it arrived, or None if none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self._ended, self._timeout)
            if self._newest is None:
                return None
            (self._taken, self.number, arrived), self._newest = self._newest, None
            return arrived

    def retrieve(self, into: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        """Decode it: uint8 BGR `[h, w, 3]`; None if it is damaged."""
        try:
            return pictures.decode(self._taken, "a picture of the stream")
        except InputError:
            return None

    def close(self) -> None:
        """Let go of it: the thread ends with what comes next, or for want of it."""
        self._ended = True

    # What follows runs in the thread.

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError, HTTPException, InputError):
            for picture in pipes.jpegs(self._more):
                self._last = picture
                self._count += 1
        self._give()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._response.close()

    def _more(self, size: int) -> bytes:
        """Bytes of the body. While some wait, which may be a newer picture, none is given."""
        waiting = bool(select.select([self._response], [], [], 0)[0])
        if not waiting or time.monotonic() > self._woken + _MOST_S:
            self._give()
        content = b"" if self._ended else self._response.read1(size)
        if not waiting:
            self._woken = time.monotonic()
        return content

    def _give(self) -> None:
        if self._last is not None:
            with self._changed:
                self._newest, self._last = (self._last, self._count, time.monotonic()), None
                self._changed.notify_all()


def _opener(url: str) -> urllib.request.OpenerDirector:
    """With the address's user and password, if it has some; cameras are asked without a proxy."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    parts = urlsplit(url)
    if parts.username is not None:
        user, password = unquote(parts.username), unquote(parts.password or "")
        passwords.add_password(None, _bare(url), user, password)
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    )


def _bare(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
