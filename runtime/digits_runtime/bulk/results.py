"""Files that take readings and know whose they have, so that a run goes on where it stopped."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

from digits_runtime.errors import InputError
from digits_runtime.files import whole_file
from digits_runtime.reading import Reading

if TYPE_CHECKING:
    import pyarrow as pa

# A reading of ten thousand glyphs is a megabyte.
_LONGEST_LINE = 64 << 20
_START = b'{"schema": '
# Readings that a run which is killed may lose.
_PART = 4096
_PART_NAME = re.compile(r"part-(\d{6})\.parquet")


class Results(Protocol):
    """Somewhere readings are kept.

    Attributes:
        done: Sources that it has readings of.
    """

    done: set[str]

    def add(self, reading: Reading) -> None:
        """Keep a reading.

        Raises:
            InputError: It cannot be written.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def open_results(path: Path) -> Results:
    """Open results by the name's ending: `.jsonl` is a file, `.parquet` a folder of parts.

    Raises:
        InputError: It is neither, cannot be written, or there is something else already.
    """
    if path.suffix == ".jsonl":
        return JsonLines(path)
    if path.suffix == ".parquet":
        return Parquet(path)
    raise InputError(f"{path} ends neither in .jsonl nor in .parquet; give such a name")


class JsonLines:
    """A line a reading, appended; what a killed run left half-written is cut off.

    Args:
        path: The file.

    Raises:
        InputError: It cannot be written, or holds anything but readings.
    """

    def __init__(self, path: Path) -> None:
        self.done: set[str] = set()
        self._path = path
        try:
            self._file: BinaryIO = path.open("ab+")
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}; choose another") from None
        try:
            self._file.truncate(self._whole_lines())
        except BaseException:
            self._file.close()
            raise

    def add(self, reading: Reading) -> None:
        """Append a reading's line."""
        try:
            self._file.write(json.dumps(reading.to_dict()).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror}; make room") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _whole_lines(self) -> int:
        """Note the sources of all whole lines; how many bytes these lines have."""
        whole = 0
        self._file.seek(0)
        while line := self._file.readline(_LONGEST_LINE):
            if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
                if line[: len(_START)] == _START[: len(line)]:
                    break
                raise self._foreign()
            try:
                self.done.add(_source(json.loads(line)))
            except ValueError:
                raise self._foreign() from None
            whole += len(line)
        return whole

    def _foreign(self) -> InputError:
        return InputError(f"{self._path} is there and no output of digits-read; choose another")


def _source(reading: object) -> str:
    """The source of a reading, or ValueError."""
    if isinstance(reading, dict) and isinstance(source := reading.get("source"), str):
        return source
    raise ValueError


class Parquet:
    """A folder of Parquet files, as data frames and query engines read it as one table.

    Each part is whole or not there. Needs the package pyarrow.

    Args:
        path: The folder; its own folder must be there.

    Raises:
        InputError: It cannot be written, or holds anything but such parts.
    """

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet

        self.done: set[str] = set()
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._number = 0
        try:
            path.mkdir(exist_ok=True)
            names = sorted(name for name in os.listdir(path) if not name.startswith("."))
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}; choose another") from None
        for name in names:
            try:
                if (match := _PART_NAME.fullmatch(name)) is None:
                    raise ValueError
                part = pyarrow.parquet.read_table(path / name, columns=["source"])
                self.done.update(part["source"].to_pylist())
            except (ValueError, TypeError, KeyError, OSError):  # pyarrow's own are among these
                raise InputError(
                    f"{path / name} is there and no output of digits-read; choose another folder"
                ) from None
            self._number = int(match[1]) + 1

    def add(self, reading: Reading) -> None:
        """Keep a reading until there are enough for a part."""
        self._rows.append(reading.to_dict())
        if len(self._rows) == _PART:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._rows:
            self._write()

    def _write(self) -> None:
        import pyarrow
        import pyarrow.parquet

        for row in self._rows:
            row["durations_ms"] = list(row["durations_ms"].items())
        table = pyarrow.Table.from_pylist(self._rows, schema=schema())
        with whole_file(self._path / f"part-{self._number:06}.parquet") as temporary:
            pyarrow.parquet.write_table(table, temporary)
        self._number += 1
        self._rows = []


def schema() -> pa.Schema:
    """The columns: those of the JSON lines."""
    import pyarrow as pa

    glyph = {
        "label": pa.string(),
        "probability": pa.float64(),
        "box": pa.list_(pa.int32(), 4),
        "line": pa.int32(),
    }
    return pa.schema(
        {
            "schema": pa.int32(),
            "source": pa.string(),
            "frame": pa.int64(),
            "time": pa.float64(),
            "age": pa.float64(),
            "text": pa.string(),
            "glyphs": pa.list_(pa.struct(glyph.items())),
            "confidences": pa.list_(pa.float64()),
            "grid": pa.list_(pa.list_(pa.string())),
            "durations_ms": pa.map_(pa.string(), pa.float64()),
        }
    )
