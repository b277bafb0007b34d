"""digits-doctor and digits-bench: what they find, and what they measure."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from digits_runtime import diagnosis, startup, timing
from digits_runtime.commands.bench import app as bench_app
from digits_runtime.commands.doctor import app as doctor_app
from digits_runtime.diagnosis import Finding
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT
from digits_runtime.startup import Startup

from .commanding import refused, run

# digits-doctor


def test_doctor_prints_its_findings() -> None:
    result = run(doctor_app)
    assert result.exit_code in (0, 1)
    for what in ("Python", "onnxruntime", "OpenCV", "bundled models"):
        assert re.search(rf"^(ok|note|problem) .*{what}", result.stdout, re.MULTILINE)
    assert (result.exit_code == 1) == ("problem" in result.stdout)


def test_doctor_ends_with_one_where_something_needs_mending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [Finding("ok", "fine"), Finding("problem", "broken", "mend it")]
    monkeypatch.setattr(diagnosis, "examine", lambda: iter(found))
    result = run(doctor_app)
    assert result.exit_code == 1
    assert result.stdout == "ok       fine\nproblem  broken\n         -> mend it\n"


def test_doctor_finds_packages_that_overwrite_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "version", lambda name: "1.0")
    problems = [finding for finding in diagnosis.examine() if finding.verdict == "problem"]
    remedies = [finding.remedy for finding in problems]
    assert any("pip uninstall -y onnxruntime onnxruntime-gpu" in remedy for remedy in remedies)
    assert any("pip install opencv-python-headless" in remedy for remedy in remedies)


@pytest.mark.parametrize("place", ["session.BUNDLED_FLOAT", "pairs.BUNDLED_PAIRS"])
def test_doctor_finds_a_damaged_bundled_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(BUNDLED.read_bytes()[:1000])
    monkeypatch.setattr(f"digits_runtime.{place}", damaged)
    result = run(doctor_app)
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
    result = run(bench_app, "--json", "--reference", BUNDLED_FLOAT)
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
    result = run(bench_app)
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
    assert reference in refused(bench_app, "--reference", reference)


def test_bench_refuses_a_missing_model_in_one_line() -> None:
    assert "missing.onnx" in refused(bench_app, "--model", "missing.onnx")
