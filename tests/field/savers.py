"""What the commands save, each by the code that they save it with, and a look at what was saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from digits_export import seal
from digits_runtime import pictures
from digits_runtime.capture.health import Health
from digits_runtime.contract import Contract
from digits_runtime.crops import Album
from digits_runtime.outputs.record import recording
from digits_runtime.reading import Glyph, Reading
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, Session
from digits_runtime.tracking import Stable
from digits_train import checkpoint
from digits_train.run import BUNDLED as RUNS

FRAMES = 12
MODELS = [path.read_bytes() for path in (BUNDLED, BUNDLED_FLOAT)]
CONTRACTS = [Session(content, provider="cpu").contract for content in MODELS]
START = checkpoint.load(RUNS["bundled"])
GLYPH = Glyph("1", 0.5, (20, 20, 20, 20))


def frame_of(turn: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(turn).integers(0, 255, (60, 80, 3), np.uint8)


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
