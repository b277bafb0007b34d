"""Linux only: which webcams there are, what they can do, and how one is told from another."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SYSFS = Path("/sys/class/video4linux")
_DEV = Path("/dev")

# From linux/videodev2.h: the request, and the layout of what it reads and writes.
_QUERYCAP, _CAPABILITY = 0x80685600, struct.Struct("=16s32s32sIII12x")
_ENUM_FMT, _FORMAT = 0xC0405602, struct.Struct("=III32s4sI12x")
_ENUM_FRAMESIZES, _SIZE = 0xC02C564A, struct.Struct("=I4sI6I8x")
_ENUM_FRAMEINTERVALS, _INTERVAL = 0xC034564B, struct.Struct("=I4sIII6I8x")
_VIDEO_CAPTURE, _DEVICE_CAPS, _CAPTURE_TYPE, _DISCRETE = 1, 0x80000000, 1, 1
# A driver that never says "no more" must not keep us.
_MOST = 256


@dataclass(frozen=True, slots=True)
class Camera:
    """A webcam as the kernel shows it.

    Attributes:
        path: Its device, `/dev/videoN`.
        name: As its maker calls it.
        place: The port it is plugged into, as a path below `/sys/devices`.
        kind: USB vendor and product; the name for what is not on USB.
        serial: Empty where the maker gave none.
    """

    path: str
    name: str
    place: str
    kind: str
    serial: str


@dataclass(frozen=True, slots=True)
class Mode:
    """Pictures that a webcam can give: four characters of format, pixels, and frames a second."""

    pixel_format: str
    width: int
    height: int
    rate: float

    def __str__(self) -> str:
        return f"{self.pixel_format} {self.width}x{self.height} at {self.rate:g}"


def cameras() -> list[Camera]:
    """The webcams that give pictures, by number; what only gives metadata is left out."""
    if not _SYSFS.is_dir():
        return []
    entries = sorted(_SYSFS.glob("video*"), key=lambda entry: (len(entry.name), entry.name))
    return [camera for entry in entries if (camera := _camera(entry)) is not None]


def same(camera: Camera, now: list[Camera], others: frozenset[str]) -> Camera | None:
    """Find a camera among those that are plugged in now.

    Args:
        camera: As it was.
        now: What `cameras` gives.
        others: Places of cameras that were there beside it.

    Returns:
        The one with its serial number; else one of its kind at its place; else one of its kind at a
        place where none was.
    """
    alike = [found for found in now if found.kind == camera.kind and found.name == camera.name]
    if camera.serial:
        alike = [found for found in alike if found.serial == camera.serial]
    here = [found for found in alike if found.place == camera.place]
    moved = [found for found in alike if found.place not in others]
    return next(iter([*here, *moved]), None)


def modes(path: str) -> list[Mode]:
    """What a webcam can give, as its driver says; the fastest rate of each size.

    Raises:
        OSError: It cannot be opened.
    """
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        return list(_modes(device))
    finally:
        os.close(device)


def captures(path: str) -> bool:
    """Whether a device gives pictures.

    Raises:
        OSError: It cannot be opened.
    """
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        *_, capabilities, own = _CAPABILITY.unpack(_ask(device, _QUERYCAP, bytes(_CAPABILITY.size)))
        return bool((own if capabilities & _DEVICE_CAPS else capabilities) & _VIDEO_CAPTURE)
    finally:
        os.close(device)


def best_format(found: list[Mode], size: tuple[int, int], rate: float) -> str | None:
    """The format to ask for: uncompressed where it is fast enough, since it costs no decoding."""
    fitting = [mode for mode in found if (mode.width, mode.height) == size]
    plain = [m for m in fitting if m.pixel_format != "MJPG" and m.rate >= rate * 0.95]
    packed = [m for m in fitting if m.pixel_format == "MJPG"]
    return next((mode.pixel_format for mode in [*plain, *packed]), None)


def _camera(entry: Path) -> Camera | None:
    # A webcam has further devices for metadata, with a higher index.
    if _text(entry / "index") not in ("", "0"):
        return None
    path = str(_DEV / entry.name)
    place = (entry / "device").resolve() if (entry / "device").exists() else entry.resolve()
    usb = next((up for up in (place, *place.parents) if (up / "idVendor").is_file()), None)
    name = _text(entry / "name")
    if usb is None:
        return Camera(path, name, str(place), name, "")
    kind = f"{_text(usb / 'idVendor')}:{_text(usb / 'idProduct')}"
    return Camera(path, name, str(place), kind, _text(usb / "serial"))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _modes(device: int) -> Iterator[Mode]:
    for index in range(_MOST):
        asked = _FORMAT.pack(index, _CAPTURE_TYPE, 0, b"", b"", 0)
        if (answer := _next(device, _ENUM_FMT, asked)) is None:
            return
        *_, code, _ = _FORMAT.unpack(answer)
        for width, height in _sizes(device, code):
            name = code.decode("ascii", "replace").strip()
            yield Mode(name, width, height, _fastest(device, code, width, height))


def _sizes(device: int, code: bytes) -> Iterator[tuple[int, int]]:
    for index in range(_MOST):
        asked = _SIZE.pack(index, code, 0, *[0] * 6)
        if (answer := _next(device, _ENUM_FRAMESIZES, asked)) is None:
            return
        _, _, kind, a, b, _, _, d, _ = _SIZE.unpack(answer)
        if kind != _DISCRETE:
            yield b, d  # any size up to this
            return
        yield a, b


def _fastest(device: int, code: bytes, width: int, height: int) -> float:
    fastest = 0.0
    for index in range(_MOST):
        asked = _INTERVAL.pack(index, code, width, height, 0, *[0] * 6)
        if (answer := _next(device, _ENUM_FRAMEINTERVALS, asked)) is None:
            break
        *_, kind, numerator, denominator, _, _, _, _ = _INTERVAL.unpack(answer)
        if numerator:
            fastest = max(fastest, denominator / numerator)
        if kind != _DISCRETE:
            break  # its shortest interval comes first
    return round(fastest, 2)


def _next(device: int, request: int, asked: bytes) -> bytes | None:
    """One answer of an enumeration, or None at its end."""
    try:
        return _ask(device, request, asked)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
            return None
        raise


def _ask(device: int, request: int, asked: bytes) -> bytes:
    return fcntl.ioctl(device, request, asked)
