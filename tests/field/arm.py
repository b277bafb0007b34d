"""Run the runtime on emulated boards and hold its answers to those of this machine.

    make test-arm
    python tests/field/arm.py FOLDER [--short] [PYTEST ARGUMENT...]

FOLDER has what `arm_python.sh` made. `--short` asks one board about a few glyphs and runs no tests.
Times say nothing: an emulated board is ten to thirty times as slow as a real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.ink import normalise
from digits_train import synth
from digits_train.scenes import compose

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "golden" / "ink.npz"
BOARDS = {
    "cortex-a72": "Raspberry Pi 4",
    "cortex-a53": "Raspberry Pi 3",
    "cortex-a76": "Raspberry Pi 5",
}
PARTS = ("ink", "ink_golden", "page", "paper", "session", "single")
TESTS = [f"tests/runtime/test_{part}.py" for part in PARTS]
# Float kernels add in another order; probabilities follow.
FLOAT, PROBABILITY = 1e-4, 0.02
# What OpenCV's resizing rounds differently may move a model's input by a level.
LEVELS = 1

Answers = dict[str, NDArray[np.generic]]


def questions(short: bool) -> Answers:
    """Glyphs and encoded frames, of 640x480 and of a size that the reader shrinks."""
    with np.load(GOLDEN) as golden:
        seen = [golden[name] for name in golden.files if name.startswith("seen-")]
    asked: Answers = {"glyphs": np.stack(seen)[:, None]}
    if short:
        return asked
    rng = np.random.default_rng(7)
    more = [normalise(synth.glyph(str(n % 10), rng), InkSpec()) for n in range(450)]
    asked["glyphs"] = np.concatenate([asked["glyphs"], np.stack(more)[:, None]])
    for number, size in enumerate([(480, 640)] * 8 + [(1500, 2000)] * 2):
        lines = ["".join(map(str, rng.integers(0, 10, 6))) for _ in range(3)]
        scene = compose(lines, rng, size=size, ruled=number % 2 == 1)
        ending = (".png", ".jpg")[number // 2 % 2]
        asked[f"frame-{number}-{size[1]}x{size[0]}"] = cv2.imencode(ending, scene.frame)[1]
    return asked


def answers(python: list[str], asked: Path, board: str = "") -> Answers:
    """What an interpreter's runtime answers."""
    target = asked.with_name("answers.npz")
    run(python, board, "tests/field/answers.py", str(asked), str(target))
    with np.load(target) as file:
        return dict(file)


def run(python: list[str], board: str, *arguments: str) -> None:
    paths = os.pathsep.join(str(ROOT / part) for part in ("runtime", "train", "calibration"))
    environment = os.environ | {"ARM_CPU": board, "PYTHONPATH": paths}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    if subprocess.run([*python, *arguments], env=environment, cwd=ROOT, check=False).returncode:
        sys.exit(f"error: {board or 'this machine'}: {' '.join(arguments)} failed")


def compare(here: Answers, there: Answers) -> list[str]:
    """The figures for one board; ends the program where answers differ that must not."""
    said, wrong = [], []
    for name in here:
        mine, theirs = here[name], there[name]
        if name.startswith("glyphs"):
            if "int8" in name:
                same = np.array_equal(mine, theirs)
                said.append(f"{name}: {len(mine)} {'equal bit for bit' if same else 'DIFFER'}")
                wrong += [] if same else [name]
            else:
                apart = float(np.abs(mine - theirs).max())
                said.append(f"{name}: {len(mine)} within {apart:.1e}")
                wrong += [] if apart < FLOAT else [name]
        elif not name.endswith("-reading"):
            said.append(f"{name}: {_frames_apart(name, here, there, wrong)}")
    if wrong:
        sys.exit("\n".join([*said, f"error: other answers for {', '.join(wrong)}"]))
    return said


def _frames_apart(name: str, here: Answers, there: Answers, wrong: list[str]) -> str:
    mine, theirs = (json.loads(a[f"{name}-reading"].tobytes()) for a in (here, there))
    nothing = not mine["text"] or len(here[name]) == 0
    if here[name].shape != there[name].shape or mine["text"] != theirs["text"] or nothing:
        wrong.append(name)
        return f"{mine['text']!r} here, {theirs['text']!r} there"
    levels = np.abs(here[name].astype(int) - there[name].astype(int))
    pairs = list(zip(mine["glyphs"], theirs["glyphs"], strict=True))
    boxes = max(abs(np.subtract(m["box"], t["box"])).max() for m, t in pairs)
    probability = max(abs(m["probability"] - t["probability"]) for m, t in pairs)
    if boxes > 1 or probability > PROBABILITY or levels.max() > LEVELS:
        wrong.append(name)
    return (
        f"{len(pairs)} glyphs, same text, boxes within {boxes}, {100 * (levels > 0).mean():.2f} % "
        f"of input pixels differ, by {levels.max()} at most, probabilities by {probability:.4f}"
    )


def main() -> None:
    arguments = sys.argv[1:]
    short = "--short" in arguments
    folder, *tests = [argument for argument in arguments if argument != "--short"]
    emulated = [str(Path(folder).resolve() / "python")]
    boards = list(BOARDS)[:1] if short else BOARDS
    with tempfile.TemporaryDirectory() as temporary:
        asked = Path(temporary) / "asked.npz"
        np.savez(asked, allow_pickle=False, **questions(short))
        here = answers([sys.executable], asked)
        for board in boards:
            print(f"{board} ({BOARDS[board]})", flush=True)
            print(*compare(here, answers(emulated, asked, board)), sep="\n", flush=True)
    if not short:
        for board in boards:
            options = ["-q", "--confcutdir", "tests/runtime", "-p", "no:cacheprovider"]
            print(f"{board}: tests", flush=True)
            run(emulated, board, "-m", "pytest", *options, *(tests or TESTS))
    print(f"{len(boards)} boards answer as this machine does")


if __name__ == "__main__":
    main()
