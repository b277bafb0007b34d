from __future__ import annotations

from pathlib import Path

import pytest

from digits_runtime import diagnosis
from digits_runtime.capture import v4l2
from digits_runtime.capture.v4l2 import Camera
from digits_runtime.diagnosis import Finding
from digits_runtime.errors import InputError

CAMERA = Camera("/dev/video0", "Cam", "/sys/1-1", "1209:5afe", "")


def _found(verdict: str) -> list[Finding]:
    return [finding for finding in diagnosis.examine() if finding.verdict == verdict]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Raspberry Pi whose firmware says what is written to the returned file."""
    (tmp_path / "model").write_text("Raspberry Pi 4 Model B Rev 1.4\0")
    monkeypatch.setattr(diagnosis, "_DEVICE_TREE", tmp_path)
    monkeypatch.setattr(diagnosis, "_THROTTLED", tmp_path / "throttled")
    return tmp_path / "throttled"


@pytest.mark.parametrize(
    ("flags", "verdict", "said"),
    [
        ("0", "ok", "Raspberry Pi 4"),
        ("50005", "problem", "too little voltage, throttling right now"),
        ("50000", "note", "too little voltage, throttling since it was started"),
        ("80008", "problem", "near too hot right now"),
        ("nonsense", "ok", "Raspberry Pi 4"),
    ],
)
def test_a_pi_without_enough_power_or_cooling_is_found(
    board: Path, flags: str, verdict: str, said: str
) -> None:
    board.write_text(flags + "\n")
    assert any(said in finding.what for finding in _found(verdict))


@pytest.mark.usefixtures("board")
def test_a_pi_without_its_camera_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis.shutil, "which", lambda name: None)
    assert any("apt install rpicam-apps" in finding.remedy for finding in _found("note"))


@pytest.mark.parametrize(
    ("error", "remedy"),
    [(PermissionError(13, "no"), "usermod"), (OSError(5, "input/output error"), "unplug")],
)
def test_a_camera_that_cannot_be_opened_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, error: OSError, remedy: str
) -> None:
    def captures(path: str) -> bool:
        raise error

    monkeypatch.setattr(v4l2, "cameras", lambda: [CAMERA])
    monkeypatch.setattr(v4l2, "captures", captures)
    (finding,) = [found for found in _found("problem") if CAMERA.path in found.what]
    assert remedy in finding.remedy


def test_a_camera_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "cameras", lambda: [CAMERA])
    monkeypatch.setattr(v4l2, "captures", lambda path: True)
    assert Finding("ok", "camera /dev/video0, Cam") in _found("ok")


def test_no_camera_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v4l2, "cameras", list)
    assert any("no camera" in finding.what for finding in _found("note"))


def test_a_gpu_that_is_not_used_is_a_note_with_the_swap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "_NVIDIA", tmp_path)
    assert any("pip uninstall -y onnxruntime &&" in finding.remedy for finding in _found("note"))


def test_missing_cuda_libraries_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = diagnosis._installed

    def gpu_build(names: tuple[str, ...]) -> dict[str, str]:
        return {"onnxruntime-gpu": "1.24"} if names == diagnosis._RUNTIMES else installed(names)

    def refuse(*arguments: object, provider: str = "auto") -> None:
        if provider == "cuda":
            raise InputError("asked for cuda, but onnxruntime runs on CPUExecutionProvider")

    monkeypatch.setattr(diagnosis, "_installed", gpu_build)
    monkeypatch.setattr("digits_runtime.session.Session", refuse)
    (finding,) = [found for found in _found("problem") if "GPU" in found.what]
    assert "onnxruntime-gpu[cuda,cudnn]" in finding.remedy


def test_a_32_bit_system_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis.sys, "maxsize", 2**31 - 1)
    assert any("64-bit system" in finding.remedy for finding in _found("problem"))


def test_an_opencv_without_ffmpeg_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.videoio_registry.hasBackend", lambda backend: False)
    assert any("without FFmpeg" in finding.what for finding in _found("problem"))
