"""The glyphs that a run's quantization is calibrated on, taken once and kept beside its reports."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits_calibration import samples
from digits_runtime.errors import InputError
from digits_runtime.files import read_bounded, write_whole
from digits_train import gather, snapshots
from digits_train.checkpoint import State

NAME = "calibration.npz"

_COUNT = 1024
_LARGEST = 256 << 20
# Counted up when other glyphs would be taken from the same data.
_VERSION = 2


def glyphs(state: State, data_dir: Path | None, kept: Path | None) -> NDArray[np.uint8]:
    """Training glyphs evenly over the classes; of each two the second as in a poor picture.

    Args:
        state: Of the run.
        data_dir: Folder of the run's data sets.
        kept: File they are kept in, `NAME` of the report's folder: read if it holds this run's,
            else written; None to do neither.

    Returns:
        uint8 `[<= 1024, 1, size, size]`, the same for every run on the same data.

    Raises:
        InputError: The data is missing, or is not what the run was trained on.
    """
    key = json.dumps(
        [
            _VERSION,
            dict(state.data),
            state.labels,
            state.settings.seed,
            state.ink.size,
            state.ink.box,
        ],
        sort_keys=True,
    )
    if kept is not None and (found := _read(kept, key, state)) is not None:
        return found
    sources = gather.load_split(state.settings, "train", state.labels, data_dir)
    for source in sources:
        if state.data.get(source.name) != source.sha256:
            raise InputError(
                f"{source.name} is not the data this run was trained on; restore it, "
                "or train a new run on what is there"
            )
    index = {label: number for number, label in enumerate(state.labels)}
    labels = np.array([index[str(label)] for s in sources for label in s.labels], np.int64)
    places = samples.stratified(labels, _COUNT, state.settings.seed)
    ends = np.cumsum([len(source) for source in sources])
    parts = np.empty((len(places), 1, state.ink.size, state.ink.size), np.uint8)
    for source, end in zip(sources, ends.tolist(), strict=True):
        mine = np.flatnonzero((places >= end - len(source)) & (places < end))
        parts[mine] = source.take(places[mine] - (end - len(source))).normalised(state.ink)
    rng = np.random.default_rng(state.settings.seed)
    parts[1::2] = snapshots.take(parts[1::2, 0], state.ink, rng)
    if kept is not None:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, glyphs=parts, key=np.array(key))
        write_whole(kept, buffer.getvalue())
    return parts


def _read(path: Path, key: str, state: State) -> NDArray[np.uint8] | None:
    """What is kept there, if it is this run's; anything else is taken anew."""
    if not path.exists():
        return None
    try:
        content = io.BytesIO(read_bounded(path, _LARGEST, "file of calibration glyphs"))
        with np.load(content, allow_pickle=False) as held:
            found: NDArray[np.uint8] = held["glyphs"]
            same = str(held["key"]) == key
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        return None
    shape = (1, state.ink.size, state.ink.size)
    fits = found.dtype == np.uint8 and found.shape[1:] == shape and len(found) > 0
    return found if same and fits else None
