"""`make bench-pages`: how well and how fast generated pages are read, in five levels, exact truth.

100 scenes a level, 200 without any digit, 60 grids; none of them was used to tune. A line counts
only if every glyph of it is right.
"""

from __future__ import annotations

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from digits_runtime.reader import Reader
from digits_runtime.reading import Reading
from digits_runtime.session import BUNDLED
from digits_train import grids, pages
from digits_train.scenes import Scene


@dataclass
class Score:
    """What was right and wrong over many scenes."""

    scenes: int = 0
    exact: int = 0
    lines: int = 0
    right_lines: int = 0
    glyphs: int = 0
    edits: int = 0
    uncertain: int = 0
    invented: int = 0
    scenes_with_invented: int = 0
    cells: int = 0
    right_cells: int = 0
    empty_cells: int = 0
    invented_cells: int = 0
    ms: list[float] = field(default_factory=list)
    said: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, scene: Scene, reading: Reading) -> None:
        """Count one more scene."""
        self.scenes += 1
        self.ms.append(sum(reading.durations.values()))
        true = ["".join(glyph.label for glyph in line) for line in scene.lines]
        found = ["".join(glyph.label for glyph in line) for line in reading.lines]
        self.exact += true == found
        self.lines += len(true)
        self.right_lines += (Counter(true) & Counter(found)).total()
        self.glyphs += sum(map(len, true))
        self.edits += distance("\n".join(true), "\n".join(found))
        self.uncertain += sum(line.count("?") for line in found)
        left = Counter(true)
        # A page taken for a grid has none.
        for sure, text in zip(reading.confidences, found, strict=False):
            self.said.append((sure, left[text] > 0))
            left[text] -= 1
        boxes = [glyph.box for line in scene.lines for glyph in line]
        invented = sum(
            not any(_inside(glyph.box, box) for box in boxes)
            for line in reading.lines
            for glyph in line
        )
        self.invented += invented
        self.scenes_with_invented += invented > 0

    def add_grid(self, scene: Scene, reading: Reading) -> None:
        """Count the cells of a scene with a grid."""
        self.scenes += 1
        self.ms.append(sum(reading.durations.values()))
        rows = grid_rows(reading)
        self.exact += rows == list(scene.grid)
        fits = len(rows) == len(scene.grid) and all(
            len(a) == len(b) for a, b in zip(rows, scene.grid, strict=True)
        )
        found = rows if fits else ["0" * len(row) for row in scene.grid]
        for true, read in zip("".join(scene.grid), "".join(found), strict=True):
            if true == "0":
                self.empty_cells += 1
                self.invented_cells += read != "0"
            else:
                self.cells += 1
                self.right_cells += read == true


def grid_rows(reading: Reading) -> list[str]:
    """The rows of the grid read, `0` for an empty cell."""
    return [] if reading.grid is None else reading.text.replace(" ", "").split("\n")


def _inside(box: tuple[int, ...], true: tuple[int, ...]) -> bool:
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return true[0] - 3 <= x <= true[0] + true[2] + 3 and true[1] - 3 <= y <= true[1] + true[3] + 3


def distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, ca in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, cb in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (ca != cb))
    return row[-1]


def suites(first: int = 0, share: float = 1.0) -> Iterator[tuple[str, Scene]]:
    """Every scene of the benchmark, with the name of its part."""
    for level in range(1, len(pages.LEVELS) + 1):
        for seed in range(first, first + round(100 * share)):
            yield f"level {level}", pages.page(level, seed)
    for seed in range(first, first + round(200 * share)):
        yield "without a digit", pages.empty(seed)
    for seed in range(first, first + round(60 * share)):
        yield "grids", grids.grid(seed)


def report(scores: dict[str, Score]) -> str:
    """The table of the benchmark."""
    text = [
        f"{'':16} {'pages':>7} {'exact':>7} {'lines':>7} {'glyph error':>12} {'?':>6}"
        f" {'invented':>9} {'ms':>7} {'p95':>7}"
    ]
    for name, score in scores.items():
        if name == "grids":
            continue
        lines = f"{100 * score.right_lines / score.lines:6.1f}%" if score.lines else "      -"
        error = f"{100 * score.edits / score.glyphs:11.2f}%" if score.glyphs else f"{'-':>12}"
        doubt = f"{100 * score.uncertain / score.glyphs:5.2f}%" if score.glyphs else f"{'-':>6}"
        text.append(
            f"{name:16} {score.scenes:7} {100 * score.exact / score.scenes:6.1f}% {lines} {error}"
            f" {doubt} {score.invented:4} in {score.scenes_with_invented:2}"
            f" {np.median(score.ms):7.2f} {np.percentile(score.ms, 95):7.2f}"
        )
    if (grid := scores.get("grids")) is not None:
        text.append(
            f"grids: {grid.exact} of {grid.scenes} pages exact, filled cells right "
            f"{100 * grid.right_cells / grid.cells:.2f} % of {grid.cells}, empty cells invented "
            f"{100 * grid.invented_cells / grid.empty_cells:.2f} % of {grid.empty_cells}; "
            f"{np.median(grid.ms):.1f} ms"
        )
    said = [pair for score in scores.values() for pair in score.said]
    text.append("without those with a ?: " + reliability([pair for pair in said if pair[0] > 0]))
    return "\n".join(text)


def reliability(said: Sequence[tuple[float, bool]]) -> str:
    """How often a line is right, by the confidence it was read with."""
    text = []
    edges = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.001)
    for low, high in itertools.pairwise(edges):
        held = [pair for pair in said if low <= pair[0] < high]
        if held:
            claimed, right = (float(np.mean([pair[i] for pair in held])) for i in (0, 1))
            text.append(f"{claimed:.3f} said, {right:.3f} right ({len(held)})")
    return "confidence of a line: " + "; ".join(text)


def main() -> None:
    """Read every scene and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=BUNDLED)
    parser.add_argument("--share", type=float, default=1.0, help="of all scenes")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    reader = Reader(arguments.model, provider="cpu")
    scores: dict[str, Score] = {}
    for name, scene in suites(share=arguments.share):
        reading = reader.read(scene.frame)
        score = scores.setdefault(name, Score())
        if scene.grid:
            score.add_grid(scene, reading)
        else:
            score.add(scene, reading)
    print(report(scores))


if __name__ == "__main__":
    main()
