from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from digits_runtime.capture.pi import PiPipe
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

# Stands in for the program of a board: rows padded as its image processor pads them.
PROGRAM = """#!{python}
import sys, numpy, cv2
asked = dict(zip(sys.argv[1::2], sys.argv[2::2]))
sys.argv.remove("--nopreview"), sys.argv.remove("--flush")
asked = dict(zip(sys.argv[1::2], sys.argv[2::2]))
width, height = int(asked["--width"]), int(asked["--height"])
if asked["--camera"] != "0":
    print("ERROR: *** no cameras available ***", file=sys.stderr)
    sys.exit(255)
padded = numpy.full((height, -(-width // 64) * 64, 3), (0, 0, 255), numpy.uint8)
for shade in (60, 120, 180):
    padded[:, :width] = shade
    sys.stdout.buffer.write(cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420).tobytes())
"""


@pytest.fixture
def rpicam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "rpicam-vid"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


@pytest.mark.usefixtures("rpicam")
def test_pictures_of_the_pipe_lose_the_padding_of_their_rows() -> None:
    with closing(PiPipe(0, Settings(size=(100, 48)))) as camera:
        shades = []
        for _ in range(3):
            assert camera.grab() is not None
            image = camera.retrieve(None)
            assert image is not None
            assert image.shape == (48, 100, 3)
            assert int(np.ptp(image[:, :98])) < 3
            shades.append(round(float(image[:, :98].mean()), -1))
        assert shades == [60, 120, 180]
        assert camera.number == 3


@pytest.mark.usefixtures("rpicam")
def test_the_last_words_of_the_program_are_the_error() -> None:
    with (
        closing(PiPipe(1, Settings())) as camera,
        pytest.raises(InputError, match="no cameras available"),
    ):
        camera.grab()


def test_a_missing_program_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="apt install rpicam-apps"):
        PiPipe(0, Settings())
