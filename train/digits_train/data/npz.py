"""Labelled glyphs in one `.npz`: `images` uint8 [n, h, w], bright on dark, and `labels` [n].

Archives are read without trusting them: sizes are checked from the headers before anything is
unpacked, arrays against their own headers, and Python objects are never unpickled.
"""

from __future__ import annotations

import hashlib
import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from digits_runtime.contract import ALNUM
from digits_runtime.errors import InputError
from digits_train.data.glyphs import GlyphSet

_LIMIT = 1 << 30


def load(path: Path) -> GlyphSet:
    """Load a `.npz` of glyphs.

    Args:
        path: Holds `images`, uint8 `[n, h, w]`, bright on dark, and `labels`, `[n]`: strings, or
            whole numbers that count through 0-9 A-Z.

    Raises:
        InputError: The file is missing, damaged, larger than 1 GiB unpacked, empty, or its arrays
            are missing or of other shapes or kinds.
    """
    arrays = read(path, ("images", "labels"))
    images, labels = arrays["images"], arrays["labels"]
    if images.dtype != np.uint8 or images.ndim != 3 or 0 in images.shape[1:]:
        raise InputError(
            f"{path}: images must be uint8 [n, h, w], not {images.dtype} {list(images.shape)}"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "Uiu":
        raise InputError(
            f"{path}: labels must be [n] strings or whole numbers, "
            f"not {labels.dtype} {list(labels.shape)}"
        )
    if len(images) != len(labels):
        raise InputError(f"{path}: {len(images)} images but {len(labels)} labels; give one each")
    if not len(images):
        raise InputError(f"{path} holds no glyphs; give at least one")
    if labels.dtype.kind != "U":
        if labels.min() < 0 or labels.max() >= len(ALNUM):
            raise InputError(
                f"{path}: labels run from {labels.min()} to {labels.max()}; "
                f"as whole numbers they must lie in 0..{len(ALNUM) - 1} (0-9 A-Z)"
            )
        labels = np.array(ALNUM)[labels]
    return GlyphSet(str(path), list(images), labels, "bright", file_sha256(path))


def read(path: Path, names: Sequence[str], limit: int = _LIMIT) -> dict[str, NDArray[Any]]:
    """Read the named arrays of a `.npz`, never unpacking more than `limit` bytes in all.

    Raises:
        InputError: The file is missing, not an npz, damaged, too large, holds Python objects or
            lacks one of the arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            missing = [name for name in names if f"{name}.npy" not in members]
            if missing:
                raise InputError(
                    f"{path} has no array {missing[0]!r}; it must hold {', '.join(names)}"
                )
            wanted = {name: members[f"{name}.npy"] for name in names}
            size = sum(member.file_size for member in wanted.values())
            if size > limit:
                raise InputError(
                    f"{path} unpacks to {size:,} bytes, over the {limit:,} allowed; split it"
                )
            # ZipFile stops at the size the header states, so a header that lies gains nothing.
            packed = {name: archive.read(member) for name, member in wanted.items()}
    # RuntimeError: an encrypted member. NotImplementedError, its child: an unknown compression.
    # ValueError: a name that is no text.
    except (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read as an npz archive: {error}; replace it") from error
    return {name: _array(path, name, data) for name, data in packed.items()}


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _array(path: Path, name: str, data: bytes) -> NDArray[Any]:
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = header(stream)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError) as error:
        raise InputError(f"{path}: array {name!r} has a damaged header; replace it") from error
    if dtype.hasobject:
        raise InputError(
            f"{path}: array {name!r} holds Python objects, which could run code; save it as "
            "plain numbers or strings"
        )
    # NumPy would set aside whatever the header claims; the bytes must be there first.
    start = stream.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise InputError(
            f"{path}: array {name!r} states {dtype} {list(shape)} "
            f"but has {len(data) - start:,} bytes; replace it"
        )
    if not dtype.itemsize:
        return np.zeros(shape, dtype)
    flat = np.frombuffer(data, dtype, offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")
