from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from digits_export.command import app as export_app
from digits_export.keys import app as keys_app
from digits_runtime import diagnosis, startup, timing
from digits_runtime.commands.bench import app as bench_app
from digits_runtime.commands.cam import app as cam_app
from digits_runtime.commands.doctor import app as doctor_app
from digits_runtime.commands.read import app as read_app
from digits_runtime.diagnosis import Finding
from digits_runtime.errors import GateError
from digits_runtime.reader import Reader
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT
from digits_runtime.startup import Startup
from digits_train.command import app as train_app
from digits_train.scenes import compose

Image = NDArray[np.uint8]

CLIP = Path(__file__).parents[1] / "data" / "clip.mp4"
TRUTH: list[str] = json.loads(CLIP.with_suffix(".json").read_text())["frames"]

APPS = {
    "digits-read": read_app,
    "digits-cam": cam_app,
    "digits-bench": bench_app,
    "digits-doctor": doctor_app,
    "digits-train": train_app,
    "digits-export": export_app,
    "digits-keys": keys_app,
}


def _run(app: typer.Typer, *arguments: str | Path) -> Result:
    plain = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "TERMINAL_WIDTH": "200"}
    return CliRunner(env=plain).invoke(app, [str(argument) for argument in arguments])


def _refused(app: typer.Typer, *arguments: str | Path, code: int = 2) -> str:
    result = _run(app, *arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def _page(*lines: str) -> Image:
    return compose(list(lines), np.random.default_rng(3)).frame


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder of two pages, 52818 and 40719 over 3362."""
    folder = tmp_path / "pages"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), _page("52818"))
    cv2.imwrite(str(folder / "b.png"), _page("40719", "3362"))
    return folder


# digits-read


def test_read_prints_the_number_of_a_picture(pages: Path) -> None:
    result = _run(read_app, pages / "a.png")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "52818\n", "")


def test_read_names_each_of_several_pictures(pages: Path) -> None:
    result = _run(read_app, pages / "b.png", pages / "a.png")
    assert result.stdout == f"{pages}/b.png:\n40719\n3362\n{pages}/a.png:\n52818\n"


def test_read_takes_a_folder(pages: Path) -> None:
    result = _run(read_app, pages)
    assert result.stdout == f"{pages}/a.png:\n52818\n{pages}/b.png:\n40719\n3362\n"


def test_read_prints_one_json_object_a_picture(pages: Path) -> None:
    result = _run(read_app, "--json", pages)
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reading["text"] for reading in said] == ["52818", "40719\n3362"]
    assert [reading["source"] for reading in said] == [f"{pages}/a.png", f"{pages}/b.png"]
    assert len(said[1]["glyphs"]) == 9


def test_read_leaves_stdout_empty_where_there_is_no_number(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "page.png"), _page())
    result = _run(read_app, tmp_path / "page.png")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "(no number found)\n"


def test_read_takes_another_model(pages: Path) -> None:
    assert _run(read_app, pages / "a.png", "-m", BUNDLED_FLOAT).stdout == "52818\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.png"], "missing.png"),
        ([__file__], "does not decode"),
        ([str(Path(__file__).parent)], "holds no picture"),
        (["x.png", "--model", "missing.onnx"], "cannot read the model missing.onnx"),
        (["x.png", "--model", __file__], "no model"),
        (["x.png", "--model", str(Path(__file__).parent)], "is not a file"),
        (["x.png", "--provider", "cuda"], "pip install 'onnxruntime-gpu[cuda,cudnn]'"),
    ],
)
def test_read_refuses_in_one_line(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "digits_runtime.session.ort.get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    assert said in _refused(read_app, *arguments)


def test_read_needs_a_picture() -> None:
    result = _run(read_app)
    assert result.exit_code == 2
    assert "IMAGE" in result.stderr


def test_an_empty_name_is_not_taken_for_the_folder_one_is_in(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pages)
    assert _run(read_app, "").exit_code == 2


# digits-cam


def test_cam_prints_each_number_once_it_is_steady() -> None:
    result = _run(cam_app, "--source", CLIP, "--frames", "14")
    assert (result.exit_code, result.stdout) == (0, f"{TRUTH[0]}\n")


def test_cam_prints_one_json_object_a_frame() -> None:
    result = _run(cam_app, "--source", CLIP, "--json", "--frames", "5")
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reading["frame"] for reading in said] == [0, 1, 2, 3, 4]
    assert [reading["text"] for reading in said] == TRUTH[:5]
    assert {reading["source"] for reading in said} == {str(CLIP)}


def test_cam_reads_the_whole_clip_and_ends(clip: Callable[..., Path]) -> None:
    blank = np.full((480, 640, 3), 220, np.uint8)
    path = clip([_page("52818")] * 8 + [blank] * 12 + [_page("3362")] * 8)
    result = _run(cam_app, "--source", path)
    assert result.exit_code == 0
    assert result.stdout.split() == ["52818", "3362"]


def test_cam_takes_a_folder_of_pictures(pages: Path) -> None:
    assert _run(cam_app, "--source", pages).stdout == "52818\n40719\n3362\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "missing.mp4"], "there is no file missing.mp4"),
        (["--source", __file__], "does not open as a video"),
        (["--source", "/dev/video63"], "/dev/video63"),
        (["--model", "missing.onnx"], "cannot read the model"),
        (["--provider", "cuda"], "pip install 'onnxruntime-gpu[cuda,cudnn]'"),
    ],
)
def test_cam_refuses_in_one_line(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "digits_runtime.session.ort.get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    assert said in _refused(cam_app, *arguments)


@pytest.mark.parametrize("frames", ["0", "-1", "many"])
def test_cam_refuses_a_number_of_frames_that_is_none(frames: str) -> None:
    assert _run(cam_app, "--frames", frames).exit_code == 2


# digits-doctor


def test_doctor_prints_its_findings() -> None:
    result = _run(doctor_app)
    assert result.exit_code in (0, 1)
    for what in ("Python", "onnxruntime", "OpenCV", "bundled models"):
        assert re.search(rf"^(ok|note|problem) .*{what}", result.stdout, re.MULTILINE)
    assert (result.exit_code == 1) == ("problem" in result.stdout)


def test_doctor_ends_with_one_where_something_needs_mending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [Finding("ok", "fine"), Finding("problem", "broken", "mend it")]
    monkeypatch.setattr(diagnosis, "examine", lambda: iter(found))
    result = _run(doctor_app)
    assert result.exit_code == 1
    assert result.stdout == "ok       fine\nproblem  broken\n         -> mend it\n"


def test_doctor_finds_packages_that_overwrite_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "version", lambda name: "1.0")
    problems = [finding for finding in diagnosis.examine() if finding.verdict == "problem"]
    remedies = [finding.remedy for finding in problems]
    assert any("pip uninstall -y onnxruntime onnxruntime-gpu" in remedy for remedy in remedies)
    assert any("pip install opencv-python-headless" in remedy for remedy in remedies)


def test_doctor_finds_a_damaged_bundled_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    damaged = tmp_path / "digits-int8.onnx"
    damaged.write_bytes(BUNDLED.read_bytes()[:1000])
    monkeypatch.setattr("digits_runtime.session.BUNDLED", damaged)
    result = _run(doctor_app)
    assert result.exit_code == 1
    assert "--force-reinstall digits-edge" in result.stdout


# digits-bench


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_ROUNDS": 1, "_FRAMES": 2, "_BATCHES": (1, 2)}.items():
        monkeypatch.setattr(timing, name, value)
    monkeypatch.setattr(startup, "_STARTS", 1)


@pytest.mark.usefixtures("quick")
def test_bench_prints_one_json_object() -> None:
    result = _run(bench_app, "--json", "--reference", BUNDLED_FLOAT)
    assert result.exit_code == 0
    said: dict[str, Any] = json.loads(result.stdout)
    assert set(said) == {"glyph_us", "frame_ms", "start"}
    assert {BUNDLED.name, BUNDLED_FLOAT.name} <= set(said["glyph_us"])
    assert {"find", "classify", "total", "total_p95"} <= set(said["frame_ms"])
    assert set(said["start"]) == {"help_ms", "first_answer_ms", "resident_mb"}
    figures = [*said["frame_ms"].values(), *(figure for figure in said["start"].values() if figure)]
    figures += [figure for times in said["glyph_us"].values() for figure in times.values()]
    assert min(figures) > 0


@pytest.mark.usefixtures("quick")
def test_bench_prints_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "measure", lambda: Startup(1.0, 2.0, 3.0))
    result = _run(bench_app)
    assert result.exit_code == 0
    for said in (
        BUNDLED.name,
        BUNDLED_FLOAT.name,
        "1.00x",
        "p95",
        "cold start: --help 1 ms, first answer 2 ms, 3 MB resident",
    ):
        assert said in result.stdout


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("reference", ["missing.onnx", __file__])
def test_bench_refuses_a_reference_that_is_no_model_in_one_line(reference: str) -> None:
    assert reference in _refused(bench_app, "--reference", reference)


def test_bench_refuses_a_missing_model_in_one_line() -> None:
    assert "missing.onnx" in _refused(bench_app, "--model", "missing.onnx")


# Every command


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
    result = _run(APPS[command], "--help")
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
    line = _refused(APPS[command], *arguments)
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
    result = _run(APPS[command], *source)
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


def test_a_gate_that_refuses_ends_with_1(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GateError("not good enough")

    monkeypatch.setattr(Reader, "read", refuse)
    assert _refused(read_app, pages / "a.png", code=1) == "error: not good enough"


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
