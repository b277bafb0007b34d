from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.capture import source as capture
from digits_runtime.capture.source import Frame, frames
from digits_runtime.errors import InputError

Image = NDArray[np.uint8]
Clip = Callable[..., Path]

CODECS = [("clip.avi", "MJPG"), ("clip.mp4", "mp4v")]


def _shades(count: int) -> list[Image]:
    """Frames told apart by their brightness, even after lossy compression."""
    return [np.full((48, 64, 3), 20 + 20 * number, np.uint8) for number in range(count)]


def _levels(found: list[Frame]) -> list[int]:
    return [round((float(frame.image.mean()) - 20) / 20) for frame in found]


def _refused(source: str) -> str:
    started = time.perf_counter()
    with pytest.raises(InputError) as refused:
        list(frames(source))
    assert time.perf_counter() - started < 5
    (line,) = str(refused.value).splitlines()
    return line


@pytest.mark.parametrize(("name", "codec"), CODECS)
def test_a_video_gives_every_frame_in_order(clip: Clip, name: str, codec: str) -> None:
    found = list(frames(str(clip(_shades(10), name, codec))))
    assert _levels(found) == list(range(10))
    assert [frame.number for frame in found] == list(range(10))
    assert {frame.image.shape for frame in found} == {(48, 64, 3)}
    assert {frame.captured for frame in found} == {None}


def test_a_video_of_one_frame_gives_one(clip: Clip) -> None:
    assert len(list(frames(str(clip(_shades(1)))))) == 1


def test_frames_stay_as_they_were_when_the_next_is_read(clip: Clip) -> None:
    found = list(frames(str(clip(_shades(3)))))
    assert len({int(frame.image.mean()) for frame in found}) == 3


def test_a_folder_of_pictures_gives_them_by_name(tmp_path: Path) -> None:
    for number, image in enumerate(_shades(4)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    found = list(frames(str(tmp_path)))
    assert _levels(found) == [0, 1, 2, 3]
    assert [frame.number for frame in found] == [0, 1, 2, 3]
    assert {frame.captured for frame in found} == {None}


def test_a_picture_is_a_source_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), _shades(1)[0])
    assert _levels(list(frames(str(path)))) == [0]


def test_a_source_left_early_is_closed(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    close = capture._Capture.close

    def closing(self: capture._Capture) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(capture._Capture, "close", closing)
    source = frames(str(clip(_shades(5))))
    assert len(list(islice(source, 2))) == 2
    source.close()  # type: ignore[attr-defined]
    assert len(closed) == 1


@pytest.mark.parametrize("camera", ["63", "/dev/video63"])
def test_a_missing_camera_is_one_line_quickly(camera: str) -> None:
    assert camera in _refused(camera)


@pytest.mark.parametrize("camera", ["99999999999999", "2147483648"])
def test_a_camera_of_an_impossible_number_is_one_line(camera: str) -> None:
    assert camera in _refused(camera)


def test_a_missing_file_says_what_may_be_given(tmp_path: Path) -> None:
    assert "/dev/videoN, a file, or an http or rtsp address" in _refused(
        str(tmp_path / "missing.mp4")
    )


def test_a_name_that_cannot_be_a_file_is_one_line() -> None:
    assert _refused("a\0b.mp4")


@pytest.mark.parametrize("content", [b"", b"this is text\n" * 100, b"\0" * 5000])
def test_a_file_that_is_no_video_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert str(path) in _refused(str(path))


def test_a_truncated_video_is_one_line_or_fewer_frames(clip: Clip) -> None:
    path = clip(_shades(10), "clip.mp4", "mp4v")
    path.write_bytes(path.read_bytes()[:600])
    assert str(path) in _refused(str(path))


def test_an_empty_folder_is_one_line(tmp_path: Path) -> None:
    assert "holds no picture" in _refused(str(tmp_path))


def test_a_broken_picture_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    assert "broken.png does not decode" in _refused(str(tmp_path))


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp"])
def test_an_address_nobody_answers_at_is_one_line(scheme: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "does not open" in _refused(f"{scheme}://127.0.0.1:{port}/stream")


def test_a_server_that_says_nothing_is_given_up_after_the_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capture, "_TIMEOUT_MS", 700)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "does not open" in _refused(f"http://127.0.0.1:{silent.getsockname()[1]}/stream")


class _Ends:
    """A camera that gives some frames, then none."""

    def __init__(self, source: str) -> None:
        self._left = _shades(2)

    def read(self) -> Image | None:
        return self._left.pop() if self._left else None

    def close(self) -> None:
        pass


def test_a_camera_that_stops_giving_frames_is_an_input_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(capture, "_Capture", _Ends)
    source = frames("0")
    before = time.time()
    for number in range(2):
        frame = next(source)
        assert frame.number == number
        assert frame.captured is not None
        assert before <= frame.captured <= time.time()
    with pytest.raises(InputError, match="0 stopped giving frames"):
        next(source)


@pytest.mark.parametrize("source", ["63", "/dev/null", "http://127.0.0.1:9/x"])
def test_opencv_itself_says_nothing_of_a_failure(source: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    code = "from digits_runtime.commands.cam import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--source", source],
        env=clean,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
