"""The same weights on several engines, in one run: one thread, one glyph, eight, and sixty-four.

    make bench-engines                            the bundled digits
    make bench-engines REFERENCE=folder           beside reference-int8.onnx, reference-fp32.onnx

Each engine runs in a process of its own, in an environment of its own under build/engines, since
they ask for packages that clash; rounds go from engine to engine, and the fastest round counts.
Every engine's logits are compared with onnxruntime's float ones first. An engine that cannot be
installed or cannot run a model says why in its row.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from digits_runtime.session import BUNDLED, BUNDLED_FLOAT

_BATCHES = (1, 8, 64)
_ROUNDS = 40
_SECONDS = 0.003
_WORKER = Path(__file__).with_name("engine_worker.py")
_PLACE = Path("build/engines")


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one engine: `path` is what the worker loads."""

    engine: str
    kind: str
    path: str


class Worker:
    """A process that holds one engine."""

    def __init__(self, python: str, engine: str) -> None:
        self._process = subprocess.Popen(
            [python, str(_WORKER), engine],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ask(self, path: str, batch: int, runs: int) -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = json.dumps({"path": path, "batch": batch, "runs": runs})
        try:
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {"error": "the engine's process ended"}
        for line in self._process.stdout:
            try:
                return json.loads(line)
            except ValueError:
                continue  # an engine that talks
        return {"error": "the engine's process ended"}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def environment(
    name: str, packages: Sequence[str], *options: str, python: str = sys.executable
) -> Path:
    """A virtual environment with these packages, made once."""
    place = _PLACE / name
    if not (place / ".ready").exists():
        print(f"installing {', '.join(packages)}", file=sys.stderr)
        subprocess.run([python, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(place / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install"]
        subprocess.run(
            [*pip, "--quiet", *options, *packages], check=True, stderr=subprocess.DEVNULL
        )
        (place / ".ready").touch()
    return place


def float_input(path: Path) -> onnx.ModelProto:
    """The float model with its cast taken off, one glyph at a time, as converters like it."""
    model = onnx.load(path)
    graph = model.graph
    (cast,) = (node for node in graph.node if node.op_type == "Cast")
    for node in graph.node:
        node.input[:] = ["glyphs" if name == cast.output[0] else name for name in node.input]
    graph.node.remove(cast)
    graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return model


def for_ncnn(python: Path, model: onnx.ModelProto) -> str:
    """Convert with pnnx, ncnn's own converter; returns the files' common stem."""
    folder = _PLACE / "converted"
    folder.mkdir(exist_ok=True)
    onnx.save(model, folder / "digits.onnx")
    (pnnx,) = python.glob("lib/python*/site-packages/pnnx/pnnx")
    subprocess.run(
        [str(pnnx.resolve()), "digits.onnx", "inputshape=[1,1,28,28]f32"],
        cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return str(folder / "digits.ncnn")


def rows(reference: Path | None) -> Iterator[tuple[Row, str]]:
    """What is measured, with the Python that runs it."""
    here, whole, small = sys.executable, str(BUNDLED_FLOAT), str(BUNDLED)
    yield Row("onnxruntime", "float", whole), here
    yield Row("onnxruntime", "int8", small), here
    if reference is not None:
        for kind in ("fp32", "int8"):
            path = str(reference / f"reference-{kind}.onnx")
            yield Row("onnxruntime", f"reference {kind}", path), here
    yield Row("opencv", "float", whole), here
    yield Row("opencv", "int8", small), here
    try:
        place = environment("openvino", ["openvino>=2025.0"])
        for kind, path in (("float", whole), ("int8", small)):
            yield Row("openvino", kind, path), str(place / "bin/python")
        if reference is not None:
            path = str(reference / "reference-int8.onnx")
            yield Row("openvino", "reference int8", path), str(place / "bin/python")
        place = environment("ncnn", ["ncnn>=1.0.20250503"])
        environment("pnnx", ["pnnx>=20250530"], "--no-deps")
        stem = for_ncnn(_PLACE / "pnnx", float_input(BUNDLED_FLOAT))
        yield Row("ncnn", "float", stem), str(place / "bin/python")
        place = environment(
            "litert", ["ai-edge-litert>=2.0", "onnx2tf>=2.4"], python=_newer_python()
        )
        for kind, path in for_litert(place).items():
            yield Row("litert", kind, path), str(place / "bin/python")
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"left out, with what follows: {error}", file=sys.stderr)


def _newer_python() -> str:
    """onnx2tf asks for Python 3.12."""
    if sys.version_info >= (3, 12):
        return sys.executable
    for name in ("python3.12", "python3.13"):
        path = shutil.which(name)
        if path and not subprocess.run([path, "-V"], capture_output=True, check=False).returncode:
            return path
    raise OSError("LiteRT needs its converter onnx2tf, and that Python 3.12")


def for_litert(place: Path) -> Mapping[str, str]:
    """Convert with onnx2tf, which makes float operations of what is quantized."""
    folder = _PLACE / "tflite"
    folder.mkdir(exist_ok=True)
    onnx.save(float_input(BUNDLED_FLOAT), folder / "float.onnx")
    shutil.copy(BUNDLED, folder / "int8.onnx")
    for name in ("float", "int8"):
        subprocess.run(
            [str((place / "bin/onnx2tf").resolve()), "-i", f"{name}.onnx", "-o", name, "-n"],
            cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    return {name: str(folder / name / f"{name}_float32.tflite") for name in ("float", "int8")}


def main() -> None:
    reference = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    workers: dict[tuple[str, str], Worker] = {}
    asked = []
    for row, python in rows(reference):
        key = (row.engine, python)
        if key not in workers:
            workers[key] = Worker(python, row.engine)
        asked.append((row, workers[key]))
    expected = None
    times: dict[tuple[Row, int], float] = {}
    notes: dict[Row, str] = {}
    for row, worker in asked:
        answer = worker.ask(row.path, 64, 0)
        if isinstance(answer, dict):
            notes[row] = answer["error"]
            continue
        logits = np.array(answer)
        expected = logits if expected is None else expected
        if "reference" in row.kind:
            notes[row] = ""
        else:
            same = (logits.argmax(1) == expected.argmax(1)).mean()
            notes[row] = f"{100 * same:.0f} % as float, within {abs(logits - expected).max():.2g}"
        for batch in _BATCHES:
            answer = worker.ask(row.path, batch, 3)
            times[row, batch] = float("inf") if isinstance(answer, dict) else float(answer)  # type: ignore[arg-type]
    for _ in range(_ROUNDS):
        for row, worker in asked:
            for batch in _BATCHES:
                known = times.get((row, batch), float("inf"))
                if known < float("inf"):
                    runs = max(1, round(1e6 * _SECONDS / known / batch))
                    answer = worker.ask(row.path, batch, runs)
                    times[row, batch] = min(known, float(answer))  # type: ignore[arg-type]
    for worker in workers.values():
        worker.close()
    base = next(row for row, _ in asked if row.kind == "int8")
    print(
        "| engine | model | " + " | ".join(f"n={b}, µs a glyph" for b in _BATCHES) + " | logits |"
    )
    print("|---" * (len(_BATCHES) + 3) + "|")
    for row, _ in asked:
        cells = [
            f"{times[row, b]:.1f} ({times[row, b] / times[base, b]:.2f}x)"
            if (row, b) in times
            else ""
            for b in _BATCHES
        ]
        print(f"| {row.engine} | {row.kind} | {' | '.join(cells)} | {notes[row]} |")


if __name__ == "__main__":
    main()
