"""Quantization-aware training: fine-tune a run with the rounding of int8 in every step.

digits-train qat runs/digits --epochs 4
digits-export runs/digits-qat --int8

What is saved are plain float weights, exported by the same road as any others; `rounding` says how
they were rounded meanwhile.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from digits_train import checkpoint, run
from digits_train.checkpoint import State
from digits_train.devices import open_fabric

# The weights are near where they should be.
_GENTLER = 10


def qat(folder: Path, output: Path, *, epochs: int, device: str, data_dir: Path | None) -> State:
    """Fine-tune the run in `folder` into `output`, taught by what it was.

    Args:
        folder: Of a finished run.
        output: Folder of the new run.
        epochs: Of fine-tuning.
        device: auto, cpu or cuda.
        data_dir: Folder of the data sets of the run.

    Raises:
        InputError: The run cannot be read, or `output` holds one.
    """
    run.check_free(output)
    loaded = checkpoint.load(folder)
    place = str(folder.resolve())
    settings = replace(
        loaded.state.settings,
        epochs=epochs,
        init=place,
        teachers=(place,),
        precision="fp32",
        learning_rate=loaded.state.settings.learning_rate / _GENTLER,
        rounded=True,
    )
    fresh = replace(
        loaded.state,
        settings=settings,
        parent=loaded.sha256,
        epoch=0,
        accuracy={},
        history=(),
        averaged=(),
    )
    return run.begin(output, fresh, open_fabric(device), data_dir, start=loaded, teachers=[loaded])
