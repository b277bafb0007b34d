from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from digits_runtime import choice, timing
from digits_runtime.choice import Choice
from digits_runtime.commands.bench import app
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, NAMED


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(timing, "_ROUNDS", 1)
    return tmp_path


def _measured(monkeypatch: pytest.MonkeyPatch, found: Choice) -> None:
    monkeypatch.setattr(choice, "_measure", lambda name: found)
    choice.choose()


def test_int8_is_opened_where_nothing_was_measured() -> None:
    assert choice.preferred(None) == BUNDLED
    assert choice.preferred(Path("alnum")) == NAMED["alnum"]


def test_what_was_faster_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    _measured(monkeypatch, Choice(int8_us=50, float_us=40))
    assert choice.preferred(None) == BUNDLED_FLOAT
    assert choice.preferred(Path("alnum")).name == "alnum-float.onnx"
    _measured(monkeypatch, Choice(int8_us=40, float_us=50))
    assert choice.preferred(None) == BUNDLED


def test_a_float_file_must_be_worth_its_size() -> None:
    assert Choice(int8_us=50, float_us=49).kind == "int8"
    assert Choice(int8_us=50, float_us=45).kind == "float"


def test_what_another_machine_measured_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    _measured(monkeypatch, Choice(int8_us=50, float_us=40))
    monkeypatch.setattr(choice.platform, "machine", lambda: "aarch64")
    assert choice.preferred(None) == BUNDLED


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"machine": 1, "kinds": 2}'])
def test_a_damaged_cache_is_none(home: Path, content: bytes) -> None:
    choice.cache().parent.mkdir(parents=True)
    choice.cache().write_bytes(content)
    assert choice.preferred(None) == BUNDLED


def test_a_file_of_ones_own_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    _measured(monkeypatch, Choice(int8_us=50, float_us=40))
    assert choice.preferred(Path("own.onnx")) == Path("own.onnx")


def test_bench_chooses_by_measuring(home: Path) -> None:
    result = CliRunner().invoke(app, ["--choose", "--json"])
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert set(said) == set(NAMED)
    kept = json.loads((home / "digits-edge" / "choice.json").read_text())
    assert kept["kinds"] == {name: one["kind"] for name, one in said.items()}
    assert min(one["int8_us"] for one in said.values()) > 0
