"""Pictures from files and bytes, with bounds on what they may become in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError

_LARGEST_FILE = 256 << 20
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def load(path: Path) -> NDArray[np.uint8]:
    """Read a picture: uint8 BGR `[h, w, 3]`, upright as its EXIF says.

    Raises:
        InputError: It is missing, too large, or not a picture.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path} is larger than {_LARGEST_FILE >> 20} MiB; shrink it first")
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read the picture {path}: {reason}") from None
    return decode(content, str(path))


def decode(content: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture: uint8 BGR `[h, w, 3]`.

    Args:
        content: The encoded bytes.
        name: What to call it in an error.

    Raises:
        InputError: It is no picture, damaged, or of more than 100 million pixels.
    """
    picture = None
    if content:
        try:
            picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:
            picture = None
    if picture is None:
        raise InputError(
            f"{name} does not decode as a picture; give a whole JPEG, PNG, BMP, WebP or TIFF "
            "of at most 100 megapixels"
        )
    return np.asarray(picture, np.uint8)


def in_folders(paths: Sequence[Path]) -> list[Path]:
    """Replace folders by the pictures in them, by name; files stay as they are.

    Raises:
        InputError: A folder holds no picture.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        if not inside:
            raise InputError(
                f"{path} holds no picture ({', '.join(SUFFIXES)}); give another folder"
            )
        found.extend(inside)
    return found
