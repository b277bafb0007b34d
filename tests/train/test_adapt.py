from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from digits_runtime.errors import GateError, InputError
from digits_train import checkpoint, synth
from digits_train.adapt import adapt
from digits_train.run import BUNDLED


def _folder(place: Path, each: int = 3) -> Path:
    """A few pictures of every digit, dark on paper."""
    rng = np.random.default_rng(0)
    for digit in range(10):
        label = str(digit)
        (place / label).mkdir(parents=True, exist_ok=True)
        for count in range(each):
            glyph = synth.glyph(str(digit), rng, height=60)
            cv2.imwrite(str(place / label / f"{digit}-{count}.png"), 255 - glyph)
    return place


@pytest.fixture(scope="module")
def start() -> checkpoint.Checkpoint:
    return checkpoint.load(BUNDLED["bundled"])


def test_only_the_classifier_learns_and_the_run_can_be_loaded(
    tmp_path: Path, start: checkpoint.Checkpoint
) -> None:
    gain = adapt(_folder(tmp_path / "mine"), start, tmp_path / "run", lambda _: None)
    assert (gain.n, gain.after <= gain.before) == (30, True)
    loaded = checkpoint.load(tmp_path / "run")
    assert loaded.state.parent == start.sha256
    assert set(loaded.state.data) == {*start.state.data, "mine"}
    old, new = start.network().state_dict(), loaded.network().state_dict()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {"inner.classifier.weight", "inner.classifier.bias"}


def test_the_same_glyphs_teach_the_same(tmp_path: Path, start: checkpoint.Checkpoint) -> None:
    mine = _folder(tmp_path / "mine")
    for name in ("a", "b"):
        adapt(mine, start, tmp_path / name, lambda _: None)
    runs = [checkpoint.load(tmp_path / name).sha256 for name in ("a", "b")]
    assert runs[0] == runs[1]


def test_too_few_glyphs_and_unknown_labels_are_refused(
    tmp_path: Path, start: checkpoint.Checkpoint
) -> None:
    few = _folder(tmp_path / "few", each=1)
    for label in "3456789":
        for path in (few / label).iterdir():
            path.unlink()
        (few / label).rmdir()
    with pytest.raises(InputError, match="3 or more of each"):
        adapt(few, start, tmp_path / "run", lambda _: None)
    (few / "0").rename(few / "x")
    with pytest.raises(InputError, match="does not know"):
        adapt(few, start, tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run").exists()


def test_what_is_worse_is_not_written(
    tmp_path: Path, start: checkpoint.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([0, 1] * 5)
    monkeypatch.setattr("digits_train.adapt.wrong", lambda *_: next(answers))
    with pytest.raises(GateError, match="nothing was written"):
        adapt(_folder(tmp_path / "mine"), start, tmp_path / "run", lambda _: None)
    assert not (tmp_path / "run").exists()
