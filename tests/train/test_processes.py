"""Trainings as processes of their own: killed at any moment, or several at work on one run."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from digits_train import checkpoint, synth

TRAIN = str(Path(sys.executable).parent / "digits-train")


@pytest.fixture(scope="module")
def glyphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glyphs")
    for label in "0123":
        (folder / label).mkdir()
        for number in range(30):
            picture = synth.glyph(label, np.random.default_rng(number))
            cv2.imwrite(str(folder / label / f"{number}.png"), picture)
    return folder


def train(*arguments: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    command = [TRAIN]
    if processes > 1:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={processes}", "--no-python", TRAIN]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=300, env=environment()
    )
    assert done.returncode == 0, done.stderr
    return done


def environment() -> dict[str, str]:
    # One thread each, so that sums are taken in one order whoever else is at work.
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(folder).tensors)


def test_a_run_killed_at_any_moment_ends_with_the_bits_of_an_unbroken_one(
    glyphs: Path, tmp_path: Path
) -> None:
    options = ["--data", str(glyphs), "--epochs", "40", "--seed", "3"]
    train(*options, "--output", str(tmp_path / "whole"))
    folder, moment = tmp_path / "broken", random.Random(0)  # noqa: S311
    command = [TRAIN, *options, "--output", str(folder)]
    kills = 0
    while kills < 4:
        with subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL) as process:
            for _ in saved(folder, process):
                # Within the next epoch, which is mostly writing: these have one batch.
                time.sleep(moment.uniform(0, 0.12))
                process.kill()
                kills += 1
        assert checkpoint.load(folder).state.epoch > 0
        command = [TRAIN, "--resume", str(folder)]
    if checkpoint.load(folder).state.epoch < 40:
        train("--resume", str(folder))
    broken, whole = tensors(folder), tensors(tmp_path / "whole")
    assert all(torch.equal(broken[name], whole[name]) for name in whole)
    log = (folder / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == list(range(1, 41))


def test_a_run_asked_to_end_says_how_to_go_on(glyphs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [TRAIN, "--data", str(glyphs), "--epochs", "5000", "--output", str(folder)]
    with subprocess.Popen(
        command, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in saved(folder, process):
            process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in said
    assert "Traceback" not in said


def saved(folder: Path, process: subprocess.Popen[Any]) -> Iterator[None]:
    """Wait until the checkpoint is another than now, once; nothing if the run ends before."""
    state = folder / checkpoint.STATE
    before = state.stat().st_mtime_ns if state.exists() else 0
    while process.poll() is None:
        if state.exists() and state.stat().st_mtime_ns != before:
            yield
            return
        time.sleep(0.005)


def test_two_processes_train_the_model_that_one_does(glyphs: Path, tmp_path: Path) -> None:
    """LeNet-5 has no batch norm, whose statistics are each process's own: all but rounding."""
    options = ["--data", str(glyphs), "--epochs", "3", "--arch", "lenet5", "--device", "cpu"]
    train(*options, "--output", str(tmp_path / "one"))
    train(*options, "--output", str(tmp_path / "two"), processes=2)
    one, two = tensors(tmp_path / "one"), tensors(tmp_path / "two")
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-4)
    starts = json.loads((tmp_path / "two" / "run.json").read_text())["starts"]
    assert starts[-1]["environment"]["processes"] == 2


def test_two_processes_train_the_default_network_as_well_as_one(
    glyphs: Path, tmp_path: Path
) -> None:
    options = ["--data", str(glyphs), "--epochs", "12", "--device", "cpu"]
    train(*options, "--output", str(tmp_path / "one"))
    train(*options, "--output", str(tmp_path / "two"), processes=2)
    one, two = (checkpoint.load(tmp_path / n).state.accuracy.popitem()[1] for n in ("one", "two"))
    assert two == pytest.approx(one, abs=0.2)


def test_two_processes_train_seed_after_seed_and_one_of_them_speaks(
    glyphs: Path, tmp_path: Path
) -> None:
    options = ["--data", str(glyphs), "--epochs", "1", "--seeds", "2"]
    done = train(*options, "--output", str(tmp_path), processes=2)
    assert [checkpoint.load(tmp_path / f"seed-{seed}").state.epoch for seed in (0, 1)] == [1, 1]
    assert done.stdout.count("of 2 seeds") == 1
