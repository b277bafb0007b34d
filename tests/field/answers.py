"""What the runtime answers on this processor, to compare with another's.

python tests/field/answers.py ASKED.npz ANSWERS.npz
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import Reader
from digits_runtime.pairs import BUNDLED_PAIRS
from digits_runtime.session import BUNDLED_FLOAT, NAMED, Session


def logits(name: str, glyphs: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Of the bundled models, one glyph at a time and all at once."""
    answers = {}
    for model in (*NAMED.values(), BUNDLED_FLOAT, BUNDLED_PAIRS):
        session = Session(model, provider="cpu")
        answers[f"{name}-{model.stem}-all"] = session.logits(glyphs)
        answers[f"{name}-{model.stem}-each"] = np.concatenate(
            [session.logits(glyphs[i : i + 1]) for i in range(len(glyphs))]
        )
    return answers


class Overheard(Session):
    """A session that keeps the glyphs it is asked for."""

    def __init__(self) -> None:
        super().__init__(provider="cpu")
        self.glyphs: list[NDArray[np.uint8]] = []

    def probabilities(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.glyphs.append(glyphs.copy())
        return super().probabilities(glyphs)


def main() -> None:
    asked = np.load(sys.argv[1])
    answers: dict[str, NDArray[np.generic]] = {}
    answers.update(logits("glyphs", asked["glyphs"]))
    reader = Reader(provider="cpu")
    reader.session = reader.pages.session = session = Overheard()
    started = time.perf_counter()
    for name in asked.files:
        if not name.startswith("frame"):
            continue
        session.glyphs.clear()
        reading = reader.read(asked[name].tobytes(), source=name)
        size = session.contract.ink.size
        answers[name] = np.concatenate([np.zeros((0, 1, size, size), np.uint8), *session.glyphs])
        said = {"text": reading.text, "glyphs": reading.to_dict()["glyphs"]}
        answers[f"{name}-reading"] = np.frombuffer(json.dumps(said).encode(), np.uint8)
    seconds = time.perf_counter() - started
    np.savez(sys.argv[2], allow_pickle=False, **answers)
    print(f"OpenCV {cv2.__version__}, {seconds:.1f} s for the frames", file=sys.stderr)


if __name__ == "__main__":
    main()
