"""What a source's address means."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from digits_runtime import pictures
from digits_runtime.errors import InputError

Kind = Literal["device", "stream", "pi", "stdin", "pictures", "video"]

SCHEMES = ("http://", "https://", "rtsp://", "rtsps://")
GIVE = (
    "give a camera's number (0), /dev/videoN or its name (digits-cam --list shows them), a file, "
    "or an http or rtsp address"
)
_PI = "pi"


@dataclass(frozen=True, slots=True)
class Address:
    """A source as the user named it.

    Attributes:
        kind: `device`: a webcam by number, path or name; `pi`: a Raspberry Pi's ribbon camera.
        text: The address as given, or the number of a Pi's camera.
    """

    kind: Kind
    text: str

    @property
    def live(self) -> bool:
        """Whether its frames come by themselves, so that only the newest counts."""
        return self.kind in ("device", "stream", "pi")

    @property
    def shown(self) -> str:
        """The address without the password that it may hold."""
        if self.kind == "pi":
            return f"{_PI}:{self.text}"
        return without_password(self.text) if self.kind == "stream" else self.text


def parse(text: str) -> Address:
    """Tell the kinds of address apart.

    Raises:
        InputError: It is empty, or neither a file nor anything a camera may be called.
    """
    if not text:
        raise InputError("the source is empty: give a camera's number (0), a file or a URL")
    if text.lower().startswith(SCHEMES):
        return Address("stream", text)
    if text == "-":
        return Address("stdin", text)
    name, _, number = text.partition(":")
    if name == _PI and (number.isdecimal() or text == _PI):
        return Address("pi", number or "0")
    if text.isdecimal() or text.startswith("/dev/"):
        return Address("device", text)
    path = Path(text)
    try:
        if path.is_dir() or (path.is_file() and path.suffix.lower() in pictures.SUFFIXES):
            return Address("pictures", text)
        if path.exists():
            return Address("video", text)
    except (OSError, ValueError):
        pass  # too long for a file, or with a NUL in it: it may still be a camera's name
    if path.suffix or "/" in text or "\0" in text:
        raise InputError(f"there is no file {text}: {GIVE}")
    return Address("device", text)


def without_password(url: str) -> str:
    """The address with `***` for the user's password."""
    try:
        parts = urlsplit(url)
        if parts.password is None:
            return url
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{host}"))
    except ValueError:
        return url
