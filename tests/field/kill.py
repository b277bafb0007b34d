"""kill -9 at random moments: every file found is whole, and work goes on.

    python tests/field/kill.py saving 200
    python tests/field/kill.py train 50        # export, cam

`saving`: a child saves as the commands do, as fast as it can, and is killed within a twentieth of a
second; then everything is opened as its reader opens it. The child is forked, not started, so that
the moments fall into the saving and not into the imports. `train`, `export`, `cam`: the commands
themselves are killed and gone on with to the end.
"""

from __future__ import annotations

import itertools
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cv2
import torch
from commands import CLIP, LOOSE, TEXT, draw_data, finish, run, run_and_kill
from savers import SAVERS, check, check_recorded

from digits_export import keys
from digits_train import checkpoint

LONGEST_S = 0.05
# Of a run, for each time that it is killed: it must not end before.
EPOCHS = 6


def kill_saving(place: Path, times: int, rng: random.Random) -> None:
    """Let a child save, kill it, and look; so many times."""
    keys.for_signing(place / "maker", p256=False)
    for save in SAVERS:
        save(place, 1)
    at_work = mmap.mmap(-1, 1)
    found: Counter[str] = Counter()
    last = check(place)
    for turn in range(times):
        child = os.fork()
        if child == 0:
            # Each is begun with in its turn, since some take longer than the child has.
            for step in itertools.count(turn):
                at_work[0] = step % len(SAVERS)
                SAVERS[at_work[0]](place, last + 1 + step)
        time.sleep(rng.uniform(0, LONGEST_S))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found[SAVERS[at_work[0]].__name__] += 1
        before, last = last, check(place)
        assert last >= before
    where = ", ".join(f"{name} {count}" for name, count in found.items())
    print(f"killed {times} times ({where}): every file whole")


def killed(longest: float, rng: random.Random, *words: object) -> bool:
    """Run a command and kill it at a random moment; False if it ended before."""
    process = run(*words)
    try:
        said = process.communicate(timeout=rng.uniform(0, longest))[1]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True
    assert process.returncode == 0, (words, said)
    return False


def kill_train(place: Path, times: int, rng: random.Random) -> None:
    """Kill digits-train and resume it: the weights are those of a run that nobody killed."""
    draw_data(place)
    last = EPOCHS * times
    options = ["--data", place / "glyphs", "--epochs", last, "--device", "cpu"]
    finish("digits-train", *options, "--output", place / "once")
    folder, words, epochs = place / "run", [*options, "--output", place / "run"], []
    for _ in range(times):
        run_and_kill(folder, rng.uniform(0, 0.1), words)
        epochs.append(checkpoint.load(folder).state.epoch)
        words = ["--resume", folder]
    assert epochs[-1] < last, "too fast a machine: raise EPOCHS"
    finish("digits-train", *words)
    weights = [next((place / name).glob("checkpoint-*")).read_bytes() for name in ("run", "once")]
    assert weights[0] == weights[1]
    print(f"digits-train killed {times} times, at epochs {epochs}; weights as if never killed")


def kill_export(place: Path, times: int, rng: random.Random) -> None:
    """Kill digits-export: no model or the whole one, and the same in the end."""
    draw_data(place)
    finish("digits-train", "--data", place / "glyphs", "--epochs", 2, "--output", place / "run")
    model = place / "shapes.onnx"
    words = ["digits-export", place / "run", "--int8", "-o", model, *LOOSE]
    took, hits = finish(*words), 0
    content = model.read_bytes()
    for attempt in range(times):
        if attempt % 2:
            model.unlink(missing_ok=True)
        hits += killed(took, rng, *words)
        assert not model.exists() or model.read_bytes() == content
    finish(*words)
    assert model.read_bytes() == content
    print(f"digits-export killed {hits} times: no model, or the whole one; then the same again")


def kill_cam(place: Path, times: int, rng: random.Random) -> None:
    """Kill digits-cam while it collects and records; what is there is whole, and it goes on."""
    draw_data(place)
    kept = place / "kept"
    kept.mkdir()
    for name, words in (
        ("collect", ["collect", kept, "--source", place / "pages", *TEXT]),
        ("--record film", ["--source", CLIP, "--record", kept / "film.mp4"]),
        ("--record folder", ["--source", CLIP, "--record", kept / "seen"]),
    ):
        took, hits = finish("digits-cam", *words), 0
        check_recorded(kept)
        for _ in range(times):
            hits += killed(took, rng, "digits-cam", *words)
            check_recorded(kept)
        finish("digits-cam", *words)
        print(f"digits-cam {name} killed {hits} times: every file whole; then to the end")


PARTS = {"saving": kill_saving, "train": kill_train, "export": kill_export, "cam": kill_cam}


def main() -> None:
    """Do the part that is asked for."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    part, times = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        rng = random.Random(0)  # noqa: S311 - moments, not secrets
        PARTS[part](Path(place), int(times), rng)


if __name__ == "__main__":
    main()
