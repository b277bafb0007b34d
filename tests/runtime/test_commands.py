"""digits-read and digits-cam: what they print, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from digits_runtime.commands.cam import app as cam_app
from digits_runtime.commands.read import app as read_app
from digits_runtime.session import BUNDLED_FLOAT

from .commanding import CLIP, refused, run
from .examples import a_page

TRUTH: list[str] = json.loads(CLIP.with_suffix(".json").read_text())["frames"]


# digits-read


def test_read_prints_the_number_of_a_picture(pages: Path) -> None:
    result = run(read_app, pages / "a.png")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "52818\n", "")


def test_read_names_each_of_several_pictures(pages: Path) -> None:
    result = run(read_app, pages / "b.png", pages / "a.png")
    assert result.stdout == f"{pages}/b.png:\n40719\n3362\n{pages}/a.png:\n52818\n"


def test_read_takes_a_folder(pages: Path) -> None:
    result = run(read_app, pages)
    assert result.stdout == f"{pages}/a.png:\n52818\n{pages}/b.png:\n40719\n3362\n"


def test_read_prints_one_json_object_a_picture(pages: Path) -> None:
    result = run(read_app, "--json", pages)
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reading["text"] for reading in said] == ["52818", "40719\n3362"]
    assert [reading["source"] for reading in said] == [f"{pages}/a.png", f"{pages}/b.png"]
    assert len(said[1]["glyphs"]) == 9


def test_read_leaves_stdout_empty_where_there_is_no_number(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "page.png"), a_page())
    result = run(read_app, tmp_path / "page.png")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "(no number found)\n"


def test_read_takes_another_model(pages: Path) -> None:
    assert run(read_app, pages / "a.png", "-m", BUNDLED_FLOAT).stdout == "52818\n"


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
    assert said in refused(read_app, *arguments)


def test_read_needs_a_picture() -> None:
    result = run(read_app)
    assert result.exit_code == 2
    assert "IMAGE" in result.stderr


def test_an_empty_name_is_not_taken_for_the_folder_one_is_in(
    pages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pages)
    assert run(read_app, "").exit_code == 2


# digits-cam


def test_cam_prints_each_number_once_it_is_steady() -> None:
    result = run(cam_app, "--source", CLIP, "--frames", "14")
    assert (result.exit_code, result.stdout) == (0, f"{TRUTH[0]}\n")


def test_cam_prints_one_json_object_a_frame() -> None:
    result = run(cam_app, "--source", CLIP, "--json", "--frames", "5")
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reading["frame"] for reading in said] == [0, 1, 2, 3, 4]
    assert [reading["text"] for reading in said] == TRUTH[:5]
    assert {reading["source"] for reading in said} == {str(CLIP)}


def test_cam_reads_the_whole_clip_and_ends(clip: Callable[..., Path]) -> None:
    blank = np.full((480, 640, 3), 220, np.uint8)
    path = clip([a_page("52818")] * 8 + [blank] * 12 + [a_page("3362")] * 8)
    result = run(cam_app, "--source", path)
    assert result.exit_code == 0
    assert result.stdout.split() == ["52818", "3362"]


def test_cam_takes_a_folder_of_pictures(pages: Path) -> None:
    assert run(cam_app, "--source", pages).stdout == "52818\n40719\n3362\n"


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
    assert said in refused(cam_app, *arguments)


@pytest.mark.parametrize("frames", ["0", "-1", "many"])
def test_cam_refuses_a_number_of_frames_that_is_none(frames: str) -> None:
    assert run(cam_app, "--frames", frames).exit_code == 2
