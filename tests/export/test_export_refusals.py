"""What is not exported, said in one line; the older model stays."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from digits_export import convert, quantize, search
from digits_export.activations import Activations
from digits_export.command import app
from digits_export.recipe import Recipe
from digits_runtime.errors import GateError, InputError
from digits_train import checkpoint

from .exporting import exported


def test_a_model_that_loses_too_much_is_refused_and_the_older_file_stays(
    short_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"older")
    to_int8 = quantize.to_int8

    def ruined(source: onnx.ModelProto, held: Activations, how: Recipe) -> onnx.ModelProto:
        quantized = to_int8(source, held, how)
        for tensor in quantized.graph.initializer:
            weights = onnx.numpy_helper.to_array(tensor)
            if weights.dtype == np.int8 and weights.ndim == 4:
                tensor.CopyFrom(onnx.numpy_helper.from_array(weights[::-1].copy(), tensor.name))
        return quantized

    monkeypatch.setattr(quantize, "to_int8", ruined)
    result = CliRunner().invoke(
        app,
        [str(short_run), "--recipe", "mse:channel:s7", "-o", str(model), "--allow-drop", "0"],
    )
    assert result.exit_code == 1
    assert "lost" in result.stderr
    last = result.stderr.splitlines()[-1]
    assert "--allow-drop" in last
    assert " dB" in last
    assert "signal_to_noise_db" in (short_run / "export" / "recipe.json").read_text()
    assert model.read_bytes() == b"older"
    assert [path.name for path in tmp_path.glob("model*")] == ["model.onnx"]


def test_a_wrong_conversion_is_caught(short_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to_onnx = convert.to_onnx

    def wrong(network: torch.nn.Module, size: int) -> onnx.ModelProto:
        with torch.no_grad():
            network.inner.classifier.bias += 1  # type: ignore[operator, union-attr]
        return to_onnx(network, size)  # type: ignore[arg-type]

    monkeypatch.setattr(convert, "to_onnx", wrong)
    with pytest.raises(GateError, match="does not compute"):
        exported(short_run, int8=False)


def test_nothing_but_a_model_and_its_card_is_overwritten(short_run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("my notes")
    for name in ("notes.md", "notes.onnx", "missing/x.onnx", "."):
        result = CliRunner().invoke(app, [str(short_run), "-o", str(tmp_path / name)])
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1, result.stderr
    assert (tmp_path / "notes.md").read_text() == "my notes"


def test_a_folder_without_a_run_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(tmp_path), "--int8"])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_a_run_whose_data_has_gone_is_one_line(short_run: Path, tmp_path: Path) -> None:
    path = short_run / checkpoint.STATE
    document = json.loads(path.read_text())
    document["settings"]["data"] = ["unipen"]
    path.write_text(json.dumps(document))
    result = CliRunner().invoke(app, [str(short_run), "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "unipen" in result.stderr
    assert not (short_run / "model.onnx").exists()


def test_data_that_is_not_the_runs_is_refused(short_run: Path) -> None:
    path = short_run / checkpoint.STATE
    document = json.loads(path.read_text())
    document["data"]["synth"] = "0" * 64
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="not the data this run was trained on"):
        exported(short_run, int8=True)


def test_ctrl_c_in_the_search_leaves_the_older_model(
    short_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"older")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(search.Judge, "try_out", interrupted)
    result = CliRunner().invoke(app, [str(short_run), "--int8", "-o", str(model)])
    assert result.exit_code == 130
    assert model.read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["model.onnx"]
    assert not [path for path in (short_run / "export").iterdir() if path.name.startswith(".")]


def test_a_full_disk_is_one_line_and_the_older_model_stays(
    short_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"older")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = CliRunner().invoke(app, [str(short_run), "-o", str(model)])
    assert result.exit_code == 2
    assert "No space left" in result.stderr.splitlines()[-1]
    assert model.read_bytes() == b"older"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_checkpoint_of_another_schema_is_one_line(short_run: Path) -> None:
    path = short_run / checkpoint.STATE
    document = json.loads(path.read_text())
    document["schema"] = 99
    path.write_text(json.dumps(document))
    result = CliRunner().invoke(app, [str(short_run), "--int8"])
    assert result.exit_code == 2
    assert "schema" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (short_run / "export").exists()


def test_reports_that_cannot_be_written_are_told_before_work(
    short_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    for place in (tmp_path / "taken", tmp_path / "missing" / "reports"):
        result = CliRunner().invoke(
            app, [str(short_run), "-o", str(tmp_path / "x.onnx"), "--reports", str(place)]
        )
        assert result.exit_code == 2, result.output
        assert result.stderr.count("\n") == 1


def test_fp16_and_int8_are_not_to_be_had_together(short_run: Path) -> None:
    result = CliRunner().invoke(app, [str(short_run), "--int8", "--fp16"])
    assert result.exit_code == 2
