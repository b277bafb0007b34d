from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from digits_train import checkpoint, run
from digits_train.command import app


def refused(*arguments: str) -> str:
    """The one line a command ends with."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_a_run_is_trained_interrupted_and_resumed(
    tmp_path: Path, few_glyphs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    epoch = run.Trainer._epoch

    def interrupted(self: run.Trainer, report: object) -> tuple[float, float]:
        if self.state.epoch == 1:
            raise KeyboardInterrupt
        return epoch(self, report)  # type: ignore[arg-type]

    monkeypatch.setattr(run.Trainer, "_epoch", interrupted)
    arguments = ["--data", "synth", "--epochs", "2", "--output", str(folder)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 130
    assert checkpoint.load(folder).state.epoch == 1
    monkeypatch.undo()
    monkeypatch.setattr(
        "digits_train.data._SYNTH_COUNT", {"train": 40, "validation": 20, "test": 20}
    )
    result = CliRunner().invoke(app, ["--resume", str(folder)])
    assert result.exit_code == 0, result.output
    assert "synth-validation" in result.stdout
    assert checkpoint.load(folder).state.epoch == 2


def test_a_run_needs_a_folder() -> None:
    assert "--output" in refused("--data", "synth")


def test_options_of_a_resumed_run_are_not_silently_ignored(short_run: Path) -> None:
    assert "--epochs" in refused("--resume", str(short_run), "--epochs", "9")


def test_an_unknown_set_is_named_with_the_known_ones(tmp_path: Path) -> None:
    message = refused("--data", "minst", "--output", str(tmp_path / "run"))
    assert "minst" in message
    assert "mnist" in message
    assert not (tmp_path / "run").exists()


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "glyphs").mkdir()
    message = refused("--data", str(tmp_path / "glyphs"), "--output", str(tmp_path / "run"))
    assert str(tmp_path / "glyphs") in message


def test_a_run_to_start_from_must_be_one(tmp_path: Path, few_glyphs: None) -> None:
    arguments = ("--data", "synth", "--init", str(tmp_path), "--output", str(tmp_path / "run"))
    assert "holds no checkpoint" in refused(*arguments)


def test_training_starts_from_the_bundled_weights(tmp_path: Path, few_glyphs: None) -> None:
    arguments = ["--data", "synth", "--init", "bundled", "--epochs", "1"]
    result = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    state = checkpoint.load(tmp_path / "run").state
    assert state.parent == checkpoint.load(run.BUNDLED["bundled"]).sha256
    assert state.accuracy["synth-validation"] > 0.95
