from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from digits_export.export import Order, export
from digits_export.gate import Limits
from digits_export.recipe import Recipe
from digits_runtime.errors import InputError
from digits_train import checkpoint, rounding, run
from digits_train.command import app
from digits_train.qat import qat


def test_a_rounded_network_has_the_same_weights_and_nearly_the_same_answers(
    short_run: Path,
) -> None:
    plain, rounded = (checkpoint.load(short_run).network() for _ in range(2))
    rounding.simulate(rounded)
    assert list(plain.state_dict()) == list(rounded.state_dict())
    glyphs = torch.rand(32, 1, 28, 28)
    with torch.no_grad():
        expected, got = plain(glyphs), rounded(glyphs)
    assert 0 < (expected - got).abs().max() < 0.1 * expected.abs().max()


def test_weights_and_activations_lie_on_the_steps_of_int8() -> None:
    weights = torch.randn(8, 4, 3, 3, requires_grad=True)
    rounded = rounding._weights(weights)
    steps = rounded / (weights.abs().amax((1, 2, 3)) / 64)[:, None, None, None]
    assert (steps - steps.round()).abs().max() < 1e-3
    assert steps.abs().max() <= 64.001
    rounded.sum().backward()  # type: ignore[no-untyped-call]
    assert (weights.grad == 1).all()
    given = torch.rand(2, 3, 5, 5) * 7 - 2
    assert len(rounding._activations(given).unique()) <= 256
    assert (rounding._activations(given) - given).abs().max() <= 7.1 / 255


def test_a_tuned_run_exports_by_the_same_road(short_run: Path, tmp_path: Path) -> None:
    target = tmp_path / "tuned"
    done = CliRunner().invoke(
        app, ["qat", str(short_run), "--output", str(target), "--epochs", "1", "--device", "cpu"]
    )
    assert done.exit_code == 0, done.output
    assert "digits-export" in done.output
    loaded = checkpoint.load(target)
    assert loaded.state.settings.rounded
    assert loaded.state.parent == checkpoint.load(short_run).sha256
    order = Order("int8", Recipe(), Limits(100, slower=True))
    assert export(target, order, say=lambda _: None).contract.parent == loaded.sha256


def test_a_resumed_run_goes_on_rounding(
    short_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    qat(short_run, whole, epochs=2, device="cpu", data_dir=None)
    save, saved = checkpoint.save, []

    def stop_after_one(*arguments: object) -> None:
        save(*arguments)  # type: ignore[arg-type]
        saved.append(1)
        if len(saved) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", stop_after_one)
        with pytest.raises(KeyboardInterrupt):
            qat(short_run, halved, epochs=2, device="cpu", data_dir=None)
    run.resume(halved, device="cpu", data_dir=None)
    first, second = (checkpoint.load(folder).tensors for folder in (whole, halved))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_folder_that_holds_a_run_is_left_alone(short_run: Path) -> None:
    with pytest.raises(InputError, match="already holds a run"):
        qat(short_run, short_run, epochs=1, device="cpu", data_dir=None)
