"""What a picture's header says it will become, before anything is decoded.

OpenCV has a cap of its own, read when it is imported (`digits_runtime` sets it), but it knows
nothing of what decoding costs besides pixels: the coefficients of a progressive JPEG, the tiles
of a TIFF. Of the many formats that OpenCV reads only these five are let in.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

# Half of it was once a fine camera; a page of writing is read at 1.3 megapixels. A progressive JPEG
# takes 9 bytes a pixel to decode.
MOST_PIXELS = 50_000_000
# With alpha a picture is decoded twice and mixed.
_MOST_TRANSPARENT = 16_000_000
# Every scan of a progressive JPEG goes over the whole picture; cameras and editors write ten.
_MOST_SCANS = 100
# Of a JPEG, and of a PNG, whose encoders write one of every 8 kB.
_MOST_SEGMENTS = 50_000
# Of a TIFF: colours and alpha; a tile of so many pixels is no burden.
_MOST_SAMPLES = 4
_LARGE_TILE = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """Width and height in pixels, and whether some pixels may be transparent."""

    width: int
    height: int
    transparent: bool = False


class NoPictureError(Exception):
    """The bytes are no picture of a kind that is read, or one that would cost too much."""


def check(content: bytes) -> Header:
    """Read a picture's header and hold it to what may be decoded.

    Raises:
        NoPictureError: The message says what is wrong, as the end of a sentence.
    """
    reader = next((read for magic, read in _KINDS if content.startswith(magic)), None)
    if reader is None:
        raise NoPictureError("it is none of these")
    try:
        header = reader(content)
    except (struct.error, IndexError):
        raise NoPictureError("its header is cut short") from None
    if not (header.width > 0 and header.height > 0):
        raise NoPictureError("its header gives no size")
    most = _MOST_TRANSPARENT if header.transparent else MOST_PIXELS
    if header.width * header.height > most:
        raise NoPictureError(
            f"its header says {header.width} x {header.height}, over {most // 10**6} megapixels"
        )
    return header


def _png(content: bytes) -> Header:
    width, height = struct.unpack_from(">II", content, 16)
    header = Header(width, height, transparent=content[25] in (4, 6))
    at = 8
    for _ in range(_MOST_SEGMENTS):
        size, kind = struct.unpack_from(">I4s", content, at)
        # OpenCV makes room for a chunk before it looks how much of it there is.
        if at + 12 + size > len(content):
            break
        if kind == b"acTL":
            raise NoPictureError("it is an animated PNG")
        if kind == b"IEND":
            return header
        at += 12 + size
    raise NoPictureError("it is a PNG with a chunk cut short or without an end")


def _bmp(content: bytes) -> Header:
    (size,) = struct.unpack_from("<I", content, 14)
    # The oldest kind has 16-bit sizes; a negative height means rows from the top.
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", content, 18)
    return Header(abs(width), abs(height))


def _webp(content: bytes) -> Header:
    kind = content[8:16]
    if kind == b"WEBPVP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return Header(width & 0x3FFF, height & 0x3FFF)
    if kind == b"WEBPVP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"WEBPVP8X":
        sides = content[24:30]
        if len(sides) < 6:
            raise IndexError
        return Header(
            int.from_bytes(sides[:3], "little") + 1, int.from_bytes(sides[3:], "little") + 1
        )
    raise NoPictureError("it is a RIFF file but no WebP")


def _jpeg(content: bytes) -> Header:
    if content.count(b"\xff\xda") > _MOST_SCANS:
        raise NoPictureError(f"it is a JPEG of more than {_MOST_SCANS} scans")
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if content[at] != 0xFF:
            break
        marker = content[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        (size,) = struct.unpack_from(">H", content, at + 2)
        # The starts of frame; C4, C8 and CC are tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", content, at + 5)
            return Header(width, height)
        at += 2 + size
    raise NoPictureError("it is a JPEG without a frame")


def _tiff(content: bytes) -> Header:
    order = "<" if content[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, first)
    found: dict[int, int] = {}
    for entry in range(count):
        at = first + 2 + 12 * entry
        tag, kind, length = struct.unpack_from(f"{order}HHI", content, at)
        # Whole numbers of 1, 2 and 4 bytes, kept in the entry itself if there is but one.
        if length == 1 and kind in (1, 3, 4):
            (found[tag],) = struct.unpack_from(order + "?B?HI"[kind], content, at + 8)
    width, height, samples = found.get(256, 0), found.get(257, 0), found.get(277, 1)
    # A tile is unpacked whole, however small the picture.
    tile = found.get(322, 0) * found.get(323, 0)
    if samples > _MOST_SAMPLES or tile > max(width * height, _LARGE_TILE):
        raise NoPictureError("it is a TIFF whose tiles or samples no picture of its size needs")
    return Header(width, height, transparent=samples == _MOST_SAMPLES)


_KINDS: tuple[tuple[bytes, Callable[[bytes], Header]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"RIFF", _webp),
    (b"BM", _bmp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
