"""Every way to name a glyph, learnt from the same glyphs, in one table and one picture.

digits-train compare --output build/compare
"""

from __future__ import annotations

import io
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digits_runtime.contract import DIGITS, InkSpec
from digits_runtime.errors import InputError
from digits_runtime.files import write_whole
from digits_train import baselines, checkpoint, data, gather, inference, trainer
from digits_train.architectures import LEARNING_RATES, NAMES, parameters
from digits_train.augment import canvas
from digits_train.checkpoint import Settings
from digits_train.devices import open_fabric
from digits_train.inference import Samples
from digits_train.trainer import Trainer

SETS = ("mnist", "usps", "photo_crops", "unipen")
_SYNTHETIC = ("synth",)
# Glyphs at a time when speed is measured: what a page of numbers has.
_BATCH = 64

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Row:
    """One reader's figures.

    Attributes:
        name: Of the method.
        accuracy: Share named rightly, 0 to 1, by set.
        parameters: Numbers learnt.
        bytes: Of its file.
        seconds: To learn.
        microseconds: A glyph, features included, one thread, 64 at a time.
    """

    name: str
    accuracy: Mapping[str, float]
    parameters: int
    bytes: int
    seconds: float
    microseconds: float


def compare(
    output: Path,
    *,
    glyphs: int,
    epochs: int,
    seed: int,
    data_dir: Path | None,
    methods: Sequence[str],
    say: Callable[[str], None],
) -> list[Row]:
    """Train and measure every method on MNIST, or on synthetic digits where there is no data.

    Args:
        output: Folder for `compare.json`, `compare.md` and `compare.png`, made if need be.
        glyphs: How many training glyphs each learns from.
        epochs: Passes of the networks over them, varied anew each time.
        seed: Of everything.
        data_dir: Folder of the named sets; None: no recorded handwriting.
        methods: Parts of names, in any case; empty: all methods.
        say: Takes one line for each method done.

    Raises:
        InputError: A method is unknown, a set missing or damaged, or the folder not writable.
    """
    spec = InkSpec()
    classical = baselines.all_of(seed)
    known = [*(each.name.lower() for each in classical), *NAMES]
    for method in methods:
        if not any(method.lower() in name for name in known):
            raise InputError(f"{method!r} is no method; known: {', '.join(known)}")
    source = "mnist" if data_dir else "synth"
    names = SETS if data_dir else _SYNTHETIC
    settings = Settings(data=(source,), epochs=epochs, seed=seed, negatives=0)
    (whole,) = gather.load_split(settings, "train", DIGITS, data_dir)
    some = whole.take(np.random.default_rng(seed).permutation(len(whole))[:glyphs])
    sources = {some.name: some.sha256}
    chosen, plain = (gather.samples([some], DIGITS, size) for size in (canvas(spec), spec))
    tests = {
        name: gather.samples(
            [data.load(name, "test", classes=DIGITS, data_dir=data_dir, seed=seed)], DIGITS, spec
        )
        for name in names
    }
    wanted = [method.lower() for method in methods]
    rows = []
    for baseline in classical:
        if wanted and not any(part in baseline.name.lower() for part in wanted):
            continue
        start = time.perf_counter()
        baseline.fit(plain.images, plain.labels)
        seconds = time.perf_counter() - start
        rows.append(
            Row(
                baseline.name,
                {name: _share(baseline.predict(s.images), s.labels) for name, s in tests.items()},
                baseline.parameters(),
                baseline.size(),
                seconds,
                _microseconds(baseline.predict, plain.images),
            )
        )
        say(_line(rows[-1]))
    for arch in reversed(NAMES):
        if wanted and not any(part in arch for part in wanted):
            continue
        rows.append(_network(arch, settings, sources, chosen, plain, tests))
        say(_line(rows[-1]))
    output.mkdir(parents=True, exist_ok=True)
    facts = {"trained_on": source, "glyphs": len(chosen.images), "epochs": epochs, "seed": seed}
    document = {**facts, "methods": [asdict(row) for row in rows]}
    write_whole(output / "compare.json", json.dumps(document, indent=1).encode())
    write_whole(output / "compare.md", table(rows).encode())
    write_whole(output / "compare.png", picture(rows, names[0]))
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    names = list(rows[0].accuracy)
    lines = [
        f"| | {' | '.join(names)} | parameters | kB | seconds to learn | µs a glyph |",
        "|---" * (len(names) + 5) + "|",
    ]
    for row in rows:
        shares = " | ".join(f"{100 * row.accuracy[name]:.2f}" for name in names)
        lines.append(
            f"| {row.name} | {shares} | {row.parameters:,} | {row.bytes / 1000:,.0f} "
            f"| {row.seconds:.0f} | {row.microseconds:.0f} |"
        )
    return "\n".join(lines) + "\n"


def picture(rows: Sequence[Row], name: str) -> bytes:
    """Errors on one set against the size of the file: a PNG."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    # Seven, for the colours come round after ten.
    for row, marker in zip(rows, itertools.cycle("os^DvPX"), strict=False):
        error = max(100 * (1 - row.accuracy[name]), 1e-2)
        axes.plot(row.bytes / 1000, error, marker, label=row.name)
    # Beside the plot: good methods lie close together, and names on the points would overlap.
    figure.legend(loc="outside right upper")
    axes.set(xscale="log", yscale="log", xlabel="size of the file, kB", ylabel=f"{name}: errors, %")
    axes.margins(x=0.2, y=0.15)
    axes.grid(alpha=0.3)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110, metadata={"Software": None})
    return out.getvalue()


def _network(
    arch: str,
    settings: Settings,
    sources: Mapping[str, str],
    chosen: Samples,
    plain: Samples,
    tests: Mapping[str, Samples],
) -> Row:
    settings = replace(settings, learning_rate=LEARNING_RATES[arch])
    state = trainer.fresh(settings, DIGITS, sources, InkSpec(), arch=arch)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        fabric = open_fabric("auto")
        run = Trainer(Path(folder), state, chosen, {}, fabric)
        run.run(lambda _: None, lambda _: None)
        seconds = time.perf_counter() - start
        (tensors,) = Path(folder).glob("*.safetensors")
        loaded, size = checkpoint.load(Path(folder)), tensors.stat().st_size
    network, cpu = loaded.network(), torch.device("cpu")

    def answers(images: Images) -> NDArray[np.int64]:
        found: NDArray[np.int64] = inference.predict(network, images, cpu).argmax(1)
        return found

    return Row(
        arch,
        {name: _share(answers(samples.images), samples.labels) for name, samples in tests.items()},
        parameters(network),
        size,
        seconds,
        _microseconds(answers, plain.images),
    )


def _share(answers: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return float((answers == truth).mean())


def _microseconds(predict: Callable[[Images], object], images: Images) -> float:
    """The median of a few goes on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        took = []
        for _ in range(9):
            start = time.perf_counter()
            predict(images[:_BATCH])
            took.append((time.perf_counter() - start) / len(images[:_BATCH]))
    finally:
        torch.set_num_threads(threads)
    return 1e6 * float(np.median(took))


def _line(row: Row) -> str:
    shares = ", ".join(f"{name} {100 * share:.2f} %" for name, share in row.accuracy.items())
    return f"{row.name}: {shares}; {row.bytes / 1000:,.0f} kB, {row.seconds:.0f} s to learn"
