"""Fit the confidence of a line: `python tests/field/confidence.py`, constants for confidence.py.

On pages of tuning seeds, never the benchmark's: 150 of each level and 200 without a digit. Prints
the weights and how often lines of the same pages are right, by the confidence fitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import cv2
import numpy as np
from pages import reliability
from sklearn.linear_model import LogisticRegression

from digits_runtime import named_line
from digits_runtime.confidence import Evidence, confidence, features
from digits_runtime.reader import Reader
from digits_runtime.reading import UNCERTAIN
from digits_train import pages as generated
from digits_train.scenes import Scene

_FIRST, _PAGES, _EMPTY = 1000, 150, 200


def scenes() -> Iterator[Scene]:
    """The scenes to fit on."""
    for level in range(1, len(generated.LEVELS) + 1):
        for seed in range(_FIRST, _FIRST + _PAGES):
            yield generated.page(level, seed)
    for seed in range(_FIRST, _FIRST + _EMPTY):
        yield generated.empty(seed)


def main() -> None:
    """Read the scenes and fit."""
    cv2.setNumThreads(1)
    reader = Reader(provider="cpu")
    seen: list[Evidence] = []

    def recorded(line: Evidence) -> float:
        seen.append(line)
        return confidence(line)

    named_line.confidence = recorded
    rows, right = [], []
    for scene in scenes():
        seen.clear()
        reader.read(scene.frame)
        left = Counter("".join(glyph.label for glyph in line) for line in scene.lines)
        for line in seen:
            text = "".join(glyph.label for glyph in line.glyphs)
            if UNCERTAIN not in text:
                rows.append(features(line))
                right.append(left[text] > 0)
                left[text] -= 1
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(rows, right)
    weights = [*fitted.coef_[0], fitted.intercept_[0]]
    print(f"WEIGHTS = ({', '.join(f'{weight:.3f}' for weight in weights)})")
    told = fitted.predict_proba(np.array(rows))[:, 1]
    print(reliability(list(zip(told.tolist(), right, strict=True))))


if __name__ == "__main__":
    main()
