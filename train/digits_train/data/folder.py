"""The user's own pictures: one sub-folder a class, named as the class is called."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import numpy as np

from digits_runtime.errors import InputError
from digits_runtime.fields import check_label
from digits_train.data import npz
from digits_train.data.glyphs import GlyphSet, Split
from digits_train.data.pictures import decode

_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
_FILE_BYTES = 50_000_000


def labels(path: Path) -> tuple[str, ...]:
    """Return the names of the sub-folders, which are the classes, sorted.

    Raises:
        InputError: The folder is missing, has no sub-folders, or one whose name is no label.
    """
    try:
        names = sorted(sub.name for sub in path.iterdir() if sub.is_dir() and not _hidden(sub))
    except OSError as error:
        raise InputError(
            f"{path} is no folder that can be read: {error.strerror}; name one of pictures"
        ) from error
    if not names:
        raise InputError(
            f"{path} has no sub-folders; put the pictures of each class into one named after it"
        )
    for name in names:
        try:
            check_label(name)
        except InputError as error:
            raise InputError(f"{path}: the folder's name is its label, and {error}") from None
    return tuple(names)


def load(path: Path, split: Split | Literal["all"]) -> GlyphSet:
    """Load one split of a folder of pictures.

    Within a class pictures go by the hash of their bytes, so a picture stays where it is when it
    is renamed, and copies of it count once. Of 10 and more a tenth each is for test and for
    validation; of 3 to 9 one is for validation and none for test; fewer are all for training.

    Args:
        path: Sub-folders of png, jpg, jpeg, bmp, webp or tif pictures, one glyph each, ink dark or
            bright. Hidden files and other kinds are passed over.
        split: Which one; `all` sets none aside.

    Returns:
        The glyphs, no side above 256 pixels: larger pictures are shrunk.

    Raises:
        InputError: There is no picture for a class or for the split, or one cannot be decoded, or
            is above 20 megapixels.
    """
    images, names = [], []
    content = hashlib.sha256()
    largest = ("", 0)
    for label in labels(path):
        pictures = _pictures(path / label)
        if len(pictures) > largest[1]:
            largest = label, len(pictures)
        content.update(f"{label}\0{len(pictures)}\0{''.join(pictures)}".encode())
        for file in _part(list(pictures.values()), split):
            images.append(decode(file.read_bytes(), str(file)))
            names.append(label)
    if not images:
        label, count = largest
        needed = 10 if split == "test" else 3
        raise InputError(
            f"{split} needs at least {needed} pictures of a class; {path / label} has {count}"
        )
    return GlyphSet(path.resolve().name, images, np.array(names), "auto", content.hexdigest())


def _pictures(folder: Path) -> dict[str, Path]:
    """Return the pictures of a class by the hash of their bytes, in the order of the hashes."""
    found = {}
    for file in sorted(folder.iterdir()):
        if not file.is_file() or _hidden(file) or file.suffix.lower() not in _ENDINGS:
            continue
        if file.stat().st_size > _FILE_BYTES:
            raise InputError(f"{file} is over 50 MB; crop or shrink it to its one glyph")
        found[npz.file_sha256(file)] = file
    if not found:
        kinds = ", ".join(sorted(ending[1:] for ending in _ENDINGS))
        raise InputError(f"{folder} holds no pictures ({kinds}); add some or remove the folder")
    return dict(sorted(found.items()))


def _part(pictures: list[Path], split: Split | Literal["all"]) -> list[Path]:
    if split == "all":
        return pictures
    test = len(pictures) // 10
    validation = test or int(len(pictures) >= 3)
    if split == "test":
        return pictures[:test]
    if split == "validation":
        return pictures[test : test + validation]
    return pictures[test + validation :]


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")
