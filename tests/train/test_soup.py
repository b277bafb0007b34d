"""The mean of several seeds' weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from digits_runtime.errors import InputError
from digits_train import checkpoint
from digits_train.checkpoint import AVERAGE
from digits_train.soup import soup

SeedOf = Callable[[int], Path]


@pytest.fixture
def seed_of(short_run: Path, tmp_path: Path) -> SeedOf:
    """Makes a run that went on from the same weights as all others, apart by its seed."""

    def made(seed: int) -> Path:
        folder, run = tmp_path / f"seed-{seed}", checkpoint.load(short_run)
        generator = torch.Generator().manual_seed(seed)
        tensors = {
            name: tensor + 0.01 * torch.rand(tensor.shape, generator=generator)
            if tensor.is_floating_point()
            else tensor
            for name, tensor in run.tensors.items()
        }
        settings = dataclasses.replace(run.state.settings, seed=seed)
        state = dataclasses.replace(run.state, settings=settings, parent="the same")
        folder.mkdir()
        checkpoint.save(folder, state, tensors)
        return folder

    return made


def _soup(*folders: Path, output: Path) -> list[str]:
    said: list[str] = []
    soup(folders, output, data_dir=None, say=said.append)
    return said


def test_the_mean_is_a_whole_run_of_the_mean_weights(seed_of: SeedOf, tmp_path: Path) -> None:
    folders = [seed_of(seed) for seed in (1, 2, 3)]
    said = _soup(*folders, output=tmp_path / "mean")
    assert len(said) == 4
    assert said[-1].startswith("mean: synth-validation ")
    mean, runs = checkpoint.load(tmp_path / "mean"), [checkpoint.load(f) for f in folders]
    assert mean.state.averaged == tuple(run.sha256 for run in runs)
    assert mean.state.epoch == mean.state.settings.epochs
    assert all(name.startswith(AVERAGE) for name in mean.tensors)
    for name, tensor in mean.tensors.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, sum(run.tensors[name] for run in runs) / 3)
    assert "the mean of the weights of 3 seeds" in (tmp_path / "mean" / "card.md").read_text()
    mean.network()


def test_equal_runs_in_any_order_give_equal_bytes(seed_of: SeedOf, tmp_path: Path) -> None:
    folders = [seed_of(seed) for seed in (10, 6, 7)]
    _soup(*folders, output=tmp_path / "a")
    _soup(*folders[::-1], output=tmp_path / "b")
    assert checkpoint.load(tmp_path / "a").state.settings.seed == 6
    assert checkpoint.load(tmp_path / "a").sha256 == checkpoint.load(tmp_path / "b").sha256


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"parent": "another"}, "did not start from the same weights"),
        ({"epoch": 0}, "is not finished"),
        ({"labels": tuple("abcdefghij")}, "differ in more than their seed"),
        ({"data": {"mnist": "0"}}, "differ in more than their seed"),
    ],
)
def test_runs_that_are_not_alike_are_refused_in_a_line(
    seed_of: SeedOf, tmp_path: Path, changes: dict[str, object], fault: str
) -> None:
    other = seed_of(2)
    loaded = checkpoint.load(other)
    checkpoint.save(other, dataclasses.replace(loaded.state, **changes), loaded.tensors)
    with pytest.raises(InputError, match=fault) as raised:
        _soup(seed_of(1), other, output=tmp_path / "mean")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "mean").exists()


def test_a_seed_alone_or_twice_has_no_mean(seed_of: SeedOf, tmp_path: Path) -> None:
    one, two = seed_of(1), seed_of(2)
    for folders in ((one,), (one, one), (one, two, one)):
        with pytest.raises(InputError, match="two seeds at least, each once"):
            _soup(*folders, output=tmp_path / "mean")


@pytest.mark.parametrize("damage", ["missing", "shape", "nan"])
def test_a_damaged_run_is_told_in_a_line(seed_of: SeedOf, tmp_path: Path, damage: str) -> None:
    one, two = seed_of(1), seed_of(2)
    loaded = checkpoint.load(two)
    tensors = dict(loaded.tensors)
    name = next(n for n in tensors if n.startswith(AVERAGE) and n.endswith("weight"))
    if damage == "missing":
        del tensors[name]
    elif damage == "shape":
        tensors[name] = torch.zeros(3)
    else:
        tensors[name] = torch.full_like(tensors[name], torch.nan)
    checkpoint.save(two, loaded.state, tensors)
    with pytest.raises(InputError) as raised:
        _soup(one, two, output=tmp_path / "mean")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "mean").exists()


def test_a_run_in_the_way_is_left_alone(seed_of: SeedOf) -> None:
    folders = [seed_of(1), seed_of(2)]
    with pytest.raises(InputError, match="already holds a run"):
        _soup(*folders, output=folders[0])
