"""A short film of handwritten pages with the exact text of each frame.

    python -m digits_train.clip tests/data/clip.mp4

writes the clip that `make demo` and the tests read.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_runtime.files import whole_file, write_whole
from digits_train.camera import Picture
from digits_train.scenes import INKS, light_on, paper, place, stain, text_of

_FPS = 10
_HELD = 12  # frames a page of the clip is held
_BLANK = 10  # frames of the clip without any ink
CLIP_SIZE = (480, 640)


def write_clip(path: Path, seed: int) -> None:
    """Film pages of numbers, held by hand, with an empty stretch in the middle.

    Args:
        path: The `.mp4` to write, 640 by 480 at 10 frames a second. Beside it goes the truth,
            `.json`: `{"fps": 10, "frames": [text, ...]}`, an exact text for each frame.
        seed: Equal seeds give equal clips.

    Raises:
        InputError: The file cannot be written as a video.
    """
    rng = np.random.default_rng(seed)
    texts = [_number(rng, lines) for lines in (1, 2, 1, 2, 1)]
    texts.insert(len(texts) // 2, ())
    sheet = paper(rng, CLIP_SIZE, ruled=True)
    light = light_on(rng, CLIP_SIZE, hard=False)
    pages = []
    for lines in texts:
        height = int(rng.integers(70, 96))
        coverage, placed = place(lines, rng, CLIP_SIZE, height, pen=rng.uniform(0.09, 0.13))
        page = sheet.copy()
        # No pencil: a clip shows clear writing.
        stain(page, coverage, len(INKS) - 1, rng)
        pages += [(page, text_of(placed))] * (_HELD if lines else _BLANK)
    with whole_file(path) as part:
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        video = cv2.VideoWriter(str(part), fourcc, _FPS, (CLIP_SIZE[1], CLIP_SIZE[0]))
        if not video.isOpened():
            raise InputError(f"cannot write a video to {path}; is it an .mp4?")
        for time, (page, _) in enumerate(pages):
            video.write(film(page, light, time, rng))
        video.release()
    truth = {"fps": _FPS, "frames": [text for _, text in pages]}
    write_whole(path.with_suffix(".json"), (json.dumps(truth) + "\n").encode())


def _number(rng: np.random.Generator, lines: int) -> tuple[str, ...]:
    """Draw `lines` numbers of three to five digits."""
    sizes = rng.integers(3, 6, lines)
    return tuple("".join(str(digit) for digit in rng.integers(0, 10, size)) for size in sizes)


def film(
    page: Picture, light: NDArray[np.float32], time: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One frame of a page held in the hand, `time` frames into the clip: uint8 `[h, w, 3]`."""
    sway = 1.5 * np.sin(time * np.array([0.71, 0.53])) + rng.normal(0.0, 0.3, 2)
    turn = np.deg2rad(0.3) * np.sin(time * 0.4)
    # About the middle of the frame.
    middle = np.array([page.shape[1], page.shape[0]]) / 2.0
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    motion = np.column_stack([spin, middle - spin @ middle + sway])
    moved = cv2.warpAffine(
        page, motion, page.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    bright = 1.0 + 0.06 * np.sin(time * 0.25)
    lit = cv2.GaussianBlur(moved * (light * bright)[:, :, None], (0, 0), 0.6)
    noisy = lit + rng.standard_normal(page.shape, np.float32) * np.float32(1.5)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


def main(path: Path, seed: int = 26) -> None:
    """Write a clip of handwritten numbers to PATH, an .mp4, and its truth beside it."""
    write_clip(path, seed)


if __name__ == "__main__":
    import typer

    typer.run(main)
