"""Sets that are only ever tested on: scanned postal digits and photographed characters."""

from __future__ import annotations

import dataclasses
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from digits_runtime.errors import InputError
from digits_train.data import npz
from digits_train.data.glyphs import GlyphSet
from digits_train.data.pictures import decode
from digits_train.data.places import data_file

_PICTURE = re.compile(r"PNG/(?:CAP|DIGIT)_([0-9A-Z])_[0-9]+\.png")
_PICTURES = 10_000
_PICTURE_BYTES = 1 << 20


def usps(data_dir: Path | None) -> GlyphSet:
    """Load `usps/usps_16x16.npz`: 16x16 digits, bright on dark.

    Raises:
        InputError: The file is missing or damaged.
    """
    return dataclasses.replace(npz.load(data_file(data_dir, "usps/usps_16x16.npz")), name="usps")


def photo_crops(data_dir: Path | None) -> GlyphSet:
    """Load `photo_crops_36.zip`: photographed characters 0-9 A-Z, dark on paper, 20 to 80 px.

    Raises:
        InputError: The file is missing or damaged, or a picture in it is.
    """
    path = data_file(data_dir, "photo_crops_36.zip")
    images, labels = [], []
    try:
        with zipfile.ZipFile(path) as archive:
            pictures = [
                (member, match[1])
                for member in sorted(archive.infolist(), key=lambda member: member.filename)
                if (match := _PICTURE.fullmatch(member.filename))
            ]
            if not 0 < len(pictures) <= _PICTURES:
                raise InputError(
                    f"{path} holds {len(pictures)} pictures named like PNG/CAP_A_0.png, "
                    f"not 1 to {_PICTURES:,}; replace it"
                )
            for member, label in pictures:
                if member.file_size > _PICTURE_BYTES:
                    raise InputError(f"{path}: {member.filename} is over 1 MiB; replace the file")
                images.append(decode(archive.read(member), f"{path}: {member.filename}"))
                labels.append(label)
    except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} cannot be read as a zip archive: {error}; replace it") from error
    return GlyphSet("photo_crops", images, np.array(labels), "dark", npz.file_sha256(path))
