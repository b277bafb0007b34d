"""kill -9 at random moments, a full disk, a read-only folder: every file found is whole.

    python tests/field/kill.py saving 200
    python tests/field/kill.py train 10        # export, cam
    python tests/field/kill.py full            # readonly

`saving`: a child saves as the commands do, as fast as it can, and is killed within a twentieth of a
second; then everything is opened as its reader opens it. The child is forked, not started, so that
the moments fall into the saving and not into the imports. `train`, `export`, `cam`: the commands
themselves are killed and gone on with to the end. `full`, `readonly`: the same savers and commands
meet a disk without room, or one that is read-only: a file system of its own, mounted in a namespace
(unshare), since the mode of a folder does not hold back root.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import mmap
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from digits_export import keys, seal
from digits_runtime import pictures
from digits_runtime.capture.health import Health
from digits_runtime.contract import Contract
from digits_runtime.crops import Album
from digits_runtime.errors import InputError
from digits_runtime.outputs.record import recording
from digits_runtime.reading import Glyph, Reading
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, Session
from digits_runtime.tracking import Stable
from digits_train import checkpoint, scenes, synth
from digits_train.run import BUNDLED as RUNS

LONGEST_S = 0.05
FRAMES = 12
EPOCHS = 60
# A model of three shapes that has learnt next to nothing may still be exported here.
LOOSE = ["--allow-drop", 60, "--allow-slower"]
TEXT = ["--text", "0123456789"]
CLIP = Path(__file__).parents[1] / "data" / "clip.mp4"
MODELS = [path.read_bytes() for path in (BUNDLED, BUNDLED_FLOAT)]
CONTRACTS = [Session(content, provider="cpu").contract for content in MODELS]
START = checkpoint.load(RUNS["bundled"])
GLYPH = Glyph("1", 0.5, (20, 20, 20, 20))


def frame_of(turn: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(turn).integers(0, 255, (60, 80, 3), np.uint8)


# What the commands save, each by the code that they save it with.


def train(folder: Path, turn: int) -> None:
    """As digits-train does after an epoch."""
    tensors = {name: tensor + turn % 7 for name, tensor in START.tensors.items()}
    checkpoint.save(folder, replace(START.state, epoch=turn), tensors)


def export(folder: Path, turn: int) -> None:
    """As digits-export does at its end: a model, its manifest and its signature."""
    contract: Contract = CONTRACTS[turn % 2]
    seal.write(
        folder / "m.onnx", MODELS[turn % 2], contract, sign=folder / "maker.key", encrypt=None
    )


def collect(folder: Path, turn: int) -> None:
    """As digits-cam collect does."""
    Album(folder / "crops").keep(frame_of(turn), GLYPH, "1")


def record(folder: Path, turn: int) -> None:
    """As digits-cam --record does: a picture of a number, a video."""
    for place in (folder / "pictures", folder / "film.avi", folder / "film.mp4"):
        shown = recording(place, redact=False)
        number = Stable("1", 0.9, float(turn))
        for _ in range(FRAMES):
            shown.show(frame_of(turn), Reading(((GLYPH,),)), number, Health("running"))
        shown.close()


SAVERS: Sequence[Callable[[Path, int], None]] = (train, export, collect, record)


def check(folder: Path) -> int:
    """Open all that is there; returns how many turns the checkpoint counts."""
    if (folder / "m.onnx").exists():
        assert (folder / "m.onnx").read_bytes() in MODELS
    for name in ("m.manifest.json", "m.onnx.sig"):
        if (folder / name).exists():
            json.loads((folder / name).read_bytes())
    check_recorded(folder)
    return checkpoint.load(folder).state.epoch


def check_recorded(folder: Path) -> None:
    """Open crops, pictures and films, and take them away: the next look is at new ones."""
    for name in ("*.png", "*.jpg"):
        for path in folder.rglob(name):
            if not path.name.startswith("."):
                pictures.load(path)
                path.unlink()
    for path in [*folder.glob("film*.avi"), *folder.glob("film*.mp4")]:
        film, count = cv2.VideoCapture(str(path)), 0
        while film.read()[0]:
            count += 1
        assert count == round(film.get(cv2.CAP_PROP_FRAME_COUNT)) > 0, path
        film.release()
        path.unlink()


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


# The commands.


def run(*words: object) -> subprocess.Popen[str]:
    """Start a command of the project, which lies beside this Python."""
    name, *arguments = map(str, words)
    return subprocess.Popen(
        [str(Path(sys.executable).with_name(name)), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*words: object) -> float:
    """Run a command to its good end; the seconds it took."""
    began = time.monotonic()
    process = run(*words)
    said = process.communicate()[1]
    assert process.returncode == 0, (words, said)
    return time.monotonic() - began


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


def draw_data(place: Path) -> None:
    """Glyphs to train on and pages to read."""
    rng = np.random.default_rng(0)
    for label in "OXT":
        (place / "glyphs" / label).mkdir(parents=True)
        for number in range(30):
            picture = 255 - np.pad(synth.glyph(label, rng, height=40), 8)
            cv2.imwrite(str(place / "glyphs" / label / f"{number}.png"), picture)
    (place / "pages").mkdir()
    for number in range(20):
        page = scenes.compose(["0123456789"], rng, glyph_height=50)
        cv2.imwrite(str(place / "pages" / f"{number}.png"), page.frame)


def run_and_kill(folder: Path, after: float, words: Sequence[object]) -> None:
    """Kill digits-train so many seconds after it has saved an epoch."""
    state = folder / checkpoint.STATE
    before = state.read_bytes() if state.exists() else None
    process = run("digits-train", *words)
    while not state.exists() or state.read_bytes() == before:
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(after)
    process.kill()
    process.communicate()


def kill_train(place: Path, times: int, rng: random.Random) -> None:
    """Kill digits-train and resume it: the weights are those of a run that nobody killed."""
    draw_data(place)
    options = ["--data", place / "glyphs", "--epochs", EPOCHS, "--device", "cpu"]
    finish("digits-train", *options, "--output", place / "once")
    folder, words, epochs = place / "run", [*options, "--output", place / "run"], []
    for _ in range(times):
        run_and_kill(folder, rng.uniform(0, 0.1), words)
        epochs.append(checkpoint.load(folder).state.epoch)
        words = ["--resume", folder]
    assert epochs[-1] < EPOCHS, "too fast a machine: raise EPOCHS"
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


# No room, and no right to write.


def contents(folder: Path) -> dict[Path, bytes]:
    """All files there, but for the mark of a killed run, which the next one may take away."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: path.read_bytes() for path in paths}


