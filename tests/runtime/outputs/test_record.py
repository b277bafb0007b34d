from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.capture.health import Health
from digits_runtime.errors import InputError
from digits_runtime.outputs import record
from digits_runtime.outputs.record import recording
from digits_runtime.reading import Glyph, Reading
from digits_runtime.tracking import Stable

FRAME: NDArray[np.uint8] = np.full((48, 64, 3), 200, np.uint8)
READING = Reading(((Glyph("4", 0.9, (10, 10, 20, 30)),),))
HEALTH = Health("running")


def _count(path: Path) -> int:
    video = cv2.VideoCapture(str(path))
    count = 0
    while video.read()[0]:
        count += 1
    video.release()
    return count


@pytest.mark.parametrize("name", ["film.mp4", "film.avi"])
def test_a_video_of_a_file_has_every_frame(tmp_path: Path, name: str) -> None:
    video = recording(tmp_path / name, redact=False)
    for _ in range(7):
        video.show(FRAME, READING, None, HEALTH)
    assert not (tmp_path / name).exists()
    video.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert _count(tmp_path / name) == 7


def test_a_video_of_a_camera_keeps_its_time(tmp_path: Path) -> None:
    video = recording(tmp_path / "film.avi", redact=False)
    for time in (0.0, 0.03, 0.06, 0.5, 0.95):
        video.show(FRAME, replace(READING, time=100 + time), None, HEALTH)
    video.close()
    assert _count(tmp_path / "film.avi") == 10


def test_what_is_there_stays_and_parts_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "_PART_SECONDS", 1)
    (tmp_path / "film.avi").write_bytes(b"old")
    video = recording(tmp_path / "film.avi", redact=False)
    for _ in range(25):
        video.show(FRAME, READING, None, HEALTH)
    video.show(np.zeros((24, 32, 3), np.uint8), READING, None, HEALTH)
    video.close()
    assert (tmp_path / "film.avi").read_bytes() == b"old"
    counts = [_count(tmp_path / f"film-{part}.avi") for part in (2, 3, 4, 5)]
    assert counts == [10, 10, 5, 1]


def test_a_disk_that_fills_up_ends_the_recording_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = recording(tmp_path / "film.avi", redact=False)
    for _ in range(10):
        video.show(FRAME, READING, None, HEALTH)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(InputError, match="only 1 MiB are left"):
        video.show(FRAME, READING, None, HEALTH)
    video.close()
    assert _count(tmp_path / "film.avi") == 10


def test_a_folder_gets_a_picture_of_each_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds apart, as numbers are: two within a millisecond would not lie in their order.
    clock = itertools.count(1_800_000_000.0)
    monkeypatch.setattr(record.time, "time", lambda: next(clock))
    pictures = recording(tmp_path / "numbers", redact=True)
    first, second = Stable("4", 0.9, 1.0), Stable("../4?\n2", 0.9, 2.0)
    for number in (None, first, replace(first, confidence=0.8), second):
        pictures.show(FRAME, READING, number, HEALTH)
    pictures.close()
    names = sorted(path.name for path in (tmp_path / "numbers").iterdir())
    assert [name.split("-", 3)[3] for name in names] == ["4.jpg", "---4x-2.jpg"]
    picture = cv2.imread(str(tmp_path / "numbers" / names[0]))
    assert picture is not None
    assert picture[45, 60].max() < 100  # masked
    assert picture[25, 20].min() > 150  # a glyph's own


@pytest.mark.parametrize("name", ["film.mkv", "missing/film.mp4"])
def test_what_cannot_be_recorded_is_told_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        recording(tmp_path / name, redact=False)
