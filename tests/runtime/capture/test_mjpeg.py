from __future__ import annotations

import base64
import gc
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from digits_runtime.capture.mjpeg import open_mjpeg
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

QUICK = Settings(timeout=3.0)


def _jpeg(shade: int, width: int = 64) -> bytes:
    return cv2.imencode(".jpg", np.full((48, width, 3), shade, np.uint8))[1].tobytes()


class Camera(BaseHTTPRequestHandler):
    """Sends what it is told to; with a password only to those who know it."""

    pictures: tuple[bytes, ...] = ()
    kind = "multipart/x-mixed-replace; boundary=b"
    login = ""
    pause = 0.0

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(self.login.encode()).decode()
        if self.login and self.headers["Authorization"] != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", self.kind)
        self.end_headers()
        for picture in self.pictures:
            self.wfile.write(b"--b\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n")
            time.sleep(self.pause)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    servers = []

    def start(*pictures: bytes, user: str = "", **properties: object) -> str:
        handler = type("Handler", (Camera,), {"pictures": pictures, **properties})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://{user}127.0.0.1:{server.server_port}/stream"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_pictures_of_any_size_are_given_until_the_stream_ends(serve: Callable[..., str]) -> None:
    stream = open_mjpeg(serve(_jpeg(10), _jpeg(20, width=32), pause=0.5), QUICK)
    assert stream is not None
    for number, shape in ((1, (48, 64, 3)), (2, (48, 32, 3))):
        captured = stream.grab()
        assert captured is not None
        assert 0 <= time.monotonic() - captured < 0.4
        assert stream.number == number
        image = stream.retrieve(None)
        assert image is not None
        assert image.shape == shape
    assert stream.grab() is None


def test_of_pictures_that_waited_only_the_newest_is_given(serve: Callable[..., str]) -> None:
    stream = open_mjpeg(serve(*map(_jpeg, range(0, 250, 10))), QUICK)
    assert stream is not None
    time.sleep(1)
    assert stream.grab() is not None
    assert stream.number == 25
    image = stream.retrieve(None)
    assert image is not None
    assert abs(int(image.mean()) - 240) < 3


def test_a_damaged_picture_is_none(serve: Callable[..., str]) -> None:
    stream = open_mjpeg(serve(b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9"), QUICK)
    assert stream is not None
    assert stream.grab() is not None
    assert stream.retrieve(None) is None


def test_a_silent_stream_is_none_in_time(serve: Callable[..., str]) -> None:
    stream = open_mjpeg(serve(_jpeg(10), pause=8.0), QUICK)
    assert stream is not None
    assert stream.grab() is not None
    began = time.monotonic()
    assert stream.grab() is None
    assert 1 < time.monotonic() - began < 6


# urllib leaves the first answer, which asks for the password, to be collected.
unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@unclosed
def test_user_and_password_of_the_address_are_used(serve: Callable[..., str]) -> None:
    url = serve(_jpeg(10), user="me:s%2Fecret@", login="me:s/ecret")
    stream = open_mjpeg(url, QUICK)
    assert stream is not None
    assert stream.grab() is not None
    gc.collect()


@unclosed
def test_a_refusal_is_one_line_without_the_password(serve: Callable[..., str]) -> None:
    url = serve(_jpeg(10), user="me:wrong@", login="me:right")
    with pytest.raises(InputError, match=r"answers 401 .*user and password") as refused:
        open_mjpeg(url, QUICK)
    assert "wrong" not in str(refused.value)
    gc.collect()


@pytest.mark.parametrize("kind", ["video/mp4", "text/html"])
def test_what_is_no_mjpeg_is_left_to_others(serve: Callable[..., str], kind: str) -> None:
    assert open_mjpeg(serve(kind=kind), QUICK) is None


def test_what_cannot_be_reached_is_left_to_others() -> None:
    assert open_mjpeg("http://127.0.0.1:9/", QUICK) is None
    assert open_mjpeg("rtsp://127.0.0.1:9/", QUICK) is None
