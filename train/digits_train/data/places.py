"""Where the sources of data lie: the folder the caller names, or the environment does."""

from __future__ import annotations

import os
from pathlib import Path

from digits_runtime.errors import InputError


def data_folder(data_dir: Path | None) -> Path | None:
    """Return `data_dir`, else the folder that DIGITS_DATA names, else None."""
    if data_dir is not None:
        return data_dir
    named = os.environ.get("DIGITS_DATA")
    return Path(named) if named else None


def data_file(data_dir: Path | None, relative: str) -> Path:
    """Find one file of the data folder.

    Raises:
        InputError: No data folder is named, or it does not hold the file.
    """
    folder = data_folder(data_dir)
    if folder is None:
        raise InputError(
            f"{relative} is needed; name the folder that holds it with --data-dir or DIGITS_DATA"
        )
    path = folder / relative
    if not path.is_file():
        raise InputError(
            f"{path} is missing; put it there, "
            "or name another folder with --data-dir or DIGITS_DATA"
        )
    return path
