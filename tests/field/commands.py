"""Commands of the project in processes of their own, and something for them to work on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from digits_train import checkpoint, scenes, synth

# A model of three shapes that has learnt next to nothing may still be exported here.
LOOSE = ["--allow-drop", 60, "--allow-slower"]
TEXT = ["--text", "0123456789"]
CLIP = Path(__file__).parents[1] / "data" / "clip.mp4"


def run(*words: object) -> subprocess.Popen[str]:
    """Start a command of the project, which lies beside this Python."""
    name, *arguments = map(str, words)
    return subprocess.Popen(
        [str(Path(sys.executable).with_name(name)), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*words: object) -> float:
    """Run a command to its good end; the seconds it took."""
    began = time.monotonic()
    process = run(*words)
    said = process.communicate()[1]
    assert process.returncode == 0, (words, said)
    return time.monotonic() - began


def draw_data(place: Path) -> None:
    """Glyphs to train on and pages to read."""
    rng = np.random.default_rng(0)
    for label in "OXT":
        (place / "glyphs" / label).mkdir(parents=True)
        for number in range(30):
            picture = 255 - np.pad(synth.glyph(label, rng, height=40), 8)
            cv2.imwrite(str(place / "glyphs" / label / f"{number}.png"), picture)
    (place / "pages").mkdir()
    for number in range(20):
        page = scenes.compose(["0123456789"], rng, glyph_height=50)
        cv2.imwrite(str(place / "pages" / f"{number}.png"), page.frame)


def run_and_kill(folder: Path, after: float, words: Sequence[object]) -> None:
    """Kill digits-train so many seconds after it has saved an epoch."""
    state = folder / checkpoint.STATE
    before = state.read_bytes() if state.exists() else None
    process = run("digits-train", *words)
    while not state.exists() or state.read_bytes() == before:
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(after)
    process.kill()
    process.communicate()
