"""Files that are whole or not there: written to a temporary name, synced, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from digits_runtime.errors import InputError


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
