"""MNIST: handwritten digits in IDX files, from the data folder or downloaded once to the cache."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train.data.download import fetch, gunzip
from digits_train.data.glyphs import GlyphSet, Split
from digits_train.data.places import data_file, data_folder

_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# Of the decompressed files: the compressed ones differ from mirror to mirror.
_SHA256 = {
    "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_TRAINING = 55_000
_LIMIT = 1 << 26
_UINT8 = 0x08


def load(split: Split, data_dir: Path | None) -> GlyphSet:
    """Load one split: the first 55,000 training digits, the last 5,000 of them, or the test file.

    Args:
        split: Which one; the division never changes.
        data_dir: Holds `mnist/*.gz`; None: what DIGITS_DATA names, else the cache, which is filled
            by downloading.

    Raises:
        InputError: A file is missing, damaged or not MNIST's, or cannot be downloaded.
    """
    stem = "t10k" if split == "test" else "train"
    images, images_sha256 = _checked(f"{stem}-images-idx3", data_dir)
    labels, labels_sha256 = _checked(f"{stem}-labels-idx1", data_dir)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise InputError(
            f"MNIST's {stem} files do not belong together: images {list(images.shape)}, "
            f"labels {list(labels.shape)}; replace both"
        )
    if split != "test":
        part = slice(_TRAINING) if split == "train" else slice(_TRAINING, None)
        images, labels = images[part], labels[part]
    return GlyphSet(
        "mnist" if split == "train" else f"mnist-{split}",
        list(images),
        labels.astype(np.str_),
        "bright",
        hashlib.sha256((images_sha256 + labels_sha256).encode()).hexdigest(),
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read a gzip-compressed IDX file of bytes.

    Args:
        path: At most 64 MiB decompressed.

    Returns:
        uint8, of the shape the file states.

    Raises:
        InputError: The file is missing, not gzip, not IDX, not of bytes, or its length is not what
            its dimensions say.
    """
    return _parse(gunzip(path, _LIMIT), path)


def _checked(name: str, data_dir: Path | None) -> tuple[NDArray[np.uint8], str]:
    path = _find(name, data_dir)
    data = gunzip(path, _LIMIT)
    found = hashlib.sha256(data).hexdigest()
    if found != _SHA256[name]:
        raise InputError(
            f"{path} is not MNIST's: its decompressed sha256 is {found[:12]}…, "
            f"not {_SHA256[name][:12]}…; delete it and put the original there"
        )
    return _parse(data, path), found


def _find(name: str, data_dir: Path | None) -> Path:
    if data_folder(data_dir) is not None:
        return data_file(data_dir, f"mnist/{name}-ubyte.gz")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    urls = [f"{mirror}{name}-ubyte.gz" for mirror in _MIRRORS]
    return fetch(urls, cache / "digits-edge" / "mnist" / f"{name}-ubyte.gz", _SHA256[name])


def _parse(data: bytes, path: Path) -> NDArray[np.uint8]:
    if len(data) < 4:
        raise InputError(f"{path} is cut short: {len(data)} bytes are no IDX header; replace it")
    if data[:2] != b"\0\0" or not 1 <= data[3] <= 3:
        raise InputError(f"{path} is not an IDX file: it starts {data[:4].hex(' ')}; replace it")
    if data[2] != _UINT8:
        raise InputError(f"{path} holds IDX type 0x{data[2]:02x}; only bytes (0x08) are read")
    start = 4 + 4 * data[3]
    if len(data) < start:
        raise InputError(f"{path} is cut short within its dimensions; replace it")
    shape = [int(size) for size in np.frombuffer(data, ">u4", count=data[3], offset=4)]
    # As exact integers: the product of stated dimensions may be past any machine's.
    stated, found = math.prod(shape), len(data) - start
    if 0 in shape:
        raise InputError(f"{path} is empty: its dimensions are {shape}; replace it")
    if stated != found:
        fault = "is cut short" if found < stated else "has trailing bytes"
        raise InputError(
            f"{path} {fault}: its dimensions {shape} need {stated:,} bytes, it has {found:,}; "
            "replace it"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
