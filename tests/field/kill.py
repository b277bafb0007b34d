"""kill -9 at random moments of saving: what is found afterwards is whole, old or new.

    python tests/field/kill.py 200

A child saves checkpoints, models and crops as fast as it can and is killed within a twentieth of a
second; then everything is opened as its reader opens it. The child is forked, not started, so that
the moments fall into the saving and not into the imports. Then once with no room left.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from digits_export import seal
from digits_runtime.contract import Contract
from digits_runtime.crops import Album
from digits_runtime.errors import InputError
from digits_runtime.reading import Glyph
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, Session
from digits_train import checkpoint
from digits_train.run import BUNDLED as RUNS

LONGEST_S = 0.05
MODELS = [path.read_bytes() for path in (BUNDLED, BUNDLED_FLOAT)]
CONTRACTS = [Session(content, provider="cpu").contract for content in MODELS]
START = checkpoint.load(RUNS["bundled"])


def save_one(folder: Path, turn: int) -> None:
    """A checkpoint, a model with its manifest, a crop."""
    tensors = {name: tensor + turn % 7 for name, tensor in START.tensors.items()}
    checkpoint.save(folder, replace(START.state, epoch=turn), tensors)
    contract: Contract = CONTRACTS[turn % 2]
    seal.write(folder / "m.onnx", MODELS[turn % 2], contract, sign=None, encrypt=None)
    frame = np.random.default_rng(turn).integers(0, 255, (60, 60), np.uint8)
    Album(folder / "crops").keep(frame, Glyph("1", 0.5, (20, 20, 20, 20)), "1")


def check(folder: Path) -> int:
    """Open all that is there; returns how many turns the checkpoint counts."""
    turn = checkpoint.load(folder).state.epoch
    model = folder / "m.onnx"
    assert not model.exists() or model.read_bytes() in MODELS
    for crop in folder.glob("crops/*/[!.]*.png"):
        assert cv2.imread(str(crop)) is not None, crop
    return turn


def kill(folder: Path, rng: random.Random) -> int:
    """Let a child save, kill it, and look."""
    before = check(folder)
    child = os.fork()
    if child == 0:
        turn = before
        while True:
            turn += 1
            save_one(folder, turn)
    time.sleep(rng.uniform(0, LONGEST_S))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    after = check(folder)
    assert after >= before
    return after - before


def no_room(folder: Path) -> None:
    """A limit on the size of files stands for a full disk: what was there stays, whole."""
    before = check(folder), (folder / "m.onnx").read_bytes()
    killed = set(folder.rglob(".*"))
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            save_one(folder, before[0] + 1)
        except InputError as error:
            os._exit(0 if len(str(error).splitlines()) == 1 else 1)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert (check(folder), (folder / "m.onnx").read_bytes()) == before
    leftover = set(folder.rglob(".*")) - killed
    assert not leftover, leftover


def main() -> None:
    """Kill as often as asked and say what was found."""
    torch.set_num_threads(1)
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    rng = random.Random(0)  # noqa: S311 - moments, not secrets
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_one(folder, 1)
        saved = sum(kill(folder, rng) for _ in range(times))
        print(f"killed {times} times amid {saved} saved checkpoints: every file whole")
        no_room(folder)
        print("no room: one line, what was there is whole")


if __name__ == "__main__":
    main()
