from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from digits_runtime.contract import ALNUM, DIGITS, InkSpec
from digits_runtime.errors import InputError
from digits_train import synth
from digits_train.command import app
from digits_train.evaluate import Model, open_model, score


def always(*answers: str, labels: tuple[str, ...], rejects: bool = False) -> Model:
    """A model that gives these answers, whatever it is shown."""
    logits = np.zeros((len(answers), len(labels) + rejects), np.float32)
    for row, answer in zip(logits, answers, strict=True):
        row[labels.index(answer) if answer in labels else -1] = 1
    return Model(labels, rejects, InkSpec(), lambda _: logits)


IMAGES = np.zeros((4, 1, 28, 28), np.uint8)


def test_accuracy_is_the_share_of_right_answers() -> None:
    result = score(always("1", "2", "3", "4", labels=DIGITS), "x", IMAGES, list("1294"))
    assert result.to_dict() == {"set": "x", "n": 4, "accuracy": 0.75}


def test_lookalikes_are_one_in_the_merged_figure() -> None:
    result = score(always("O", "I", "0", "B", labels=ALNUM), "x", IMAGES, list("01O8"))
    assert result.accuracy == 0
    assert result.accuracy_merged == 0.75


def test_a_rejected_glyph_is_counted() -> None:
    model = always("1", "", "3", "4", labels=DIGITS, rejects=True)
    result = score(model, "x", IMAGES, list("1234"))
    assert result.rejected == 0.25


def npz(path: Path, labels: np.ndarray) -> Path:
    rng = np.random.default_rng(0)
    images = np.zeros((len(labels), 40, 40), np.uint8)
    for image, label in zip(images, labels.astype(str), strict=True):
        drawn = synth.glyph(label, rng, height=30)
        image[2 : 2 + drawn.shape[0], 2 : 2 + drawn.shape[1]] = drawn[:38, :38]
    np.savez(path, images=images, labels=labels)
    return path


def test_any_npz_is_evaluated_and_answered_in_json(short_run: Path, tmp_path: Path) -> None:
    path = npz(tmp_path / "mine.npz", np.arange(10))
    result = CliRunner().invoke(app, ["evaluate", str(short_run), "--on", str(path), "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["set"] == str(path)
    assert answer["n"] == 10
    assert 0 <= answer["accuracy"] <= 1
    assert "accuracy_merged" not in answer


def test_a_label_the_model_does_not_know_is_named(short_run: Path, tmp_path: Path) -> None:
    path = npz(tmp_path / "mine.npz", np.array(list("1A")))
    result = CliRunner().invoke(app, ["evaluate", str(short_run), "--on", str(path)])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "'A'" in result.stderr


def test_something_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither"):
        open_model(str(tmp_path / "nothing"))
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(InputError, match=r"text\.onnx"):
        open_model(str(tmp_path / "text.onnx"))
