"""One export from checkpoint to bytes: convert, quantize, hold to the gate, describe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from digits_calibration import confidence, samples
from digits_export import activations, calibration, convert, gate, noise, quantize, report
from digits_export.activations import Activations
from digits_export.gate import Limits, Parity
from digits_export.recipe import Recipe
from digits_export.search import Candidate, Judge, judged, search
from digits_runtime.contract import Contract, Precision
from digits_runtime.errors import GateError
from digits_runtime.session import Session
from digits_train import checkpoint, gather, inference
from digits_train.checkpoint import State

_NAMED = {labels: name for name, labels in gather.NAMED_CLASSES.items()}
# Fewer validation glyphs than this say little.
_FEW = 200
# The float graph must be right for one glyph and for many.
_BATCHES = (1, 512)
# Samples that a failing recipe's signal-to-noise is measured on.
_EXAMINED = 256


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of an export.

    Attributes:
        precision: Of the file.
        recipe: Of int8; None to search for it.
        limits: What fp16 and int8 may be worse in than float.
        data_dir: Folder of the data sets the run was trained on.
        reports: Folder for the search's report, the calibration glyphs and the plots, made if
            need be; None for none.
    """

    precision: Precision = "float"
    recipe: Recipe | None = None
    limits: Limits = field(default_factory=Limits)
    data_dir: Path | None = None
    reports: Path | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """A model that passed the gate.

    Attributes:
        content: The ONNX file.
        contract: What it says of itself.
        parity: Float against it on the validation split; None for a float export.
        confidence: Temperature, threshold and calibration error before and after.
        validated: Validation glyphs that accuracy and confidence rest on.
        training: The options of the run, as one would type them.
        speed: Microseconds a glyph at batch 1 here, float's and its own; None unless int8.
    """

    content: bytes
    contract: Contract
    parity: Parity | None
    confidence: confidence.Confidence
    validated: int
    training: str
    speed: tuple[float, float] | None


