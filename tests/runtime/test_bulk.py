from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from digits_runtime.bulk import readers, results
from digits_runtime.commands.read import app
from digits_runtime.errors import DigitsError, InputError
from digits_runtime.reader import Reader
from digits_runtime.reading import Glyph, Reading
from digits_train.scenes import compose


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _without_times(lines: str) -> list[dict[str, Any]]:
    readings = [json.loads(line) for line in lines.splitlines()]
    for reading in readings:
        assert reading.pop("durations_ms")
    return readings


def _reading(source: str) -> Reading:
    line = (Glyph("4", 0.99, (3, 4, 10, 20)), Glyph("?", 0.4, (15, 4, 9, 21)))
    return Reading((line,), source=source, durations={"decode": 1.5, "find": 2.25})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty small pages, 100 to 139."""
    folder = tmp_path_factory.mktemp("pages")
    for number in range(100, 140):
        scene = compose([str(number)], np.random.default_rng(number), size=(120, 200))
        cv2.imwrite(str(folder / f"{number}.png"), scene.frame)
    return folder


@pytest.fixture(scope="module")
def read_plainly(folder: Path) -> list[dict[str, Any]]:
    return _without_times(_run(folder, "--json").stdout)


# Several processes


def test_processes_print_what_one_prints_in_the_same_order(
    folder: Path, read_plainly: list[dict[str, Any]]
) -> None:
    assert _without_times(_run(folder, "--json", "--jobs", "2").stdout) == read_plainly
    assert len(read_plainly) == 40


def test_a_picture_that_cannot_be_read_does_not_stop_the_processes(
    folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    result = _run(broken, folder, "--jobs", "2", "--output", tmp_path / "all.jsonl")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0].startswith(f"error: {broken} does not decode")
    assert result.stderr.splitlines()[1:] == ["40 pictures read, 1 failed"]


def _die() -> Reader:
    os._exit(1)


def test_a_process_that_dies_is_an_error_and_no_wait_for_ever(folder: Path) -> None:
    with pytest.raises(DigitsError, match="a reading process died"):
        list(readers.in_processes(_die, [folder / "100.png"], 2))


def test_no_pictures_give_nothing() -> None:
    assert list(readers.in_processes(partial(Reader), [], 2)) == []


def _start(folder: Path, output: Path) -> subprocess.Popen[bytes]:
    """Read the folder many times over, from a session of its own so that signals stay within."""
    code = "from digits_runtime.commands.read import main; main()"
    command = [sys.executable, "-c", code, "--jobs", "2", "--output", str(output)]
    pictures = [str(folder)] * 50
    return subprocess.Popen([*command, *pictures], stderr=subprocess.PIPE, start_new_session=True)


def _wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _session(leader: int) -> list[int]:
    """Processes alive in a session."""
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            alive.append(int(stat.parent.name))
    return alive


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left running")
def test_ctrl_c_ends_all_processes_in_one_line(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    process = _start(folder, output)
    _wait_for(lambda: output.exists() and output.stat().st_size > 0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"interrupted\n")
    _wait_for(lambda: _session(process.pid) == [])
    assert all(json.loads(line) for line in output.read_bytes().splitlines())


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is left running")
def test_processes_end_with_a_parent_that_was_killed(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    process = _start(folder, output)
    _wait_for(lambda: output.exists() and output.stat().st_size > 0)
    process.kill()
    process.communicate(timeout=60)
    _wait_for(lambda: _session(process.pid) == [])


# Files that take the readings


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_second_run_reads_only_what_is_new(folder: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"out.{ending}"
    first = sorted(folder.iterdir())[:25]
    assert _run(*first, "--output", output).stderr == "25 pictures read, 0 failed\n"
    result = _run(folder, "--output", output)
    assert result.stderr.splitlines() == [
        f"25 pictures are in {output} already",
        "15 pictures read, 0 failed",
    ]
    assert (result.exit_code, result.stdout) == (0, "")


def test_json_lines_are_those_that_are_printed(
    folder: Path, tmp_path: Path, read_plainly: list[dict[str, Any]]
) -> None:
    _run(folder, "--output", tmp_path / "out.jsonl")
    assert _without_times((tmp_path / "out.jsonl").read_text()) == read_plainly


@given(cut=st.integers(0, 10**4))
def test_whatever_a_killed_run_left_the_next_one_completes(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "out.jsonl"
    sources = [f"{number}.png" for number in range(5)]
    with results.open_results(path) as whole:
        for source in sources:
            whole.add(_reading(source))
    content = path.read_bytes()
    path.write_bytes(content[: cut % (len(content) + 1)])
    with results.open_results(path) as again:
        for source in sources:
            if source not in again.done:
                again.add(_reading(source))
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        b"a letter to a friend",
        b"a letter\nto a friend\n",
        b'{"a": 1}\n',
        b"[1]\n",
        b'{"schema": 1, "source": 3}\n',
        b"\x89PNG\r\n\x1a\n",
        b'{"schema": 1}\n\xff\n',
    ],
)
def test_another_file_is_not_written_to(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="no output of digits-read"):
        results.open_results(path)
    assert path.read_bytes() == content


def test_a_line_without_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_LONGEST_LINE", 100)
    path = tmp_path / "long.jsonl"
    path.write_bytes(b'{"schema": 1, "source": "' + b"a" * 1000)
    with pytest.raises(InputError, match="no output of digits-read"):
        results.open_results(path)


def test_a_parquet_row_is_a_line_of_json(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    glyph = Glyph("7", 0.9, (1, 2, 3, 4))
    live = Reading((), source="b.png", frame=3, time=1.5, age=0.25, durations={"decode": 1.0})
    sudoku = Reading(((glyph,),), grid=(((glyph,), ()), ((), ())), source="c.png")
    kept = [_reading("a.png"), live, sudoku]
    with results.open_results(path) as output:
        for reading in kept:
            output.add(reading)
    rows = pyarrow.parquet.read_table(path).to_pylist()
    for row in rows:
        row["durations_ms"] = dict(row["durations_ms"])
    assert rows == [reading.to_dict() for reading in kept]


def test_parquet_parts_are_numbered_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_PART", 2)
    path = tmp_path / "out.parquet"
    for run in range(2):
        with results.open_results(path) as output:
            for number in range(3):
                output.add(_reading(f"{run}-{number}.png"))
    assert sorted(part.name for part in path.iterdir()) == [
        f"part-{number:06}.parquet" for number in range(4)
    ]
    with results.open_results(path) as output:
        assert output.done == {f"{run}-{number}.png" for run in range(2) for number in range(3)}


@pytest.mark.parametrize("name", ["letter.txt", "part-000000.parquet", "part-1.parquet"])
def test_another_folder_is_not_written_to(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.parquet"
    path.mkdir()
    (path / name).write_bytes(b"PAR1 but no table")
    with pytest.raises(InputError, match="no output of digits-read"):
        results.open_results(path)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("out.csv", "ends neither in .jsonl nor in .parquet"),
        ("missing/out.jsonl", "cannot write"),
        ("missing/out.parquet", "cannot write"),
        ("folder.jsonl", "cannot write"),
        ("file.parquet", "cannot write"),
    ],
)
def test_an_output_that_cannot_be_is_refused_in_one_line(
    folder: Path, tmp_path: Path, output: str, said: str
) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "file.parquet").write_bytes(b"")
    result = _run(folder, "--output", tmp_path / output)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [("ray.data", "ray", ["--ray"]), ("pyarrow.parquet", "parquet", ["-o", "out.parquet"])],
)
def test_a_missing_extra_is_named(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    extra: str,
    arguments: list[str],
) -> None:
    monkeypatch.setitem(sys.modules, package.split(".")[0], None)
    monkeypatch.setitem(sys.modules, package, None)
    result = _run(folder, *arguments)
    assert result.exit_code == 2
    assert f"pip install 'digits-edge[{extra}]'" in result.stderr
