from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from digits_runtime.reader import Reader
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, Session
from digits_train import synth
from digits_train.scenes import Scene, compose

from .examples import a_page

Image = NDArray[np.uint8]

# The same examples on every run, however busy the machine.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def reader() -> Reader:
    """A reader of the bundled int8 model."""
    return Reader(BUNDLED, provider="cpu")


@pytest.fixture(scope="session")
def bundled() -> Session:
    return Session(BUNDLED, provider="cpu")


@pytest.fixture(scope="session")
def bundled_float() -> Session:
    return Session(BUNDLED_FLOAT, provider="cpu")


@pytest.fixture(scope="session")
def scene_of() -> Callable[[int], Scene]:
    """Random page of one to three numbers, ruled where the seed is odd."""

    def scene(seed: int) -> Scene:
        rng = np.random.default_rng(seed)
        lines = [
            "".join(str(digit) for digit in rng.integers(0, 10, rng.integers(3, 7)))
            for _ in range(rng.integers(1, 4))
        ]
        return compose(lines, rng, ruled=bool(seed % 2))

    return scene


@pytest.fixture(scope="session")
def put() -> Callable[..., None]:
    """Write a glyph, ink bright on dark, into a map of ink with its top left corner at x, y."""

    def put(ink: Image, label: str, x: int, y: int, *, height: int = 60, seed: int = 0) -> None:
        glyph = synth.glyph(label, np.random.default_rng(seed), height=height)[2:-2, 2:-2]
        h, w = glyph.shape
        np.maximum(ink[y : y + h, x : x + w], glyph, out=ink[y : y + h, x : x + w])

    return put


@pytest.fixture
def clip(tmp_path: Path) -> Callable[..., Path]:
    """Write frames as a real video file."""

    def write(frames: list[Image], name: str = "clip.avi", codec: str = "MJPG") -> Path:
        path = tmp_path / name
        height, width = frames[0].shape[:2]
        video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 10, (width, height))
        assert video.isOpened()
        for frame in frames:
            video.write(frame)
        video.release()
        return path

    return write


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder of two pages, 52818 and 40719 over 3362."""
    folder = tmp_path / "pages"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), a_page("52818"))
    cv2.imwrite(str(folder / "b.png"), a_page("40719", "3362"))
    return folder
