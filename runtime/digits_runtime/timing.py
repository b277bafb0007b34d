"""Measures the speed of models, of reading a frame, and of a cold start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from digits_runtime import startup
from digits_runtime.errors import InputError
from digits_runtime.files import read_bounded
from digits_runtime.reader import Reader
from digits_runtime.session import Session
from digits_runtime.startup import Startup

K = TypeVar("K", bound=Hashable)

_BATCHES = (1, 8, 64)
_ROUNDS = 100
_ROUND = 0.002  # seconds
_WARMING = 4  # a round is preceded by one in so many runs of it
_FRAMES = 100
_LARGEST_REFERENCE = 256 << 20


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured: microseconds a glyph, of the fastest round; milliseconds else, medians.

    Attributes:
        glyph: By model, then by threads and batch.
        stages: Of reading the frame, with `total` and `total_p95`.
        start: Of a fresh interpreter.
    """

    glyph: Mapping[str, Mapping[str, float]]
    stages: Mapping[str, float]
    start: Startup

    def to_dict(self) -> dict[str, object]:
        """The JSON object of `digits-bench --json`."""
        return {
            "glyph_us": {name: dict(times) for name, times in self.glyph.items()},
            "frame_ms": dict(self.stages),
            "start": asdict(self.start),
        }

    def lines(self) -> list[str]:
        """The report for a person, ratios to the first model included."""
        cases = list(next(iter(self.glyph.values())))
        first = next(iter(self.glyph))
        table = [f"{'microseconds a glyph':32}" + "".join(f"{case:>20}" for case in cases)]
        for name, times in self.glyph.items():
            cells = [
                f"{times[case]:11.1f} ({times[case] / self.glyph[first][case]:4.2f}x)"
                for case in cases
            ]
            table.append(f"{name:32}" + "".join(f"{cell:>20}" for cell in cells))
        stages = ", ".join(
            f"{stage} {ms:.2f}" for stage, ms in self.stages.items() if "total" not in stage
        )
        held = self.start.resident_mb
        resident = "" if held is None else f", {held:.0f} MB resident"
        return [
            *table,
            "",
            f"a 640x480 frame of 21 digits, one thread: {self.stages['total']:.2f} ms, "
            f"p95 {self.stages['total_p95']:.2f} ({stages})",
            f"cold start: --help {self.start.help_ms:.0f} ms, "
            f"first answer {self.start.first_answer_ms:.0f} ms{resident}",
        ]


def measure(model: Path, versus: Path, reference: Path | None) -> Report:
    """Measure two models of ours, and a yardstick if there is one.

    Raises:
        InputError: A model cannot be used.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = sorted({1, cores or 1})
    runs: dict[tuple[str, str], tuple[Callable[[], object], int]] = {}
    for count in threads:
        sessions = {
            model.name: runner(Session(model, provider="cpu", threads=count)),
            versus.name: runner(Session(versus, provider="cpu", threads=count)),
        }
        if reference is not None:
            sessions[reference.name] = _yardstick(reference, count)
        for batch in _BATCHES:
            for name, run in sessions.items():
                runs[name, f"{count} thread, n={batch}"] = (run(batch), batch)
    glyph: dict[str, dict[str, float]] = {}
    for (name, case), seconds in fastest({key: run for key, (run, _) in runs.items()}).items():
        glyph.setdefault(name, {})[case] = 1e6 * seconds / runs[name, case][1]
    return Report(glyph, _stages(model), startup.measure())


def runner(session: Session) -> Callable[[int], Callable[[], object]]:
    """What runs a batch of so many glyphs through a model of ours."""

    def prepare(batch: int) -> Callable[[], object]:
        size = session.contract.ink.size
        glyphs = _noise((batch, 1, size, size))
        return lambda: session.logits(glyphs)

    return prepare


def _yardstick(path: Path, threads: int) -> Callable[[int], Callable[[], object]]:
    """Someone else's model: one input `[n, 1, 28, 28]`, float32 or uint8."""
    content = read_bounded(path, _LARGEST_REFERENCE, "reference model")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime raises a family of its own, one per cause
        raise InputError(f"the reference {path} is not a model onnxruntime loads") from None
    name = session.get_inputs()[0].name
    kind = np.uint8 if "uint8" in session.get_inputs()[0].type else np.float32
    try:
        session.run(None, {name: _noise((1, 1, 28, 28)).astype(kind)})
    except Exception:  # of the same family
        raise InputError(f"the reference {path} takes no glyphs [n, 1, 28, 28]") from None

    def prepare(batch: int) -> Callable[[], object]:
        # Bound beforehand, as a session of ours has its one glyph: the fastest way there is.
        glyphs = _noise((batch, 1, 28, 28)).astype(kind)
        binding = session.io_binding()
        binding.bind_input(name, "cpu", 0, kind, glyphs.shape, glyphs.ctypes.data)
        answers = session.run(None, {name: glyphs})
        for output, answer in zip(session.get_outputs(), answers, strict=True):
            binding.bind_output(
                output.name, "cpu", 0, answer.dtype.type, answer.shape, answer.ctypes.data
            )

        # A binding does not keep the arrays it points to.
        def run(kept: object = (glyphs, answers)) -> None:
            session.run_with_iobinding(binding)

        return run

    return prepare


def fastest(runs: Mapping[K, Callable[[], object]]) -> dict[K, float]:
    """Seconds that each takes, rounds alternating, so that a machine that drifts slows all alike.

    The fastest round counts: what else the machine does only ever adds.
    """
    times = {}
    for key, run in runs.items():
        run()
        started = time.perf_counter()
        run()
        times[key] = time.perf_counter() - started
    for _ in range(_ROUNDS):
        for key, run in runs.items():
            # Long enough for the clock, short enough for many rounds; the first runs fetch what the
            # others have driven from the caches.
            repeats = max(1, round(_ROUND / max(1e-6, times[key])))
            for _ in range(max(1, repeats // _WARMING)):
                run()
            started = time.perf_counter()
            for _ in range(repeats):
                run()
            times[key] = min(times[key], (time.perf_counter() - started) / repeats)
    return times


def _stages(model: Path) -> dict[str, float]:
    """Milliseconds a frame and a stage on one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        reader, frame = Reader(model, provider="cpu"), _frame()
        readings = [reader.read(frame) for _ in range(_FRAMES)]
    finally:
        cv2.setNumThreads(threads)
    stages = {
        stage: float(np.median([reading.durations[stage] for reading in readings]))
        for stage in readings[0].durations
    }
    totals = [sum(reading.durations.values()) for reading in readings]
    return {
        **stages,
        "total": float(np.median(totals)),
        "total_p95": float(np.percentile(totals, 95)),
    }


def _noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _frame() -> NDArray[np.uint8]:
    """A page in OpenCV's own font on paper that darkens to one side: uint8 `[480, 640, 3]`."""
    light = np.linspace(230, 120, 640)[None, :, None] * np.ones((480, 1, 3))
    page = np.asarray(light + np.random.default_rng(0).normal(0, 3, light.shape), np.uint8)
    for row, text in enumerate(("3141592", "6535897", "9323846")):
        for column, glyph in enumerate(text):
            place = (40 + 82 * column, 130 + 140 * row)
            cv2.putText(page, glyph, place, cv2.FONT_HERSHEY_SIMPLEX, 2.6, (60, 40, 40), 6)
    return page
