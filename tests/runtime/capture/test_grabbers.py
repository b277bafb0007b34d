from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.capture import grabbers, v4l2
from digits_runtime.capture.address import parse
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].reshape(1, -1)
GARBAGE = np.zeros_like(JPEG)
pytestmark = pytest.mark.skipif(grabbers.sys.platform != "linux", reason="V4L2 is Linux only")


class Driver:
    """OpenCV's capture of a webcam that gives JPEGs, with ages of frames as the driver says."""

    asked: tuple[Any, ...] = ()
    ages: list[float]
    content: NDArray[np.uint8] = JPEG

    def __init__(self, *asked: Any) -> None:
        Driver.asked = asked
        self._converts = True

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def release(self) -> None:
        pass

    def set(self, what: int, value: float) -> bool:
        assert what == cv2.CAP_PROP_CONVERT_RGB
        self._converts = bool(value)
        return True

    def get(self, what: int) -> float:
        if what == cv2.CAP_PROP_FOURCC:
            return cv2.VideoWriter.fourcc(*"MJPG")
        if what == cv2.CAP_PROP_FPS:
            return 30.0
        return 1e3 * (time.monotonic() - self.ages[0])

    def grab(self) -> bool:
        self.ages.pop(0)
        return bool(self.ages)

    def retrieve(self, into: Any = None) -> tuple[bool, NDArray[np.uint8]]:
        assert not self._converts
        return True, self.content


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch) -> grabbers.Grabber:
    monkeypatch.setattr(grabbers.cv2, "VideoCapture", Driver)
    monkeypatch.setattr(v4l2, "modes", lambda path: [v4l2.Mode("MJPG", 640, 480, 30)])
    Driver.ages, Driver.content = [0.0], JPEG
    return grabbers.open_grabber(parse("0"), Settings(rate=15))


def test_a_webcam_is_asked_for_what_it_can(webcam: grabbers.Grabber) -> None:
    where, engine, asked = Driver.asked
    assert (where, engine) == (0, cv2.CAP_V4L2)
    assert asked == [
        *(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        *(cv2.CAP_PROP_FPS, 15),
    ]


def test_a_damaged_picture_of_a_webcam_is_none_and_not_the_last_one(
    webcam: grabbers.Grabber,
) -> None:
    Driver.ages = [0.0] * 4
    assert webcam.grab() is not None
    image = webcam.retrieve(None)
    assert image is not None
    assert image.shape == (48, 64, 3)
    Driver.content = GARBAGE
    assert webcam.grab() is not None
    assert webcam.retrieve(image) is None


def test_frames_that_waited_in_the_driver_are_passed_over(webcam: grabbers.Grabber) -> None:
    Driver.ages = [0.0, 0.3, 0.2, 0.01, 0.0]
    captured = webcam.grab()
    assert captured is not None
    assert time.monotonic() - captured < 0.1
    assert webcam.number == 3


def test_a_reader_that_is_always_late_gets_frames_all_the_same(webcam: grabbers.Grabber) -> None:
    Driver.ages = [0.0] + [0.5] * 20
    assert webcam.grab() is not None


def test_a_driver_without_times_of_capture_gives_those_of_arrival(
    webcam: grabbers.Grabber,
) -> None:
    Driver.ages = [0.0, 1e6, 1e6]
    captured = webcam.grab()
    assert captured is not None
    assert time.monotonic() - captured < 0.1


def test_the_end_of_a_webcam_is_none(webcam: grabbers.Grabber) -> None:
    assert webcam.grab() is None


@pytest.mark.parametrize("url", ["http://user:secret@127.0.0.1:9/x", "rtsp://[::1/x", "http:///"])
def test_an_address_nobody_answers_at_is_an_input_error(url: str) -> None:
    with pytest.raises(InputError, match="does not open") as refused:
        grabbers.open_grabber(parse(url), Settings())
    assert "secret" not in str(refused.value)


class Stamped(Driver):
    """OpenCV's capture of a stream whose frames are taken at `stamps` and decoded in 10 ms each."""

    stamps: list[float]
    began: float

    def get(self, what: int) -> float:
        assert what == cv2.CAP_PROP_POS_MSEC
        return 1e3 * self.stamps[0]

    def grab(self) -> bool:
        self.stamps.pop(0)
        if self.stamps:
            time.sleep(0.01 + max(0.0, self.began + self.stamps[0] - time.monotonic()))
        return bool(self.stamps)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> grabbers.Grabber:
    monkeypatch.setattr(grabbers.cv2, "VideoCapture", Stamped)
    monkeypatch.setattr(grabbers, "_connect", lambda url: None)
    Stamped.began = time.monotonic()
    return grabbers.open_grabber(parse("rtsp://127.0.0.1/"), Settings(timeout=2))


def test_frames_that_waited_while_a_stream_was_not_read_are_passed_over(
    stream: grabbers.Grabber,
) -> None:
    Stamped.stamps = [0.0, 0.0, *(n / 30 for n in range(1, 60))]
    assert stream.grab() is not None
    time.sleep(0.5)
    captured = stream.grab()
    assert captured is not None
    assert time.monotonic() - captured < 0.2
    assert stream.number > 10


def test_a_stream_that_is_decoded_too_slowly_gives_frames_with_their_age(
    stream: grabbers.Grabber,
) -> None:
    Stamped.stamps = [0.0, *(n / 1000 for n in range(100))]
    given = []
    while (captured := stream.grab()) is not None:
        given.append(time.monotonic() - captured)
    assert len(given) >= 40
    assert given[-1] > 0.5


def test_a_stream_that_falls_ever_further_behind_is_opened_anew(stream: grabbers.Grabber) -> None:
    Stamped.stamps = [0.0, 0.0, -3.0, -2.999, -2.998]
    assert stream.grab() is not None
    with pytest.raises(InputError, match=r"3 s behind.*smaller size or rate"):
        stream.grab()
