"""Exported models compute what was trained, and say what they are."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from typer.testing import CliRunner

from digits_export import calibration, convert, quantize
from digits_export.command import app
from digits_export.export import Order, _command
from digits_export.recipe import Recipe
from digits_runtime.contract import DIGITS, INPUT, InkSpec
from digits_runtime.errors import GateError
from digits_runtime.session import Session
from digits_train import checkpoint, data, inference, report, run

from .exporting import LENIENT, done, exported


@pytest.fixture
def glyphs(short_run: Path) -> np.ndarray:
    source = data.load("synth", "test", classes=DIGITS, data_dir=None, seed=0)
    return source.normalised(InkSpec())


def test_the_file_tells_the_runtime_all_it_must_know(short_run: Path) -> None:
    state = checkpoint.load(short_run).state
    for int8 in (False, True):
        contract = Session(exported(short_run, int8=int8)).contract
        assert contract.labels == DIGITS
        assert contract.rejects
        assert contract.ink == state.ink
        assert contract.data == state.data
        assert contract.parent == checkpoint.load(short_run).sha256
        assert contract.precision == ("int8" if int8 else "float")
        assert set(contract.accuracy) == ({"float", "int8"} if int8 else {"float"})
        assert bool(contract.recipe) == int8


def test_float_onnx_computes_what_torch_does(short_run: Path, glyphs: np.ndarray) -> None:
    network = checkpoint.load(short_run).network()
    expected = inference.predict(network, glyphs, torch.device("cpu"))
    session = Session(exported(short_run, int8=False), provider="cpu")
    np.testing.assert_allclose(session.logits(glyphs), expected, atol=1e-4)
    np.testing.assert_allclose(session.logits(glyphs[:1]), expected[:1], atol=1e-4)


def test_every_layer_of_the_int8_model_is_an_integer_kernel(short_run: Path) -> None:
    content = exported(short_run, int8=True)
    model = onnx.load_from_string(content)
    kinds = [node.op_type for node in model.graph.node]
    assert "BatchNormalization" not in kinds
    assert "Cast" not in kinds
    source = onnx.load_from_string(exported(short_run, int8=False))
    assert quantize.kernels(source, content) == (len(quantize.layers(source)), 0)


def test_weights_keep_to_seven_bits(short_run: Path) -> None:
    model = onnx.load_from_string(exported(short_run, int8=True))
    weights = [onnx.numpy_helper.to_array(i) for i in model.graph.initializer if i.dims]
    assert all(np.abs(w.astype(int)).max() <= 64 for w in weights if w.dtype == np.int8)


def test_equal_work_gives_equal_bytes(short_run: Path) -> None:
    for int8 in (False, True):
        digests = {hashlib.sha256(exported(short_run, int8=int8)).hexdigest() for _ in range(2)}
        assert len(digests) == 1


def test_nothing_of_this_machine_is_in_the_file(short_run: Path) -> None:
    for int8 in (False, True):
        content = exported(short_run, int8=int8)
        assert str(short_run).encode() not in content
        assert b"stack_trace" not in content
        assert b"digits_train" not in content


def test_the_command_writes_model_and_card(short_run: Path, tmp_path: Path) -> None:
    model = tmp_path / "digits.onnx"
    result = CliRunner().invoke(
        app,
        [str(short_run), "--recipe", "minmax:tensor:s7", "-o", str(model), "--allow-drop", "100"],
    )
    assert result.exit_code == 0, result.output
    card = model.with_suffix(".md").read_text()
    assert hashlib.sha256(model.read_bytes()).hexdigest() in card
    assert checkpoint.load(short_run).sha256 in card
    assert "procedural handwriting" in card


def test_cards_name_folders_without_their_places(short_run: Path, tmp_path: Path) -> None:
    loaded = checkpoint.load(short_run)
    settings = replace(
        loaded.state.settings, init="/home/me/runs/old", teachers=("/home/me/wide", "bundled")
    )
    state = replace(loaded.state, settings=settings)
    asked = _command(state)
    assert asked.endswith("--init old --teacher wide --teacher bundled")
    assert "--clean" not in asked
    clean = replace(settings, negatives=0.0, pictured=0.0)
    assert " --clean " in _command(replace(state, settings=clean))
    assert "/home" not in report.card(state, 1)


def test_calibration_glyphs_are_kept_and_used_again(short_run: Path, tmp_path: Path) -> None:
    order = Order("int8", Recipe(), LENIENT, reports=tmp_path / "reports")
    first = done(short_run, order).content
    kept = tmp_path / "reports" / calibration.NAME
    before = kept.stat().st_mtime_ns
    assert done(short_run, order).content == first == exported(short_run, int8=True)
    assert kept.stat().st_mtime_ns == before
    kept.write_bytes(b"damaged")
    assert done(short_run, order).content == first
    assert kept.read_bytes() != b"damaged"


def test_fp16_is_half_as_large_and_answers_alike(short_run: Path, glyphs: np.ndarray) -> None:
    half = done(short_run, Order("fp16")).content
    whole = exported(short_run, int8=False)
    assert len(half) < 0.6 * len(whole)
    session = Session(half, provider="cpu")
    assert session.contract.precision == "fp16"
    np.testing.assert_allclose(
        session.logits(glyphs), Session(whole, provider="cpu").logits(glyphs), atol=0.02
    )


def test_ort_format_answers_as_onnx_does(short_run: Path, glyphs: np.ndarray) -> None:
    for int8 in (False, True):
        content = exported(short_run, int8=int8)
        found = ort.InferenceSession(convert.to_ort(content)).run(None, {INPUT: glyphs})[0]
        expected = Session(content, provider="cpu").logits(glyphs)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def started(folder: Path, arch: str) -> Path:
    run.start(folder, run.Request(data=("synth",), arch=arch, epochs=1, device="cpu"))
    return folder


def test_a_network_without_convolutions_leaves_as_float_only(
    tmp_path: Path, few_glyphs: None
) -> None:
    folder = started(tmp_path / "run", "fasttext")
    assert exported(folder, int8=False)
    with pytest.raises(GateError, match="without --int8"):
        exported(folder, int8=True)


@pytest.mark.parametrize("arch", ["lenet5", "vgg11"])
def test_networks_to_compare_with_are_quantized_too(
    tmp_path: Path, few_glyphs: None, arch: str
) -> None:
    content = exported(started(tmp_path / "run", arch), int8=True)
    assert Session(content).contract.precision == "int8"