def export(
    folder: Path,
    order: Order,
    say: Callable[[str], None],
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Exported:
    """Export the checkpoint in `folder`.

    Args:
        folder: Of the run.
        order: What is asked for.
        say: Takes one line for each thing done.
        progress: Told the recipe under trial, its number, and how many there are.

    Raises:
        InputError: The run or its data cannot be read.
        GateError: The model is not good enough to leave.
    """
    loaded = checkpoint.load(folder)
    state = loaded.state
    model = convert.to_onnx(loaded.network(), state.ink.size)
    plain = Contract(
        labels=state.labels,
        rejects=state.rejects,
        ink=state.ink,
        temperature=1.0,
        threshold=0.5,
        precision="float",
        data=state.data,
        seed=state.settings.seed,
        parent=loaded.sha256,
    )

    def described(graph: onnx.ModelProto) -> bytes:
        return convert.to_bytes(graph, plain)

    if order.precision == "int8":
        # Before the data is read: it takes a while, and not every network can be quantized.
        quantize.check(model, order.recipe)
    validation = gather.samples(
        gather.load_split(state.settings, "validation", state.labels, order.data_dir),
        state.labels,
        state.ink,
    )
    expected = inference.predict(loaded.network(), validation.images, torch.device("cpu"))
    for batch in _BATCHES:
        logits = _logits(described(model), validation.images, batch)
        gate.same_function(expected, logits)
    named = len(state.labels)
    parity = gate.compare(expected, logits, validation.labels, named)
    say(f"float: {100 * parity.after:.3f} % of {parity.n} validation glyphs, as in torch")
    judge = Judge(described, validation.images, validation.labels, named, logits, order.limits)
    accuracy = {"float": round(parity.after, 6)}
    recipe: dict[str, str] = {}
    speed = None
    if order.precision == "fp16":
        model = convert.to_fp16(model)
        half = _logits(described(model), validation.images, _BATCHES[-1])
        parity = gate.compare(logits, half, validation.labels, named)
        gate.hold(gate.faults(parity, 0, 0, order.limits), "fp16", "Export float or int8 instead")
        logits = half
    if order.precision == "int8":
        winner, float_microseconds, recipe = _quantized(model, judge, state, order, say, progress)
        model, parity = winner.model, winner.parity
        speed = (float_microseconds, winner.microseconds)
        logits = _logits(described(model), validation.images, _BATCHES[-1])
    if order.precision != "float":
        say(
            f"{order.precision}: {100 * parity.after:.3f} %, {parity.changed} answers changed, "
            f"{parity.drop:+.3f} points lost of {order.limits.drop:g} allowed"
        )
        accuracy[order.precision] = round(parity.after, 6)
    fitted = confidence.fit(logits, validation.labels)
    if order.reports is not None:
        order.reports.mkdir(exist_ok=True)
        report.write_reliability(order.reports, logits, validation.labels, fitted.temperature)
    if len(logits) < _FEW:
        say(
            f"warning: {len(logits)} validation glyphs show little of how good the model is or how "
            "sure it may be; give more pictures of each class"
        )
    say(
        f"temperature {fitted.temperature:g}: calibration error "
        f"{100 * fitted.error_before:.2f} to {100 * fitted.error_after:.2f} %; "
        f"a glyph is named from {fitted.threshold:g} on"
    )
    contract = replace(
        plain,
        temperature=fitted.temperature,
        threshold=fitted.threshold,
        precision=order.precision,
        accuracy=accuracy,
        recipe=recipe,
    )
    return Exported(
        convert.to_bytes(model, contract),
        contract,
        None if order.precision == "float" else parity,
        fitted,
        len(logits),
        _command(state),
        speed,
    )


def _quantized(
    model: onnx.ModelProto,
    judge: Judge,
    state: State,
    order: Order,
    say: Callable[[str], None],
    progress: Callable[[str, int, int], None],
) -> tuple[Candidate, float, dict[str, str]]:
    """Calibrate, search or follow the recipe, report, and hold the winner to the gate.

    Returns:
        The winner, microseconds of the float model, and the recipe for the metadata.
    """
    kept = None
    if order.reports is not None:
        order.reports.mkdir(exist_ok=True)
        kept = order.reports / calibration.NAME
    say("calibrating on the training split")
    chosen = calibration.glyphs(state, order.data_dir, kept)
    held = activations.calibrate(model, chosen)
    digest = samples.digest(chosen)
    if order.recipe is None:
        float_microseconds, tried = search(model, held, judge, progress)
    else:
        float_microseconds, tried = judged(model, held, judge, order.recipe)
    winner = tried[0]
    if order.reports is not None:
        report.write_ranges(order.reports, held.histograms, digest)
        levels = (
            {} if winner.won else noise.by_tensor(model, held, winner.recipe, chosen[:_EXAMINED])
        )
        report.write_search(
            order.reports,
            "search" if order.recipe is None else "recipe",
            tried,
            float_microseconds,
            quantize.layers(model),
            levels,
        )
    if not winner.won:
        raise GateError(_refusal(model, held, winner, chosen, order))
    say(
        f"{winner.recipe}: {float_microseconds / winner.microseconds:.2f} times as fast as float "
        f"at batch 1 ({winner.microseconds:.1f} against {float_microseconds:.1f} µs)"
    )
    document = {
        **winner.recipe.to_dict(),
        "calibration": f"{len(chosen)} training glyphs, half as cameras see them, sha256 {digest}",
        "gate": str(order.limits),
    }
    return winner, float_microseconds, document


def _refusal(
    model: onnx.ModelProto,
    held: Activations,
    best: Candidate,
    chosen: NDArray[np.uint8],
    order: Order,
) -> str:
    """One line: what the best recipe fails by, and where it loses."""
    levels = noise.by_tensor(model, held, best.recipe, chosen[:_EXAMINED])
    worst = sorted(levels, key=lambda name: levels[name])[:3]
    where = ", ".join(f"{name} {levels[name]:.1f} dB" for name in worst)
    return (
        f"the int8 model by {best.recipe} {best.verdict}; nothing was written. Least "
        f"signal-to-noise: {where}. Train longer, try digits-train qat, or allow more"
        + (f"; all that was tried is in {order.reports}" if order.reports else "")
    )


def _command(state: State) -> str:
    """The command that makes such a run again; of folders only the last name, as of data."""
    settings = state.settings
    return (
        f"digits-train --data {','.join(Path(name).name for name in settings.data)} "
        f"--classes {_NAMED.get(state.labels) or ','.join(state.labels)} "
        f"--epochs {settings.epochs} --seed {settings.seed}"
        + (" --clean" if settings.clean else "")
        + f" --arch {state.architecture.name}"
        + (f" --init {Path(settings.init).name}" if settings.init else "")
        + "".join(f" --teacher {Path(teacher).name}" for teacher in settings.teachers)
        + (f" --seeds {len(state.averaged)}` and `digits-train soup" if state.averaged else "")
    )


def _logits(content: bytes, images: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
    """Run a model through the runtime's own session, `batch` glyphs at a time."""
    session = Session(content, provider="cpu")
    parts = [
        session.logits(images[start : start + batch]) for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)
