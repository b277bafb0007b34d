"""Files that are whole or not there: written to a temporary name, synced, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digits_runtime.errors import InputError


def read_bounded(path: Path, limit: int, kind: str) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Args:
        path: The file.
        limit: In bytes.
        kind: What it should be, for errors.

    Raises:
        InputError: It is missing, no regular file (a pipe or device may never end), or larger.
    """
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a file; give a {kind}")
        if path.stat().st_size > limit:
            size = f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"
            raise InputError(f"{path} is larger than {size}; give a smaller {kind}")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read the {kind} {path}: {reason}; check the path") from None


def check_target(path: Path) -> None:
    """Make sure, before long work, that a file can be put at `path`.

    Raises:
        InputError: It is a folder, or its folder is missing or cannot be written to.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give the name of a file in it")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"{path.parent} is no folder that can be written to; choose another")


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` at `path`; until it is all on disk, what was there before stays.

    Raises:
        InputError: The folder does not exist, is read-only or full.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Hand out a temporary path beside `path` that takes its place once the block succeeds.

    Raises:
        InputError: The folder does not exist, is read-only or full.
    """
    temporary = None
    try:
        # The suffix stays last, since writers such as OpenCV choose the format by it.
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
        )
        temporary = Path(name)
        os.close(handle)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; choose another --output or make room"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
