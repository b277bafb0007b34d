"""What a run leaves behind besides its checkpoint: how it was started, and how it went.

`run.json` has every start with its command and environment, `log.jsonl` one line an epoch,
`tensorboard/` the same as curves for TensorBoard.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from digits_runtime.files import write_whole

STARTS = "run.json"
LOG = "log.jsonl"
CURVES = "tensorboard"
_PACKAGES = ("digits-edge", "torch", "numpy", "opencv-python-headless", "lightning-fabric")


def environment(device: torch.device) -> dict[str, str | int]:
    """What a run's figures may depend on besides its settings."""
    there: dict[str, str | int] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }
    for package in _PACKAGES:
        try:
            there[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            there[package] = "not installed as a package"
    return there


def started(folder: Path, device: torch.device) -> None:
    """Add this start to `run.json`."""
    path = folder / STARTS
    try:
        starts = json.loads(path.read_text())["starts"]
    except (OSError, ValueError, KeyError, TypeError):
        # None yet; and a damaged note of earlier starts is no reason not to train.
        starts = []
    command = [Path(sys.argv[0]).name, *sys.argv[1:]]
    starts = [*starts, {"command": command, "environment": environment(device)}]
    write_whole(path, json.dumps({"starts": starts}, indent=1).encode())


def log(folder: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Write `log.jsonl` anew from the checkpoint's own history, so that it never disagrees."""
    lines = "".join(json.dumps(dict(entry)) + "\n" for entry in history)
    write_whole(folder / LOG, lines.encode())


class Curves:
    """Writes TensorBoard's event files; a resumed run goes on where its checkpoint is."""

    def __init__(self, folder: Path, epoch: int) -> None:
        self._writer = SummaryWriter(str(folder / CURVES), purge_step=epoch + 1)
        self._whole = True

    def add(self, entry: Mapping[str, float]) -> None:
        """Add the figures of one epoch."""
        self._whole = False
        for name, value in entry.items():
            if name != "epoch":
                self._writer.add_scalar(name, value, int(entry["epoch"]))
        self._writer.flush()
        self._whole = True

    def close(self) -> None:
        """Finish the file."""
        # Ctrl-C amid a write may leave the writer's queue locked for good; closing would wait.
        if self._whole:
            self._writer.close()


def remove(folder: Path) -> None:
    """Undo what a run wrote that never came to a checkpoint, and the folder if it is then empty."""
    shutil.rmtree(folder / CURVES, ignore_errors=True)
    (folder / STARTS).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
