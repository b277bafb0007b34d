"""From training to reading pages, through the commands a user types."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from digits_export.command import app as export
from digits_runtime.commands.read import app as read
from digits_train import data, scenes
from digits_train.command import app as train

PAGES = ("52813", "40719\n336", "8", "96204\n1758", "")


@pytest.fixture
def pages(tmp_path: Path) -> list[Path]:
    """Pictures of synthetic pages, ruled and plain."""
    paths = []
    for number, text in enumerate(PAGES):
        rng = np.random.default_rng(number)
        scene = scenes.compose(
            text.split("\n") if text else [], rng, glyph_height=70, ruled=number % 2 == 1
        )
        paths.append(tmp_path / f"{number}.png")
        cv2.imwrite(str(paths[-1]), scene.frame)
    return paths


def test_a_freshly_trained_model_reads_pages(
    tmp_path: Path, pages: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_SYNTH_COUNT", {"train": 400, "validation": 60, "test": 20})
    run, model = str(tmp_path / "run"), str(tmp_path / "digits.onnx")
    steps = [
        (train, ["--data", "synth", "--epochs", "6", "--output", run]),
        (export, [run, "--int8", "--output", model, "--allow-drop", "2"]),
        (read, ["--json", "--model", model, *map(str, pages)]),
    ]
    for app, arguments in steps:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
    readings = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reading["source"] for reading in readings] == [str(path) for path in pages]
    texts = [reading["text"] for reading in readings]
    named = sum(
        a == b
        for text, true in zip(texts, PAGES, strict=True)
        for a, b in zip(text, true, strict=False)
    )
    assert named >= 0.8 * sum(map(len, PAGES))
    assert texts[-1] == ""


def test_ones_own_glyphs_are_trained_on_from_a_folder(tmp_path: Path) -> None:
    """Labels of one's own, from pictures by class to a model that reads them."""
    rng = np.random.default_rng(0)
    shapes = {"ring": "O", "cross": "X", "tee": "T"}
    for label, letter in shapes.items():
        (tmp_path / "glyphs" / label).mkdir(parents=True)
        for number in range(30):
            picture = 255 - np.pad(data.synth.glyph(letter, rng, height=40), 8)
            cv2.imwrite(str(tmp_path / "glyphs" / label / f"{number}.png"), picture)
    run, model = str(tmp_path / "run"), str(tmp_path / "shapes.onnx")
    arguments = ["--data", str(tmp_path / "glyphs"), "--epochs", "30", "--output", run]
    result = CliRunner().invoke(train, arguments)
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(export, [run, "--int8", "-o", model, "--allow-drop", "40"])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(
        train, ["evaluate", model, "--on", str(tmp_path / "glyphs"), "--json"]
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["accuracy"] >= 0.5
