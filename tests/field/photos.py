"""RapidOCR, Tesseract and this project on the same pictures in the same run.

    DIGITS_DATA=/path/to/data make bench-photos

The pictures are the plain photographs of numbers in DIGITS_DATA and generated pages. Every engine
has a process, RapidOCR an environment of its own; they take turns at each picture, and the time of
a picture is the least of the rounds, by the clock and of processors: on a busy machine only the
latter means much, though RapidOCR's threads add to theirs by waiting in a loop. `rapidocr` takes as
many threads as it does by itself, `rapidocr-1` one, as ours does. Of what the other
two read, whatever is no digit is left out before it is compared, which can only help them. Ours
counts as it stands, `?` being wrong.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pages import distance

from digits_runtime.pictures import load
from digits_train import pages

WORKER = Path(__file__).with_name("ocr.py")
LARGE = (3000, 4000)

# Milliseconds by the clock, and of processors.
Times = tuple[float, float]


@dataclass
class Score:
    """What one engine made of one group of pictures."""

    pictures: int = 0
    exact: int = 0
    lines: int = 0
    right: int = 0
    glyphs: int = 0
    edits: int = 0
    invented: int = 0
    ms: list[Times] = field(default_factory=list)

    def add(self, true: list[str], read: list[str], ms: Times) -> None:
        self.pictures += 1
        self.exact += true == read
        self.lines += len(true)
        self.right += (Counter(true) & Counter(read)).total()
        self.glyphs += sum(map(len, true))
        self.edits += distance("\n".join(true), "\n".join(read))
        self.invented += bool(read) and not true
        self.ms.append(ms)


class Engine:
    """A reader in a process of its own."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, str(WORKER), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self, picture: Path) -> tuple[list[str], Times]:
        """The lines it finds, and how long that took."""
        assert self._process.stdin
        assert self._process.stdout
        print(picture, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"error: {self.name} ended with {self._process.wait()}")
        said = json.loads(answer)
        lines = [line.replace(" ", "") for line in said["lines"]]
        if self.name != "ours":
            lines = ["".join(filter(str.isdecimal, line)) for line in lines]
        return [line for line in lines if line], (said["ms"][0], said["ms"][1])

    def close(self) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait()


def pictures(folder: Path, scenes: int) -> Iterator[tuple[str, NDArray[np.uint8], list[str]]]:
    """Group, picture, and the lines written on it."""
    with (folder / "photos" / "truth.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] == "digits":
                photograph = load(folder / "photos" / row["file"])
                height, width = photograph.shape[:2]
                large = " of 12 megapixels" if height * width > 11e6 else ""
                yield f"photographs{large}", photograph, row["rows"].split("|")
    for level in range(1, len(pages.LEVELS) + 1):
        for seed in range(scenes):
            scene = pages.page(level, seed)
            yield f"generated, level {level}", scene.frame, scene.text.splitlines()
    for seed in range(2 * scenes):
        yield "generated, no digit", pages.empty(seed).frame, []
    for seed in range(max(1, scenes // 4)):
        scene = pages.page(1, seed)
        large = cv2.resize(scene.frame, LARGE[::-1], interpolation=cv2.INTER_CUBIC)
        yield "generated, 12 megapixels", np.asarray(large, np.uint8), scene.text.splitlines()


def table(scores: dict[str, dict[str, Score]]) -> Iterator[str]:
    """A row for each group and engine; times are medians over pictures, ratios those to ours."""
    yield "| pictures | | exact | lines right | character error | ms | processor ms |"
    yield "|---|---|---|---|---|---|---|"
    for group, engines in scores.items():
        own = np.median(engines["ours"].ms, axis=0)
        for name, score in engines.items():
            clock, used = (
                f"{ms:.1f} ({ms / mine:.1f}x)"
                for ms, mine in zip(np.median(score.ms, axis=0), own, strict=True)
            )
            if score.lines:
                right = f"{score.right} of {score.lines}"
                error = f"{100 * score.edits / score.glyphs:.1f} %"
            else:
                right, error = f"{score.invented} invented", ""
            yield (
                f"| {group} | {name} | {score.exact} of {score.pictures} | {right} | {error} "
                f"| {clock} | {used} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rapidocr", help="the interpreter of an environment that has RapidOCR")
    parser.add_argument("--scenes", type=int, default=20, help="of each level")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = Path(os.environ.get("DIGITS_DATA") or sys.exit("set DIGITS_DATA to the data's folder"))
    engines = [
        Engine("ours", sys.executable),
        Engine("rapidocr", arguments.rapidocr),
        Engine("rapidocr-1", arguments.rapidocr),
        Engine("tesseract", sys.executable),
    ]
    scores: dict[str, dict[str, Score]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        array = Path(temporary) / "picture.npy"
        for group, picture, true in pictures(folder, arguments.scenes):
            np.save(array, picture)
            answers = [[engine.read(array) for engine in engines] for _ in range(arguments.rounds)]
            for number, engine in enumerate(engines):
                read = answers[0][number][0]
                taken = [turn[number][1] for turn in answers]
                least = min(clock for clock, _ in taken), min(used for _, used in taken)
                score = scores.setdefault(group, {}).setdefault(engine.name, Score())
                score.add(true, read, least)
                if group.startswith("photo"):
                    said = "right" if read == true else f"is {true}"
                    print(f"{engine.name}: {read} {said}, {least[0]:.1f} ms", file=sys.stderr)
            print(f"{group}: {scores[group]['ours'].pictures}", file=sys.stderr)
    for engine in engines:
        engine.close()
    print("\n".join(table(scores)))


if __name__ == "__main__":
    main()
