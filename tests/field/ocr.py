"""One reader of numbers, asked picture by picture: `make bench-photos` runs one for each engine.

    python tests/field/ocr.py ours|rapidocr|rapidocr-1|tesseract

Reads names of .npy files (uint8 BGR `[h, w, 3]`) from standard input, a line each, and answers with
a line of JSON: the lines of digits found, and the milliseconds from the array to them, by the
clock and of processors. It runs in the engine's own environment, so it imports nothing of this
project but for `ours`.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

DIGITS_ONLY = "tessedit_char_whitelist=0123456789"
TESSERACT = ["tesseract", "stdin", "stdout", "--psm", "6", "-c", DIGITS_ONLY]

Read = Callable[[Any], list[str]]


def ours() -> Read:
    """The bundled int8 model, on one thread."""
    from digits_runtime import Reader

    cv2.setNumThreads(1)
    reader = Reader(provider="cpu")
    return lambda picture: reader.read(picture).text.splitlines()


def rapidocr(threads: int) -> Read:
    """RapidOCR on so many threads, -1 as it comes; what stands side by side becomes one line."""
    from rapidocr_onnxruntime import RapidOCR

    cv2.setNumThreads(threads)
    engine = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=threads)

    def read(picture: Any) -> list[str]:
        found, _ = engine(picture)
        lines: list[list[tuple[float, float, float, str]]] = []
        for corners, text, _ in sorted(found or [], key=lambda each: np.mean(each[0], 0)[1]):
            (x, y), height = np.mean(corners, 0), np.ptp(np.array(corners)[:, 1])
            piece = (x, y, height, text)
            if lines and abs(y - np.mean([p[1] for p in lines[-1]])) < height / 2:
                lines[-1].append(piece)
            else:
                lines.append([piece])
        return ["".join(piece[3] for piece in sorted(line)) for line in lines]

    return read


def tesseract() -> Read:
    """Tesseract's program, told that there are digits only; its start counts as its time."""

    def read(picture: Any) -> list[str]:
        done = subprocess.run(
            TESSERACT,
            input=cv2.imencode(".ppm", picture)[1].tobytes(),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().splitlines()

    return read


def processor_seconds() -> float:
    """Used by this process on all its threads, and by programs it ran."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def main() -> None:
    read = {
        "ours": ours,
        "rapidocr": lambda: rapidocr(-1),
        "rapidocr-1": lambda: rapidocr(1),
        "tesseract": tesseract,
    }[sys.argv[1]]()
    for name in sys.stdin:
        picture = np.load(name.rstrip("\n"))
        started, used = time.perf_counter(), processor_seconds()
        lines = read(picture)
        ms = 1e3 * (time.perf_counter() - started), 1e3 * (processor_seconds() - used)
        print(json.dumps({"lines": lines, "ms": ms}), flush=True)


if __name__ == "__main__":
    main()
