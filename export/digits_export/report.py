"""What a search leaves to look at: every candidate and why the winner won, and how sure it is."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits_calibration import confidence
from digits_calibration.ranges import METHODS, Histogram, choose
from digits_export.recipe import Weights
from digits_export.search import Candidate
from digits_runtime.files import write_whole

_COLOURS: Mapping[Weights, str] = {"s7": "C0", "s8": "C1", "u8": "C2"}


def write_search(
    folder: Path,
    name: str,
    candidates: Sequence[Candidate],
    float_microseconds: float,
    layers: Sequence[str],
    noise: Mapping[str, float],
) -> None:
    """Write `NAME.json`, `NAME.md` and `NAME.png`.

    Args:
        folder: Must exist.
        name: `search`, or `recipe` where one was asked for, so that it keeps the search's.
        candidates: The winner first.
        float_microseconds: A glyph of the float model at batch 1, one thread.
        layers: Names of the layers that recipes number from 1.
        noise: Signal-to-noise of each layer's output of the first candidate, dB.
    """
    rows = [_row(candidate, float_microseconds) for candidate in candidates]
    document = {
        "float_us": round(float_microseconds, 2),
        "layers": dict(enumerate(layers, 1)),
        "signal_to_noise_db": {name: round(value, 2) for name, value in noise.items()},
        "candidates": rows,
    }
    write_whole(folder / f"{name}.json", (json.dumps(document, indent=1) + "\n").encode())
    write_whole(folder / f"{name}.md", _table(document, rows).encode())
    write_whole(folder / f"{name}.png", _plot(candidates, float_microseconds))


def write_ranges(folder: Path, held: Mapping[str, Histogram], samples: str) -> None:
    """Write `ranges.json`: the range of every tensor by every method.

    Args:
        folder: Must exist.
        held: Of each activation, by its name.
        samples: SHA-256 of what they were measured on.
    """
    found = {name: {m: choose(histogram, m) for m in METHODS} for name, histogram in held.items()}
    document = {"samples_sha256": samples, "ranges": found}
    write_whole(folder / "ranges.json", (json.dumps(document, indent=1) + "\n").encode())


def write_reliability(
    folder: Path, logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> None:
    """Write `reliability.png`: what answers claim against what they keep, before and after."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, title, divisor in zip(
        panels, ("as trained", f"temperature {temperature:g}"), (1.0, temperature), strict=True
    ):
        claimed, kept, share = np.array(confidence.reliability(logits, labels, divisor)).T
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.plot(claimed, kept, "o-", markersize=4)
        for x, y, part in zip(claimed, kept, share, strict=True):
            axes.annotate(
                f"{100 * part:.1f}",
                (x, y),
                (0, -12),
                textcoords="offset points",
                ha="center",
                fontsize=6,
                color="0.4",
            )
        error = 100 * float((share * np.abs(claimed - kept)).sum())
        axes.set_title(f"{title}: calibration error {error:.2f} %", fontsize=9)
        axes.set_xlabel("probability of the answer (small: % of answers)")
    panels[0].set_ylabel("share of them right")
    write_whole(folder / "reliability.png", _png(figure))


def _row(candidate: Candidate, float_microseconds: float) -> dict[str, object]:
    parity = candidate.parity
    return {
        "recipe": str(candidate.recipe),
        "changed": parity.changed,
        "of": parity.n,
        "points_lost": round(parity.drop, 4),
        "signal_to_noise_db": round(candidate.noise_ratio, 2),
        "us": round(candidate.microseconds, 2),
        "times_float": round(float_microseconds / candidate.microseconds, 3),
        "bytes": candidate.size,
        "integer_layers": candidate.integer,
        "float_layers": candidate.in_float,
        "verdict": candidate.verdict,
    }


def _table(document: Mapping[str, object], rows: Sequence[Mapping[str, object]]) -> str:
    noise = document["signal_to_noise_db"]
    layers = document["layers"]
    assert isinstance(noise, dict) and isinstance(layers, dict)  # noqa: PT018, S101
    lines = [
        "# Search for the recipe",
        "",
        f"Float: {document['float_us']} µs a glyph, batch 1, one thread, fastest round.",
        "",
        "| recipe | changed | points lost | logits' S/N, dB | µs | times float's speed | bytes "
        "| layers as integers, in float | verdict |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {r['recipe']} | {r['changed']} of {r['of']} | {r['points_lost']:+} | "
            f"{r['signal_to_noise_db']} | {r['us']} | {r['times_float']} | {r['bytes']:,} | "
            f"{r['integer_layers']}, {r['float_layers']} | {r['verdict']} |"
            for r in rows
        ),
        "",
        "Layers: " + ", ".join(f"{number} {name}" for number, name in layers.items()) + ".",
        "",
        "Signal-to-noise of each tensor of the first recipe (onnxruntime's `qdq_loss_debug`):",
        "",
        "| tensor | dB |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in noise.items()),
        "",
    ]
    return "\n".join(lines)


def _plot(candidates: Sequence[Candidate], float_microseconds: float) -> bytes:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for weights, colour in _COLOURS.items():
        some = [c for c in candidates if c.recipe.weights == weights]
        axes.scatter(
            [c.microseconds for c in some],
            [c.parity.changed for c in some],
            s=[16 if c.recipe.left else 30 for c in some],
            color=colour,
            alpha=0.6,
            label=weights,
        )
    first = candidates[0]
    axes.annotate(
        str(first.recipe),
        (first.microseconds, first.parity.changed),
        (8, 8),
        textcoords="offset points",
        fontsize=8,
    )
    axes.axvline(float_microseconds, color="0.6", linewidth=1, linestyle="--")
    axes.set_xlabel("µs a glyph, batch 1 (dashed: float; small dots: a layer left in float)")
    axes.set_ylabel(f"answers changed of {first.parity.n}")
    axes.legend(title="weights", fontsize=8)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
