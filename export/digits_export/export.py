"""One export from checkpoint to bytes: convert, quantize, hold to the gate, describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digits_calibration import confidence, samples
from digits_export import convert, gate, quantize
from digits_export.gate import Parity
from digits_runtime.contract import Contract
from digits_runtime.session import Session
from digits_train import checkpoint, gather, inference
from digits_train.checkpoint import State

_CALIBRATION = 1024
# Fewer validation glyphs than this say little.
_FEW = 200
# The float graph must be right for one glyph and for many.
_BATCHES = (1, 512)


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that passed the gate.

    Attributes:
        content: The ONNX file.
        contract: What it says of itself.
        parity: Float against int8 on the validation split; None for a float export.
        confidence: Temperature, threshold and calibration error before and after.
        validated: Validation glyphs that accuracy and confidence rest on.
        training: The options of the run, as one would type them.
    """

    content: bytes
    contract: Contract
    parity: Parity | None
    confidence: confidence.Confidence
    validated: int
    training: str


def export(
    folder: Path,
    *,
    int8: bool,
    max_drop: float,
    data_dir: Path | None,
    report: Callable[[str], None],
) -> Exported:
    """Export the checkpoint in `folder`.

    Args:
        folder: Of the run.
        int8: Quantize, calibrated on the run's own training split.
        max_drop: Points of validation accuracy that int8 may lose against float.
        data_dir: Folder of the data sets the run was trained on.
        report: Takes one line for each thing done.

    Raises:
        InputError: The run or its data cannot be read.
        GateError: The model is not good enough to leave.
    """
    loaded = checkpoint.load(folder)
    state = loaded.state
    settings = state.settings
    network = loaded.network()
    validation = gather.samples(
        gather.load_split(settings, "validation", state.labels, data_dir), state.labels, state.ink
    )
    expected = inference.predict(network, validation.images, torch.device("cpu"))
    model = convert.to_onnx(network, state.ink.size)
    contract = Contract(
        labels=state.labels,
        rejects=state.rejects,
        ink=state.ink,
        temperature=1.0,
        threshold=0.5,
        precision="float",
        data=state.data,
        seed=settings.seed,
        parent=loaded.sha256,
    )
    for batch in _BATCHES:
        some = slice(0, None if batch > 1 else 200)
        got = _logits(convert.to_bytes(model, contract), validation.images[some], batch)
        gate.same_function(expected[some], got)
    named = len(state.labels)
    parity = gate.compare(expected, got, validation.labels, named)
    report(f"float: {100 * parity.after:.3f} % of {parity.n} validation glyphs, as in torch")
    accuracy = {"float": round(parity.after, 6)}
    recipe: dict[str, str] = {}
    if int8:
        training = gather.samples(
            gather.load_split(settings, "train", state.labels, data_dir), state.labels, state.ink
        )
        chosen = samples.stratified(training.images, training.labels, _CALIBRATION, settings.seed)
        model = quantize.to_int8(model, chosen)
        recipe = {
            **quantize.RECIPE,
            "calibration": f"{len(chosen)} training glyphs, sha256 {samples.digest(chosen)}",
        }
        quantized = _logits(convert.to_bytes(model, contract), validation.images, _BATCHES[-1])
        parity = gate.compare(got, quantized, validation.labels, named)
        gate.small_loss(parity, max_drop)
        report(
            f"int8: {100 * parity.after:.3f} %, {parity.changed} answers changed, "
            f"{parity.drop:+.3f} points lost of {max_drop:g} allowed"
        )
        accuracy["int8"] = round(parity.after, 6)
        got = quantized
    fitted = confidence.fit(got, validation.labels)
    if len(got) < _FEW:
        report(
            f"warning: {len(got)} validation glyphs show little of how good the model is or how "
            "sure it may be; give more pictures of each class"
        )
    report(
        f"temperature {fitted.temperature:g}: calibration error "
        f"{100 * fitted.error_before:.2f} to {100 * fitted.error_after:.2f} %; "
        f"a glyph is named from {fitted.threshold:g} on"
    )
    contract = Contract(
        labels=state.labels,
        rejects=state.rejects,
        ink=state.ink,
        temperature=fitted.temperature,
        threshold=fitted.threshold,
        precision="int8" if int8 else "float",
        data=state.data,
        seed=settings.seed,
        accuracy=accuracy,
        recipe=recipe,
        parent=loaded.sha256,
    )
    content = convert.to_bytes(model, contract)
    return Exported(content, contract, parity if int8 else None, fitted, len(got), _command(state))


def _command(state: State) -> str:
    """The command that makes such a run again."""
    settings = state.settings
    return (
        f"digits-train --data {','.join(Path(name).name for name in settings.data)} "
        f"--classes {','.join(state.labels)} "
        f"--epochs {settings.epochs} --seed {settings.seed}"
        + f" --arch {state.architecture.name}"
        + (f" --width {settings.width}" if settings.width > 1 else "")
        + (f" --init {settings.init}" if settings.init else "")
        + (f" --teacher {settings.teacher}" if settings.teacher else "")
    )


def _logits(content: bytes, images: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
    """Run a model through the runtime's own session, `batch` glyphs at a time."""
    session = Session(content, provider="cpu")
    parts = [
        session.logits(images[start : start + batch]) for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)
