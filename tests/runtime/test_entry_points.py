"""What every command keeps to: its help, its exit codes, and what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer

from digits_export.command import app as export_app
from digits_export.keys import app as keys_app
from digits_runtime.commands.bench import app as bench_app
from digits_runtime.commands.cam import app as cam_app
from digits_runtime.commands.doctor import app as doctor_app
from digits_runtime.commands.read import app as read_app
from digits_runtime.commands.reporting import one_line_errors
from digits_runtime.errors import GateError
from digits_runtime.reader import Reader
from digits_train.command import app as train_app

from .commanding import CLIP, refused, run

APPS = {
    "digits-read": read_app,
    "digits-cam": cam_app,
    "digits-bench": bench_app,
    "digits-doctor": doctor_app,
    "digits-train": train_app,
    "digits-export": export_app,
    "digits-keys": keys_app,
}


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (
            "digits-read",
            ["IMAGE", "--json", "--output", "--jobs", "--ray", "--model", "-m", "--provider"],
        ),
        ("digits-cam", ["--source", "--frames", "--json", "--model", "--provider"]),
        ("digits-bench", ["--model", "--versus", "--reference", "--json"]),
        ("digits-doctor", ["--help"]),
        (
            "digits-train",
            ["--data", "--classes", "--output", "--resume", "--init", "--epochs", "--seed"],
        ),
        ("digits-export", ["--output", "-o", "--int8", "--recipe", "--allow-drop", "--data-dir"]),
    ],
)
def test_help_names_every_option(command: str, options: list[str]) -> None:
    result = run(APPS[command], "--help")
    assert result.exit_code == 0
    for option in options:
        assert option in result.stdout


def test_there_are_as_many_entry_points_as_commands() -> None:
    found = {entry.name for entry in entry_points(group="console_scripts")}
    assert {name for name in found if name.startswith("digits-")} == set(APPS)


@pytest.mark.parametrize(
    ("command", "extra", "arguments"),
    [
        ("digits-train", "train", ["--data", "synth", "--output", "run"]),
        ("digits-train", "train", ["evaluate", "bundled"]),
        ("digits-export", "export", ["run"]),
    ],
)
def test_a_command_whose_extra_is_missing_says_how_to_add_it(
    command: str, extra: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it fails
    line = refused(APPS[command], *arguments)
    assert f"{command} needs the package 'torch'" in line
    assert f"pip install 'digits-edge[{extra}]'" in line


@pytest.mark.parametrize("command", ["digits-read", "digits-cam"])
def test_an_interrupted_command_ends_with_130(
    command: str, pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Reader, "read", interrupt)
    source = [pages / "a.png"] if command == "digits-read" else ["--source", CLIP]
    result = run(APPS[command], *source)
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


def test_a_gate_that_refuses_ends_with_1(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GateError("not good enough")

    monkeypatch.setattr(Reader, "read", refuse)
    assert refused(read_app, pages / "a.png", code=1) == "error: not good enough"


# Real processes


def _python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _loaded(code: str, *arguments: str | Path) -> set[str]:
    """Heavy modules that are imported once the code has run."""
    watched = "{'cv2', 'numpy', 'onnxruntime', 'torch', 'onnx', 'digits_train', 'digits_export'}"
    ending = f"""
import atexit, sys
atexit.register(lambda: print('loaded:', *({watched} & set(sys.modules)), file=sys.stderr))
{code}
"""
    done = _python(ending, *arguments)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split()[1:])


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert _loaded("import digits_runtime") == set()


@pytest.mark.parametrize("command", ["read", "cam", "bench", "doctor"])
def test_help_imports_nothing_heavy(command: str) -> None:
    code = f"from digits_runtime.commands.{command} import main; main()"
    assert _loaded(code, "--help") == set()


def test_help_of_training_does_not_import_torch() -> None:
    loaded = _loaded("from digits_train.command import main; main()", "--help")
    assert not loaded & {"torch", "onnxruntime", "cv2"}


def test_reading_imports_neither_torch_nor_onnx(pages: Path) -> None:
    code = "from digits_runtime.commands.read import main; main()"
    assert _loaded(code, pages / "a.png") == {"cv2", "numpy", "onnxruntime"}


@pytest.mark.parametrize("command", sorted(APPS))
def test_the_installed_command_runs(command: str) -> None:
    script = Path(sys.executable).parent / command
    done = subprocess.run(
        [script, "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_a_reader_of_a_pipe_that_leaves_early_is_no_error(pages: Path) -> None:
    code = "from digits_runtime.commands.read import main; main()"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-c", code, "--json", *[str(pages)] * 3],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_ctrl_c_that_a_package_makes_an_error_of_is_still_one() -> None:
    @one_line_errors
    def loading() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as pressed:
            raise ImportError("initialization failed") from pressed

    with pytest.raises(typer.Exit) as ended:
        loading()
    assert ended.value.exit_code == 130
