"""Pictures from a pipe: JPEGs one after the other, or raw pixels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import pictures
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

Image = NDArray[np.uint8]

# Bytes a pixel, and what makes BGR of it (None: it is).
RAW: dict[str, tuple[float, int | None]] = {
    "bgr24": (3, None),
    "rgb24": (3, cv2.COLOR_RGB2BGR),
    "gray": (1, cv2.COLOR_GRAY2BGR),
    "yuyv": (2, cv2.COLOR_YUV2BGR_YUYV),
    "uyvy": (2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv420": (1.5, cv2.COLOR_YUV2BGR_I420),
    "nv12": (1.5, cv2.COLOR_YUV2BGR_NV12),
}
_CHUNK = 1 << 16
_LARGEST_JPEG = 64 << 20
_START, _EOI = b"\xff\xd8", 0xD9
# All but those that stand alone: stuffed bytes, fill bytes, restarts.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")


def images(pipe: IO[bytes], settings: Settings) -> Iterator[Image]:
    """Yield every picture of a pipe until it ends: uint8 BGR `[h, w, 3]`.

    Args:
        pipe: Where the bytes come from.
        settings: With a pixel format of RAW they are raw pixels, of the size it gives; otherwise
            JPEGs, with or without anything between them.

    Raises:
        InputError: The format is unknown or its size is missing, or what comes is no picture.
    """
    kind = settings.pixel_format
    if kind is None or kind.lower() in ("mjpg", "mjpeg", "jpeg"):
        yield from _decoded(pipe)
    elif kind.lower() not in RAW:
        raise InputError(f"standard input cannot be {kind}; give mjpg or one of {', '.join(RAW)}")
    elif settings.size is None:
        raise InputError(f"raw {kind} does not tell its size; add --size, such as --size 640x480")
    else:
        while (image := read_raw(pipe, kind.lower(), settings.size)) is not None:
            yield image


def read_raw(
    pipe: IO[bytes], kind: str, size: tuple[int, int], stride: int | None = None
) -> Image | None:
    """Read one picture of raw pixels: uint8 BGR `[h, w, 3]`, or None at the end.

    Args:
        pipe: Where the bytes come from.
        kind: One of RAW.
        size: Width and height; of the formats that share colour between pixels, both even.
        stride: Pixels from one row to the next, where rows are padded.

    Raises:
        InputError: A side is odd where it must not be.
    """
    (width, height), (depth, code) = size, RAW[kind]
    row = stride or width
    if depth in (1.5, 2) and (width % 2 or height % 2 or row % 2):
        raise InputError(f"{kind} pictures have even sides, but {width}x{height} was given")
    content = pipe.read(round(row * height * depth))
    if len(content) < round(row * height * depth):
        return None
    rows = height * 3 // 2 if depth == 1.5 else height
    image: Image = np.frombuffer(content, np.uint8).reshape(rows, row, -1)
    if code is not None:
        image = np.asarray(cv2.cvtColor(image, code), np.uint8)
    return np.ascontiguousarray(image[:, :width])


def _decoded(pipe: IO[bytes]) -> Iterator[Image]:
    """JPEGs decoded; a damaged one is left out, but not if there is no other."""
    fault = None
    # Not `read`, which waits until all that was asked for is there.
    for content in jpegs(getattr(pipe, "read1", pipe.read)):
        try:
            yield pictures.decode(content, "a picture on standard input")
        except InputError as error:
            fault = fault or error
        else:
            fault = None
    if fault is not None:
        raise fault


def jpegs(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Cut a stream into its JPEGs, whatever lies between them (ITU-T T.81, annex B).

    Args:
        read: Gives so many bytes at most, as soon as there are any, and none at the end.

    Raises:
        InputError: There is none in 64 MiB.
    """
    held, passed, at = bytearray(), 0, 0
    while True:
        begin = held.find(_START)
        if begin < 0:
            passed += max(0, len(held) - 1)
            del held[:-1]  # the start may be half here
        else:
            del held[:begin]
            end, at = _end(held, max(at, len(_START)))
            if end is not None:
                yield bytes(held[:end])
                del held[:end]
                passed, at = 0, 0
                continue
        if len(held) + passed > _LARGEST_JPEG:
            raise InputError("no whole JPEG in 64 MiB of what was sent; send mjpg or raw pixels")
        more = read(_CHUNK)
        if not more:
            return
        held += more


def _end(held: bytearray, at: int) -> tuple[int | None, int]:
    """Where the JPEG at the start of `held` ends, None while it is not all there.

    Segments are stepped over by their length, since a thumbnail within one is a JPEG, too. Also
    returns where to go on once more is there: what was looked at is not looked at again.
    """
    while (marker := _MARKER.search(held, at)) is not None:
        at = marker.start()
        if held[at + 1] == _EOI:
            return at + 2, at
        if at + 4 > len(held):
            return None, at
        at += 2 + int.from_bytes(held[at + 2 : at + 4], "big")
    return None, max(at, len(held) - 1)
