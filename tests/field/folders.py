"""Read a generated folder in one process, in two, and on Ray, in turns.

    make bench-folders

Prints pictures a second of the whole command, starts included (the best of the rounds), and
processor time a picture, which other programs on the machine disturb less; Ray's processes belong
to none of ours, so that theirs is not known. The readings are compared: all three must say the same
in the same order.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from digits_train.scenes import compose

RAY = "Ray, two actors"
WAYS = {"one process": [], "two processes": ["--jobs", "2"], RAY: ["--ray", "--jobs", "2"]}


def draw(folder: Path, count: int) -> None:
    """Pages of one to three numbers."""
    for number in range(count):
        rng = np.random.default_rng(number)
        lines = ["".join(map(str, rng.integers(0, 10, 5))) for _ in range(rng.integers(1, 4))]
        scene = compose(lines, rng, ruled=bool(number % 2))
        cv2.imwrite(str(folder / f"{number:06}.jpg"), scene.frame)


def readings(output: Path) -> list[dict[str, object]]:
    """What is in a file of JSON lines, without the times."""
    said = [json.loads(line) for line in output.read_text().splitlines()]
    for reading in said:
        del reading["durations_ms"]
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    command = str(Path(sys.executable).with_name("digits-read"))
    wall: dict[str, list[float]] = {way: [] for way in WAYS}
    used: dict[str, list[float]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "pictures"
        folder.mkdir()
        draw(folder, arguments.pictures)
        for turn in range(arguments.rounds):
            said = {}
            for way, options in WAYS.items():
                output = Path(temporary) / f"{len(said)}-{turn}.jsonl"
                before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
                subprocess.run([command, str(folder), "-o", str(output), *options], check=True)
                wall[way].append(time.perf_counter() - started)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                used[way].append(sum(after[:2]) - sum(before[:2]))
                said[way] = readings(output)
            if any(each != said["one process"] for each in said.values()):
                sys.exit("error: the readings differ")
    print("| | pictures a second | times one process | processor ms a picture |")
    print("|---|---|---|---|")
    plain = min(wall["one process"])
    for way in WAYS:
        best = min(wall[way])
        spent = "" if way == RAY else f"{1e3 * min(used[way]) / arguments.pictures:.1f}"
        print(f"| {way} | {arguments.pictures / best:.0f} | {plain / best:.2f} | {spent} |")


if __name__ == "__main__":
    main()
