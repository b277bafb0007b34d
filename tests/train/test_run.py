"""What a run leaves behind, and runs that lean on other runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from digits_runtime.contract import DIGITS, InkSpec
from digits_runtime.errors import InputError
from digits_train import checkpoint, data, run
from digits_train.checkpoint import State

PICTURES = ("curves.png", "confusion.png", "mistakes.png")


def start(folder: Path, **options: Any) -> State:
    return run.start(
        folder, run.Request(**{"data": ("synth",), "epochs": 1, "device": "cpu", **options})
    )


def test_a_run_leaves_pictures_that_open_and_a_card(short_run: Path) -> None:
    for name in PICTURES:
        picture = cv2.imread(str(short_run / name))
        assert picture is not None, name
        assert picture.std() > 1
    card = (short_run / "card.md").read_text()
    assert "84,699 parameters" in card
    assert "synth-validation" in card


def test_the_command_and_the_environment_of_every_start_are_on_record(short_run: Path) -> None:
    (first,) = json.loads((short_run / "run.json").read_text())["starts"]
    assert first["command"]
    assert first["environment"]["torch"]
    assert first["environment"]["processes"] == 1


def test_the_log_and_the_curves_agree_with_the_checkpoint(short_run: Path) -> None:
    history = checkpoint.load(short_run).state.history
    lines = (short_run / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [dict(entry) for entry in history]
    events = EventAccumulator(str(short_run / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2]
    assert events.Scalars("loss")[-1].value == pytest.approx(history[-1]["loss"], rel=1e-5)


def test_a_run_that_never_saved_leaves_nothing(
    tmp_path: Path, few_glyphs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> tuple[float, float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Trainer, "_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_files_of_others_outlive_a_run_that_never_saved(
    tmp_path: Path, few_glyphs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events").write_text("mine")

    def interrupted(*_: object) -> tuple[float, float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Trainer, "_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path)
    assert (tmp_path / "tensorboard" / "events").read_text() == "mine"


def test_several_seeds_are_trained_in_a_row_and_only_once(
    tmp_path: Path, few_glyphs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = run.Request(data=("synth",), epochs=1, device="cpu")
    run.several(tmp_path / "runs", asked, 2)
    assert "standard deviation" in capsys.readouterr().out
    first = checkpoint.load(tmp_path / "runs" / "seed-0").sha256
    assert first != checkpoint.load(tmp_path / "runs" / "seed-1").sha256
    states = run.several(tmp_path / "runs", asked, 3)
    assert [state.settings.seed for state in states] == [0, 1, 2]
    assert checkpoint.load(tmp_path / "runs" / "seed-0").sha256 == first


@pytest.mark.parametrize(
    "changed", [{"epochs": 2}, {"arch": "lenet5"}, {"classes": "ABC"}, {"precision": "bf16"}]
)
def test_seeds_of_another_run_are_not_mixed_in(
    tmp_path: Path, few_glyphs: None, changed: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"data": ("synth",), "epochs": 1, "device": "cpu"}
    run.several(tmp_path, run.Request(**asked), 1)
    with pytest.raises(InputError, match="another run"):
        run.several(tmp_path, run.Request(**{**asked, **changed}), 1)


def test_a_pupil_agrees_with_its_teacher_more_than_a_stranger_does(
    tmp_path: Path, few_glyphs: None
) -> None:
    start(tmp_path / "teacher", epochs=8, seed=5)
    start(tmp_path / "pupil", epochs=8, teachers=(str(tmp_path / "teacher"),))
    start(tmp_path / "stranger", epochs=8)
    unseen = data.load("synth", "test", classes=DIGITS, data_dir=None, seed=0)
    glyphs = unseen.normalised(InkSpec())

    def shares(name: str) -> np.ndarray:
        import torch

        network = checkpoint.load(tmp_path / name).network()
        return network(torch.from_numpy(glyphs)).softmax(1).detach().numpy()

    pupil, stranger = (np.abs(shares(n) - shares("teacher")).mean() for n in ("pupil", "stranger"))
    assert pupil < stranger


def test_several_teachers_are_heard_together(short_run: Path, tmp_path: Path) -> None:
    tensors = set()
    for place, teachers in enumerate(((str(short_run),), (str(short_run), "bundled"))):
        start(tmp_path / str(place), epochs=1, teachers=teachers)
        loaded = checkpoint.load(tmp_path / str(place))
        assert loaded.state.settings.teachers == teachers
        tensors.add(loaded.sha256)
    assert len(tensors) == 2


def test_a_teacher_of_other_classes_is_refused(short_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--teacher has other classes"):
        start(tmp_path / "new", classes="ABC", teachers=(str(short_run),))
    assert not (tmp_path / "new").exists()


def test_an_unknown_architecture_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lenet.*fusion"):
        start(tmp_path / "run", arch="lenet")


@pytest.mark.parametrize("arch", ["lenet5", "fasttext"])
def test_other_architectures_train_and_load(tmp_path: Path, few_glyphs: None, arch: str) -> None:
    start(tmp_path / "run", arch=arch)
    loaded = checkpoint.load(tmp_path / "run")
    assert loaded.state.architecture.name == arch
    loaded.network()


def test_many_classes_start_from_the_weights_of_few(short_run: Path, tmp_path: Path) -> None:
    """The donor's sizes are kept, though a network for so many labels would be wider."""
    state = start(tmp_path / "new", init=str(short_run), classes="alnum")
    assert state.architecture.channels == checkpoint.load(short_run).state.architecture.channels
    assert state.architecture.classes == 37


def test_half_precision_trains_and_is_kept_when_resumed(tmp_path: Path, few_glyphs: None) -> None:
    state = start(tmp_path / "run", precision="bf16", epochs=2)
    assert state.settings.precision == "bf16"
    assert all(
        tensor.dtype.itemsize != 2 for tensor in checkpoint.load(tmp_path / "run").tensors.values()
    )
