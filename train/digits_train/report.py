"""What a person looks at after a run: curves, confusion matrix, worst mistakes, a model card."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits_runtime.files import write_whole
from digits_train.architectures import Scaled, parameters
from digits_train.checkpoint import State
from digits_train.inference import Samples, predict

_WORST = 64
_ACROSS = 8


def write(folder: Path, state: State, network: Scaled, validation: Mapping[str, Samples]) -> None:
    """Write `curves.png`, `confusion.png`, `mistakes.png` and `card.md` of a finished run.

    One without a history, a mean of others, has no curves.
    """
    images = np.concatenate([samples.images for samples in validation.values()])
    truth = np.concatenate([samples.labels for samples in validation.values()])
    logits = predict(network, images, next(network.parameters()).device)
    if state.history:
        write_whole(folder / "curves.png", curves(state.history))
    pictures(folder, images, truth, logits, state.labels, f"validation: {', '.join(validation)}")
    write_whole(folder / "card.md", card(state, parameters(network)).encode())


def pictures(
    folder: Path,
    images: NDArray[np.uint8],
    truth: NDArray[np.int64],
    logits: NDArray[np.float32],
    labels: Sequence[str],
    title: str,
) -> None:
    """Write `confusion.png` and `mistakes.png` for one set.

    Args:
        folder: Where to, must exist.
        images: uint8 `[n, 1, size, size]`.
        truth: Class indexes `[n]`.
        logits: float32 `[n, classes]`; a class after the labels is left aside.
        labels: Of the classes.
        title: Of the pictures.
    """
    named = logits[:, : len(labels)]
    named = named - named.max(axis=1, keepdims=True)
    shares = np.exp(named) / np.exp(named).sum(axis=1, keepdims=True)
    write_whole(folder / "confusion.png", confusion(truth, shares.argmax(1), labels, title))
    write_whole(folder / "mistakes.png", mistakes(images, truth, shares, labels, title))


def curves(history: Sequence[Mapping[str, float]]) -> bytes:
    """Loss, and errors on a logarithmic scale, by epoch: a PNG."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [entry["epoch"] for entry in history]
    left.plot(epochs, [entry["loss"] for entry in history], marker=".")
    left.set(title="training loss", xlabel="epoch")
    for name in history[-1]:
        if name in ("epoch", "loss"):
            continue
        label = "training, augmented" if name == "accuracy" else name
        # A run without a mistake has no place on a logarithmic scale.
        errors = [max(100 * (1 - entry[name]), 1e-2) for entry in history]
        right.plot(epochs, errors, marker=".", label=label)
    right.set(title="errors, %", xlabel="epoch", yscale="log")
    right.legend()
    return _png(figure)


def confusion(
    truth: NDArray[np.int64], answers: NDArray[np.int64], labels: Sequence[str], title: str
) -> bytes:
    """How often each label was taken for each other, in per cent of the label: a PNG."""
    count = len(labels)
    table = np.zeros((count, count))
    np.add.at(table, (truth, answers), 1)
    share = 100 * table / np.maximum(table.sum(1, keepdims=True), 1)
    side = max(4.5, 0.28 * count + 2)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    errors = share.copy()
    np.fill_diagonal(errors, 0)
    axes.imshow(errors, cmap="Reds", vmin=0, vmax=max(1.0, errors.max()))
    for row, column in np.argwhere(share >= 0.05):
        axes.text(
            column, row, f"{share[row, column]:.3g}", ha="center", va="center",
            fontsize=6 if count > 20 else 8,
        )  # fmt: skip
    axes.set_xticks(range(count), labels)
    axes.set_yticks(range(count), labels)
    right = 100 * np.trace(table) / max(table.sum(), 1)
    axes.set(xlabel="taken for", ylabel="is", title=f"{title}\n{right:.2f} % of {len(truth)} right")
    return _png(figure)


def mistakes(
    images: NDArray[np.uint8],
    truth: NDArray[np.int64],
    shares: NDArray[np.float32],
    labels: Sequence[str],
    title: str,
) -> bytes:
    """The 64 glyphs most surely taken for something else: a PNG."""
    answers = shares.argmax(1)
    wrong = np.flatnonzero(answers != truth)
    sure = shares[wrong, answers[wrong]] - shares[wrong, truth[wrong]]
    worst = wrong[np.argsort(-sure, kind="stable")][:_WORST]
    rows = max(1, -(-len(worst) // _ACROSS))
    figure = Figure(figsize=(_ACROSS * 1.1, rows * 1.35 + 0.5), layout="constrained")
    grid = figure.subplots(rows, _ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, index in zip(grid.flat, worst.tolist(), strict=False):
        axes.imshow(images[index, 0], cmap="gray_r", vmin=0, vmax=255)
        answer = answers[index]
        axes.set_title(
            f"{labels[truth[index]]} as {labels[answer]} {100 * shares[index, answer]:.0f}%",
            fontsize=8,
        )
    figure.suptitle(f"{title}: {len(worst)} worst of {len(wrong)} mistakes", fontsize=10)
    return _png(figure)


def card(state: State, size: int) -> str:
    """A model card (Mitchell et al. 2019) in Markdown."""
    settings = state.settings
    rejects = ' and "not a glyph"' if state.rejects else ""
    lines = [
        f"# {state.architecture.name}, {len(state.labels)} classes",
        "",
        f"{size:,} parameters; classes {' '.join(state.labels)}{rejects}; "
        f"input {state.ink.size}x{state.ink.size}, glyphs normalised to {state.ink.box} pixels.",
        "",
        "## Trained on",
        "",
        *(f"- {name}, SHA-256 {sha256}" for name, sha256 in state.data.items()),
        "",
        f"{settings.epochs} epochs, seed {settings.seed}, {settings.precision}"
        + (f", started from {Path(settings.init).name}" if settings.init else "")
        + (
            f", taught by {' and '.join(Path(t).name for t in settings.teachers)}"
            if settings.teachers
            else ""
        )
        + (f"; the mean of the weights of {len(state.averaged)} seeds" if state.averaged else "")
        + ". The commands and their environment: run.json.",
        "",
        "## Validation",
        "",
        *(f"- {name}: {100 * value:.2f} %" for name, value in state.accuracy.items()),
        "",
        "Validation data helped to choose the recipe; only sets never looked at tell how good it "
        "is. `mistakes.png` shows what it gets wrong.",
        "",
        "## For",
        "",
        "Reading single handwritten glyphs that digits_runtime cut out and normalised. Not for "
        "cursive words, and not where a misread digit does harm unseen.",
        "",
    ]
    return "\n".join(lines)


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()
