from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from digits_runtime.capture.frame import Frame, Source
from digits_runtime.capture.live import Live
from digits_runtime.capture.settings import Settings
from digits_runtime.capture.source import open_source
from digits_runtime.errors import InputError

QUICK = Settings(timeout=1.0)
Until = Callable[[Source, Callable[[Frame], bool]], Frame]


def _any(frame: Frame) -> bool:
    return True


def _child(source: Source) -> int:
    assert isinstance(source, Live)
    pid = source._worker._process.pid
    assert pid is not None
    return pid


def _left_behind() -> list[Path]:
    return list(Path("/dev/shm").glob("digits-cam-*"))  # noqa: S108


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_stream_gives_its_newest_frame_with_its_time(
    network_camera: Any, until: Until, kind: str
) -> None:
    camera = network_camera(kind)
    with open_source(camera.url, QUICK) as source:
        frame = until(source, lambda frame: frame.number > 10)
        assert frame.image.shape == (480, 640, 3)
        assert frame.captured is not None
        assert 0 <= time.time() - frame.captured < 1
        health = source.health()
        assert (health.state, health.stalls, health.reconnects) == ("running", 0, 0)
        assert health.frames >= 11
        assert health.rate > 0
        time.sleep(0.5)
        assert source.health().dropped > health.dropped
    assert source.health().state == "ended"
    assert source.next(0) is None


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_stream_that_is_killed_is_read_again(
    network_camera: Any, until: Until, kind: str
) -> None:
    camera = network_camera(kind)
    with open_source(camera.url, QUICK) as source:
        last = until(source, _any).number
        camera.kill()
        while source.health().state == "running":
            source.next(0.1)
        assert source.health().message
        camera.start()
        frame = until(source, lambda frame: source.health().reconnects == 1)
        assert frame.number > last
        assert source.health().message == ""


def test_a_stream_that_falls_silent_is_stalled_then_opened_again(
    network_camera: Any, until: Until
) -> None:
    camera = network_camera("http")
    with open_source(camera.url, QUICK) as source:
        until(source, _any)
        camera.tell("stall")
        states = set()
        while source.health().state != "reconnecting":
            source.next(0.05)
            states.add(source.health().state)
        assert "stalled" in states
        assert source.health().stalls == 1
        assert (source.health().age or 0) > 0.4
        camera.tell("resume")
        until(source, _any)
        assert source.health().state == "running"


@pytest.mark.parametrize("kind", ["http", "rtsp"])
def test_a_stream_that_changes_its_size_gives_frames_of_the_new_one(
    network_camera: Any, until: Until, kind: str
) -> None:
    camera = network_camera(kind)
    with open_source(camera.url, QUICK) as source:
        old = until(source, _any)
        camera.tell("size 320 240")
        assert until(source, lambda frame: frame.image.shape == (240, 320, 3))
        assert old.image.shape == (480, 640, 3)
        assert int(old.image.max()) == 255  # still readable
    assert _left_behind() == []


def test_a_stream_that_sends_garbage_is_waited_for(network_camera: Any, until: Until) -> None:
    camera = network_camera("http")
    with open_source(camera.url, QUICK) as source:
        until(source, _any)
        camera.tell("garbage")
        while source.health().state == "running":
            source.next(0.1)
        camera.tell("resume")
        until(source, _any)


@pytest.mark.parametrize("blow", [signal.SIGSTOP, signal.SIGKILL, signal.SIGSEGV])
def test_a_reading_process_that_hangs_or_dies_is_replaced(
    network_camera: Any, until: Until, blow: signal.Signals
) -> None:
    camera = network_camera("http")
    with open_source(camera.url, QUICK) as source:
        until(source, _any)
        first = _child(source)
        os.kill(first, blow)
        until(source, lambda frame: _child(source) != first)
        assert source.health().reconnects == 1
        second = _child(source)
    for pid in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert _left_behind() == []


def test_frames_are_cut_and_turned(network_camera: Any, until: Until) -> None:
    camera = network_camera("http")
    with open_source(camera.url, Settings(crop=(0, 80, 64, 400), rotate=90)) as source:
        frame = until(source, _any)
    assert frame.image.shape == (64, 400, 3)
    # The lowest rows of the picture, black or white, are the left columns now; paper is neither.
    assert set(np.unique(frame.image[:, 2] // 128)) <= {0, 1}
    assert 150 < int(np.median(frame.image[:, 100:])) < 240


def test_a_crop_outside_the_picture_is_an_input_error(network_camera: Any) -> None:
    camera = network_camera("http")
    with (
        open_source(camera.url, Settings(crop=(600, 0, 100, 100))) as source,
        pytest.raises(InputError, match="640x480"),
    ):
        next(iter(source))


def test_a_camera_that_is_not_there_is_waited_for_if_asked(
    network_camera: Any, until: Until
) -> None:
    camera = network_camera("http")
    camera.kill()
    with open_source(camera.url, QUICK, patient=True) as source:
        while not source.health().message:
            assert source.next(0.1) is None
        assert source.health().state == "reconnecting"
        camera.start()
        until(source, _any)


def test_a_source_that_nobody_closes_leaves_nothing(network_camera: Any) -> None:
    camera = network_camera("http")
    script = f"""
from digits_runtime.capture.source import open_source
if __name__ == "__main__":
    source = open_source({camera.url!r})
    print(next(iter(source)).image.shape, source._worker._process.pid)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout.split()[-1]), 0)
    assert _left_behind() == []


def test_the_reading_process_goes_when_its_parent_is_killed(
    network_camera: Any, tmp_path: Path
) -> None:
    camera = network_camera("http")
    script = f"""
import os, signal
from digits_runtime.capture.source import open_source
if __name__ == "__main__":
    source = open_source({camera.url!r})
    next(iter(source))
    print(source._worker._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    limit = time.monotonic() + 20
    while Path(f"/proc/{int(done.stdout)}").exists():
        assert time.monotonic() < limit
        time.sleep(0.05)
    assert _left_behind() == []


def test_a_script_without_a_main_guard_is_told_so(network_camera: Any, tmp_path: Path) -> None:
    camera = network_camera("http")
    script = tmp_path / "script.py"
    script.write_text(f"""
from digits_runtime.capture.source import open_source
from digits_runtime.errors import InputError
try:
    next(iter(open_source({camera.url!r})))
except InputError as error:
    print(error)
""")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert "if __name__ == '__main__'" in done.stdout


def test_open_cv_writes_frames_where_it_is_told(tmp_path: Path) -> None:
    """What spares a copy of every frame."""
    path = str(tmp_path / "clip.avi")
    video = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    video.write(np.full((48, 64, 3), 90, np.uint8))
    video.release()
    capture = cv2.VideoCapture(path)
    given = np.zeros((48, 64, 3), np.uint8)
    assert capture.grab()
    assert capture.retrieve(given)[1] is given


@pytest.mark.parametrize("delay", [0.05, 0.15, 0.4])
def test_ctrl_c_while_the_camera_is_opened_is_one_line(network_camera: Any, delay: float) -> None:
    camera = network_camera("http")
    script = f"""
import sys, time
from digits_runtime.commands.cam import app
if __name__ == "__main__":
    print("here", flush=True)
    app(["--source", {camera.url!r}])
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: all of the group
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_a_stream_of_gigantic_frames_is_refused(
    network_camera: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digits_runtime.capture.worker._MOST_PIXELS", 640 * 480 - 1)
    camera = network_camera("http")
    with (
        open_source(camera.url, QUICK) as source,
        pytest.raises(InputError, match="no memory for frames of 640x480"),
    ):
        next(iter(source))
    assert _left_behind() == []
