from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.capture.frame import Frame
from digits_runtime.capture.settings import Settings
from digits_runtime.capture.source import open_source
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
    with pytest.raises(InputError) as refused, open_source(source) as opened:
        list(opened)
    (line,) = str(refused.value).splitlines()
    return line


@pytest.mark.parametrize(("name", "codec"), CODECS)
def test_a_video_gives_every_frame_in_order(clip: Clip, name: str, codec: str) -> None:
    source = open_source(str(clip(_shades(10), name, codec)))
    assert source.health().state == "opening"
    found = list(source)
    assert _levels(found) == list(range(10))
    assert [frame.number for frame in found] == list(range(10))
    assert {frame.image.shape for frame in found} == {(48, 64, 3)}
    assert {frame.captured for frame in found} == {None}
    health = source.health()
    assert (health.state, health.frames, health.dropped) == ("ended", 10, 0)


def test_a_video_of_one_frame_gives_one(clip: Clip) -> None:
    assert len(list(open_source(str(clip(_shades(1)))))) == 1


def test_frames_stay_as_they_were_when_the_next_is_read(clip: Clip) -> None:
    found = list(open_source(str(clip(_shades(3)))))
    assert len({int(frame.image.mean()) for frame in found}) == 3


def test_a_folder_of_pictures_gives_them_by_name(tmp_path: Path) -> None:
    for number, image in enumerate(_shades(4)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    found = list(open_source(str(tmp_path)))
    assert _levels(found) == [0, 1, 2, 3]
    assert [frame.number for frame in found] == [0, 1, 2, 3]


def test_a_picture_is_a_source_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), _shades(1)[0])
    assert _levels(list(open_source(str(path)))) == [0]


def test_frames_are_cut_and_turned(clip: Clip) -> None:
    settings = Settings(crop=(8, 16, 40, 20), rotate=270)
    (frame,) = open_source(str(clip(_shades(1))), settings)
    assert frame.image.shape == (40, 20, 3)


def test_a_source_left_early_is_closed(clip: Clip) -> None:
    path = clip(_shades(5))

    def held() -> list[str]:
        folder = Path("/proc/self/fd")
        return [link for fd in folder.iterdir() if (link := os.path.realpath(fd)) == str(path)]

    with open_source(str(path)) as source:
        assert len(list(islice(source, 2))) == 2
        assert held()
    assert not held()
    assert source.next(0) is None


def _on_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_jpegs_on_standard_input_give_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    jpegs = [cv2.imencode(".jpg", image)[1].tobytes() for image in _shades(10)]
    _on_stdin(monkeypatch, b"\r\n--frame\r\n".join(jpegs))
    assert _levels(list(open_source("-"))) == list(range(10))


def test_raw_pixels_on_standard_input_give_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    _on_stdin(monkeypatch, b"".join(image.tobytes() for image in _shades(4)) + b"half")
    settings = Settings(size=(64, 48), pixel_format="bgr24")
    assert _levels(list(open_source("-", settings))) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(pixel_format="bgr24"), "--size"),
        (Settings(pixel_format="h264", size=(64, 48)), "nv12"),
        (Settings(pixel_format="yuv420", size=(63, 48)), "even sides"),
    ],
)
def test_raw_pixels_that_are_not_described_are_refused(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, said: str
) -> None:
    _on_stdin(monkeypatch, b"")
    with pytest.raises(InputError, match=said):
        list(open_source("-", settings))


def test_a_missing_file_says_what_may_be_given(tmp_path: Path) -> None:
    assert "a file, or an http or rtsp address" in _refused(str(tmp_path / "missing.mp4"))


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


@pytest.mark.parametrize(
    "source", ["63", "/dev/video63", "2147483648", "99999999999999", "http://127.0.0.1:9/x"]
)
def test_a_camera_that_is_not_there_is_one_line(source: str) -> None:
    assert source in _refused(source)


@pytest.mark.parametrize("source", ["63", "/dev/null", "http://127.0.0.1:9/x"])
def test_opencv_itself_says_nothing_of_a_failure(source: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    code = "from digits_runtime.commands.cam import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--source", source],
        env=clean,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
