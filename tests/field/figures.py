"""Print the README's tables: the bundled models on every set in DIGITS_DATA, and on photographs.

    DIGITS_DATA=/path/to/data make figures

Fails where a set is missing: a table with holes would pass for a whole one.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np

from digits_runtime import DigitsError, Reader
from digits_runtime.pictures import load as load_picture
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, NAMED
from digits_train import data
from digits_train.evaluate import open_model, score

SETS = {
    "mnist": "MNIST test",
    "mnist-corrupted": "MNIST test made hard: six corruptions, five strengths",
    "usps": "USPS, zero-shot",
    "photo_crops": "photographed digits, zero-shot",
    "unipen": "UNIPEN digits, writers held out",
    "unipen-noisy": "UNIPEN, three sites with slashed zeros or lost strokes, writers held out",
}


CHARACTERS = {
    "photo_crops": "photographed characters, zero-shot",
    "unipen": "UNIPEN, writers held out",
    "unipen-noisy": "UNIPEN, three sites with slashed zeros or lost strokes, writers held out",
}


def photographs(folder: Path) -> tuple[int, int]:
    """Count the plain photographs of numbers whose every line is read exactly, and all of them."""
    with (folder / "photos" / "truth.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "digits"]
    reader, exact = Reader(), 0
    for row in rows:
        text = reader.read(load_picture(folder / "photos" / row["file"])).text
        right = text == row["rows"].replace("|", "\n")
        exact += right
        print(f"{row['file']}: {text!r}{'' if right else ', is ' + row['rows']}", file=sys.stderr)
    return exact, len(rows)


def main() -> None:
    folder = Path(os.environ.get("DIGITS_DATA") or sys.exit("set DIGITS_DATA to the data's folder"))
    models = [open_model(str(path)) for path in (BUNDLED_FLOAT, BUNDLED)]
    labels, ink = models[0].labels, models[0].ink
    print("| set | glyphs | float | int8 | answers that int8 changes |")
    print("|---|---|---|---|---|")
    try:
        for name, title in SETS.items():
            glyphs = data.load(name, "test", classes=labels, data_dir=folder, seed=0)
            images, truth = glyphs.normalised(ink), np.array(glyphs.labels)
            named = [np.array(labels)[m.logits(images)[:, : len(labels)].argmax(1)] for m in models]
            shares = " | ".join(f"{100 * (answers == truth).mean():.2f} %" for answers in named)
            changed = int((named[0] != named[1]).sum())
            print(f"| {title} | {len(glyphs):,} | {shares} | {changed} |")
        exact, pictures = photographs(folder)
    except (DigitsError, OSError) as error:
        sys.exit(f"error: {error}")
    print(f"| whole photographs of numbers, exact | {pictures} | | {exact} of {pictures} | |")
    print("\n| 0-9 A-Z, int8 | characters | all 36 told apart | 0/O and 1/I as one each |")
    print("|---|---|---|---|")
    model = open_model(str(NAMED["alnum"]))
    for name, title in CHARACTERS.items():
        glyphs = data.load(name, "test", classes=model.labels, data_dir=folder, seed=0)
        result = score(model, name, glyphs.normalised(model.ink), glyphs.labels)
        print(
            f"| {title} | {len(glyphs):,} | {100 * result.accuracy:.2f} % "
            f"| {100 * (result.accuracy_merged or 0):.2f} % |"
        )


if __name__ == "__main__":
    main()
