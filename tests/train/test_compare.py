from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner

from digits_train import compare
from digits_train.command import app


def test_methods_learn_the_same_glyphs_and_leave_table_and_picture(
    tmp_path: Path, few_glyphs: None
) -> None:
    rows = compare.compare(
        tmp_path,
        glyphs=300,
        epochs=2,
        seed=0,
        data_dir=None,
        methods=("hog", "tree", "sift", "lenet5", "fusion"),
        say=lambda _: None,
    )
    assert [row.name for row in rows] == [
        "HOG + SVM",
        "HOG + random forest",
        "decision tree",
        "SIFT bag of words + SVM",
        "lenet5",
        "fusion-large",
        "fusion-compact",
        "fusion",
    ]
    by_name = {row.name: row for row in rows}
    assert by_name["HOG + SVM"].accuracy["synth"] > 0.8
    assert by_name["decision tree"].accuracy["synth"] < by_name["HOG + SVM"].accuracy["synth"]
    assert all(row.bytes > 0 and row.parameters > 0 and row.microseconds > 0 for row in rows)
    document = json.loads((tmp_path / "compare.json").read_text())
    assert document["trained_on"] == "synth"
    assert [method["name"] for method in document["methods"]] == [row.name for row in rows]
    assert (tmp_path / "compare.md").read_text() == compare.table(rows)
    assert cv2.imread(str(tmp_path / "compare.png")) is not None


def test_an_unknown_method_is_refused(
    tmp_path: Path, few_glyphs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    result = CliRunner().invoke(
        app, ["compare", "--output", str(tmp_path / "c"), "--only", "surf", "--glyphs", "100"]
    )
    assert result.exit_code == 2
    assert "surf" in result.stderr
    assert not (tmp_path / "c").exists()
