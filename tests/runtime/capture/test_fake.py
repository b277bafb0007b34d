from __future__ import annotations

import time

import numpy as np

from digits_runtime import FakeCamera

PAGE = np.full((48, 64, 3), 200, np.uint8)


def test_a_fake_camera_gives_its_pictures_and_ends() -> None:
    camera = FakeCamera([PAGE, None, PAGE])
    assert [frame.number for frame in camera] == [0, 1]
    health = camera.health()
    assert (health.state, health.frames, health.stalls) == ("ended", 2, 1)


def test_a_fake_camera_stalls_where_it_is_told() -> None:
    camera = FakeCamera([PAGE, None])
    first = camera.next(0)
    assert first is not None
    assert first.image is PAGE
    assert abs(time.time() - (first.captured or 0)) < 5
    assert camera.health().state == "running"
    assert camera.next(0) is None
    assert camera.health().state == "stalled"


def test_a_fake_camera_keeps_its_rate() -> None:
    began = time.monotonic()
    assert len(list(FakeCamera([PAGE] * 6, rate=50))) == 6
    assert time.monotonic() - began >= 0.1


def test_a_closed_fake_camera_gives_nothing() -> None:
    with FakeCamera([PAGE] * 3) as camera:
        assert camera.next(0) is not None
    assert camera.next(0) is None
