from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from digits_runtime.contract import ALNUM, DIGITS, InkSpec
from digits_runtime.errors import InputError
from digits_train import checkpoint, data, gather, run, synth, trainer, weights
from digits_train.architectures import build
from digits_train.checkpoint import Settings, State
from digits_train.devices import choose_precision, open_fabric
from digits_train.trainer import Progress, Trainer


def start(folder: Path, **options: Any) -> State:
    return run.start(
        folder, run.Request(**{"data": ("synth",), "epochs": 2, "device": "cpu", **options})
    )


def tensors_of(folder: Path) -> bytes:
    (file,) = folder.glob("checkpoint-*.safetensors")
    return file.read_bytes()


def stop_after(epochs: int) -> object:
    """A report that presses Ctrl-C once an epoch later than this one is under way."""

    def report(now: Progress) -> None:
        if now.epoch == epochs:
            raise KeyboardInterrupt

    return report


def trainer_for(folder: Path, settings: Settings) -> Trainer:
    ink = InkSpec()
    sources = gather.load_split(settings, "train", DIGITS, None)
    state = trainer.fresh(settings, DIGITS, {s.name: s.sha256 for s in sources}, ink)
    held_out = gather.samples(gather.load_split(settings, "validation", DIGITS, None), DIGITS, ink)
    folder.mkdir()
    training = gather.to_train_on(sources, state, None)
    return Trainer(folder, state, training, {"synth-validation": held_out}, open_fabric("cpu"))


def test_a_resumed_run_ends_with_the_very_bits_of_an_unbroken_one(
    tmp_path: Path, few_glyphs: None
) -> None:
    settings = Settings(data=("synth",), epochs=3)
    trainer_for(tmp_path / "whole", settings).run(lambda _: None, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        trainer_for(tmp_path / "broken", settings).run(stop_after(2), lambda _: None)  # type: ignore[arg-type]
    assert checkpoint.load(tmp_path / "broken").state.epoch == 2
    run.resume(tmp_path / "broken", device="cpu", data_dir=None)
    assert tensors_of(tmp_path / "broken") == tensors_of(tmp_path / "whole")


def test_equal_seeds_give_equal_runs_and_others_do_not(tmp_path: Path, few_glyphs: None) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        start(tmp_path / name, epochs=1, seed=seed)
    assert tensors_of(tmp_path / "a") == tensors_of(tmp_path / "b")
    assert tensors_of(tmp_path / "a") != tensors_of(tmp_path / "c")


def test_a_run_learns(tmp_path: Path, few_glyphs: None) -> None:
    start(tmp_path / "run", epochs=12)
    state = checkpoint.load(tmp_path / "run").state
    assert state.accuracy["synth-validation"] > 0.6
    assert state.history[-1]["loss"] < state.history[0]["loss"]


def test_a_finished_run_has_nothing_left_to_resume(short_run: Path) -> None:
    assert all(name.startswith("average.") for name in checkpoint.load(short_run).tensors)
    with pytest.raises(InputError, match="finished"):
        run.resume(short_run, device="cpu", data_dir=None)


def test_a_run_is_not_overwritten(short_run: Path) -> None:
    before = tensors_of(short_run)
    with pytest.raises(InputError, match="already holds a run"):
        start(short_run)
    assert tensors_of(short_run) == before


def test_resuming_on_other_data_is_refused(
    tmp_path: Path, few_glyphs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        trainer_for(tmp_path / "run", Settings(data=("synth",), epochs=2)).run(
            stop_after(1),  # type: ignore[arg-type]
            lambda _: None,
        )
    monkeypatch.setattr(data, "_SYNTH_COUNT", {"train": 41, "validation": 20, "test": 20})
    with pytest.raises(InputError, match="not the data this run was started with"):
        run.resume(tmp_path / "run", device="cpu", data_dir=None)


def test_fine_tuning_starts_from_the_other_runs_weights(short_run: Path, tmp_path: Path) -> None:
    start(tmp_path / "tuned", init=str(short_run), classes="013AZ", epochs=1)
    tuned = checkpoint.load(tmp_path / "tuned")
    assert tuned.state.labels == ("0", "1", "3", "A", "Z")
    donor = checkpoint.load(short_run).network().state_dict()
    network = build(tuned.state.architecture)
    weights.adopt(network, checkpoint.load(short_run), tuned.state)
    adopted = network.state_dict()
    torch.testing.assert_close(adopted["inner.stem.0.weight"], donor["inner.stem.0.weight"])
    torch.testing.assert_close(
        adopted["inner.classifier.weight"][2], donor["inner.classifier.weight"][3]
    )
    torch.testing.assert_close(
        adopted["inner.classifier.weight"][-1], donor["inner.classifier.weight"][-1]
    )


def test_classes_are_a_name_or_the_labels_themselves() -> None:
    assert gather.choose_labels(None, ["mnist", "synth"]) == DIGITS
    assert gather.choose_labels("alnum", ["synth"]) == ALNUM
    assert gather.choose_labels("ABC", ["synth"]) == ("A", "B", "C")
    assert gather.choose_labels("yes,no", ["synth"]) == ("yes", "no")
    for wrong in ("A", "AA", ",", ""):
        with pytest.raises(InputError, match="--classes"):
            gather.choose_labels(wrong, ["synth"])


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="--device"):
        open_fabric("tpu")
    with pytest.raises(InputError, match="--precision"):
        choose_precision("cpu", "fp8")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="CUDA"):
            open_fabric("cuda")


def test_no_test_set_is_trained_on(tmp_path: Path) -> None:
    for name in ("usps", "photo_crops", "unipen-noisy"):
        with pytest.raises(InputError, match="never trained on"):
            start(tmp_path / "run", data=(name,))
    assert not (tmp_path / "run").exists()


def test_the_checkpoint_names_its_tensors_by_hash(short_run: Path) -> None:
    loaded = checkpoint.load(short_run)
    assert loaded.sha256 == hashlib.sha256(tensors_of(short_run)).hexdigest()


def test_two_trainings_do_not_share_a_folder(tmp_path: Path, few_glyphs: None) -> None:
    (tmp_path / "run").mkdir()
    alone = run._alone(tmp_path / "run", open_fabric("cpu"))
    with alone, pytest.raises(InputError, match="another training"):
        start(tmp_path / "run")
    start(tmp_path / "run", epochs=1)
    assert not (tmp_path / "run" / ".lock").exists()


def test_a_label_without_pictures_is_refused_and_no_folder_is_left(
    tmp_path: Path, few_glyphs: None
) -> None:
    for label, count in (("yes", 2), ("no", 4)):
        (tmp_path / "glyphs" / label).mkdir(parents=True)
        for number in range(count):
            picture = synth.glyph("Y" if label == "yes" else "N", np.random.default_rng(number))
            cv2.imwrite(str(tmp_path / "glyphs" / label / f"{number}.png"), picture)
    with pytest.raises(InputError, match="'yes' has no picture to validate on"):
        start(tmp_path / "run", data=(str(tmp_path / "glyphs"),))
    assert not (tmp_path / "run").exists()
