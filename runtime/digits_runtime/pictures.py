"""Pictures from files and bytes, with bounds on what they may become in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import picture_header
from digits_runtime.errors import InputError
from digits_runtime.files import read_bounded
from digits_runtime.picture_header import MOST_PIXELS, NoPictureError

_LARGEST_FILE = 256 << 20
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def load(path: Path, *, oriented: bool = True) -> NDArray[np.uint8]:
    """Read a picture: uint8 BGR `[h, w, 3]`.

    Args:
        path: Of the file.
        oriented: Turn it upright as its EXIF says, rather than leave it as its pixels lie.

    Raises:
        InputError: It is missing, too large, or not a picture.
    """
    return decode(read_bounded(path, _LARGEST_FILE, "picture"), str(path), oriented=oriented)


def decode(content: bytes, name: str, *, oriented: bool = True) -> NDArray[np.uint8]:
    """Decode a picture: uint8 BGR `[h, w, 3]`.

    Args:
        content: The encoded bytes.
        name: What to call it in an error.
        oriented: Turn it upright as its EXIF says, rather than leave it as its pixels lie.

    Raises:
        InputError: It is no picture, damaged, or of more than 50 million pixels.
    """
    try:
        transparent = picture_header.check(content).transparent
        encoded = np.frombuffer(content, np.uint8)
        as_stored = 0 if oriented else cv2.IMREAD_IGNORE_ORIENTATION
        picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR | as_stored)
        if picture is None:
            raise NoPictureError("it is damaged")
        if transparent:
            layers = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
            _put_on_white(np.asarray(picture), np.asarray(layers))
    except (NoPictureError, cv2.error) as error:
        fault = error if isinstance(error, NoPictureError) else "it is damaged"
        raise InputError(
            f"{name} does not decode as a picture ({fault}); give a whole JPEG, PNG, BMP, WebP or "
            f"TIFF of at most {MOST_PIXELS // 10**6} megapixels"
        ) from None
    return np.asarray(picture, np.uint8)


def _put_on_white(picture: NDArray[np.uint8], layers: NDArray[np.integer]) -> None:
    """Put a picture on white paper where it is transparent: ink exported from a tablet, say."""
    if layers.ndim != 3 or layers.shape[2] != 4 or layers.shape[:2] != picture.shape[:2]:
        return
    opaque = np.iinfo(layers.dtype).max
    # A row at a time: as floats the whole would be many times the picture.
    for row, alphas in zip(picture, layers[:, :, 3:], strict=True):
        alpha = alphas.astype(np.float32) / opaque
        row[:] = row * alpha + 255 * (1 - alpha)


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