def refused(folder: Path) -> None:
    """Every saver and command says so in a line, and what was there stays as it was."""
    before = contents(folder)
    for save in SAVERS:
        with pytest.raises(InputError) as caught:
            save(folder, 2)
        assert len(str(caught.value).splitlines()) == 1
    glyphs, pages, outside = (folder.parent / name for name in ("glyphs", "pages", "half"))
    for words in (
        ["digits-train", "--data", glyphs, "--epochs", 1, "--output", folder / "new"],
        ["digits-train", "--resume", folder / "half"],
        ["digits-export", outside, "-o", folder / "new.onnx", *LOOSE],
        ["digits-cam", "collect", folder / "mine", "--source", pages, *TEXT],
        ["digits-cam", "--source", CLIP, "--record", folder / "seen"],
        ["digits-cam", "--source", CLIP, "--record", folder / "new.mp4"],
    ):
        process = run(*words)
        said = process.communicate()[1]
        assert process.returncode == 2, (words, process.returncode, said)
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, said
        assert "Traceback" not in said, said
        print(f"  {words[0]}: {errors[0].replace(str(folder), 'FOLDER')}")
    after = contents(folder)
    assert after == before, {path for path, _ in after.items() ^ before.items()}


def meet(fault: str, place: Path) -> None:
    """In a namespace of one's own: mount a small disk, fill it or forbid it, then free it again."""
    folder, filler = place / "disk", place / "disk" / "filler"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "none", folder], check=True)
    shutil.copytree(place / "half", folder / "half")
    shutil.copy(place / "maker.key", folder)
    for save in SAVERS:
        save(folder, 1)
    if fault == "full":
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 12))
    else:
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    refused(folder)
    if fault == "full":
        filler.unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
    for save in SAVERS:
        save(folder, 3)
    assert check(folder) == 3
    finish("digits-train", "--resume", folder / "half")
    print(f"{fault}: each says so in a line, what was there is whole; afterwards a run is resumed")


def mounted(fault: str, place: Path, times: int, rng: random.Random) -> None:
    """Start `meet` where one may mount."""
    draw_data(place)
    half = place / "half"
    run_and_kill(half, 0, ["--data", place / "glyphs", "--epochs", 20, "--output", half])
    keys.for_signing(place / "maker", p256=False)
    unshare = ["unshare", "--map-root-user", "--mount", sys.executable, __file__, "meet", fault]
    subprocess.run([*unshare, place], check=True)


PARTS = {
    "saving": kill_saving,
    "train": kill_train,
    "export": kill_export,
    "cam": kill_cam,
    "full": functools.partial(mounted, "full"),
    "readonly": functools.partial(mounted, "readonly"),
}


def main() -> None:
    """Do the part that is asked for."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    part, *rest = sys.argv[1:]
    if part == "meet":
        meet(rest[0], Path(rest[1]))
        return
    with tempfile.TemporaryDirectory() as place:
        rng = random.Random(0)  # noqa: S311 - moments, not secrets
        PARTS[part](Path(place), int(rest[0]) if rest else 1, rng)


if __name__ == "__main__":
    main()
