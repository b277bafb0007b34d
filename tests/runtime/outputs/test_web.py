from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from digits_runtime.capture.health import Health
from digits_runtime.errors import InputError
from digits_runtime.outputs.web import live, page, server
from digits_runtime.outputs.web.page import WebPage
from digits_runtime.reader import Reader
from digits_runtime.reading import Glyph, Reading
from digits_runtime.tracking import Stable
from digits_train import synth

FRAME: NDArray[np.uint8] = np.full((48, 64, 3), 200, np.uint8)
READING = Reading(
    ((Glyph("4", 0.9, (10, 10, 20, 30)),),), time=1.0, age=0.01, durations={"find": 2.5}
)
NUMBER = Stable("4", 0.9, 7.0)
HEALTH = Health("running", 3, rate=30.0)
TOKEN = "a-token-of-the-test"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}

Serve = Callable[..., tuple[WebPage, int]]
Answer = tuple[int, dict[str, str], bytes]


def _port(url: str) -> int:
    return int(url.rstrip("/").rsplit(":", 1)[1])


@pytest.fixture
def serve(reader: Reader) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(
            where: str = "127.0.0.1:0", token: str | None = None, **options: Any
        ) -> tuple[WebPage, int]:
            served = WebPage(reader, where, token, **options)
            stack.callback(served.close)
            return served, _port(served.server.url)

        yield start


def _ask(
    port: int, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET" if body is None else "POST", path, body, headers or {})
    response = connection.getresponse()
    answer = response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    connection.close()
    return answer


def _drawing(label: str, aspect: float = 1.5) -> bytes:
    strokes = synth.draw(label, np.random.default_rng(1))
    points = np.concatenate(strokes)
    low, span = points.min(axis=0), np.ptp(points, axis=0).max()
    placed = [(stroke - low) / span * (0.6 / aspect, 0.6) + 0.2 for stroke in strokes]
    return json.dumps({"aspect": aspect, "strokes": [s.tolist() for s in placed]}).encode()


def _watch(port: int, **headers: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}/live", additional_headers=headers, max_size=1 << 22, proxy=None
    )


def _next(viewer: ClientConnection) -> tuple[dict[str, Any], bytes]:
    viewer.send("next")
    message = viewer.recv(timeout=30)
    assert isinstance(message, bytes)
    (length,) = struct.unpack(">I", message[:4])
    return json.loads(message[4 : 4 + length]), message[4 + length :]


# What it serves


def test_the_page_uses_nothing_from_outside(serve: Serve) -> None:
    _, port = serve()
    for path in ("/", "/page.css", "/page.js", "/icon.svg"):
        status, headers, content = _ask(port, path)
        assert status == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", content)


def test_a_viewer_gets_picture_number_health_and_history(serve: Serve) -> None:
    served, port = serve()
    served.show(FRAME, READING, None, HEALTH)
    with _watch(port) as viewer:
        head, _ = _next(viewer)
        assert head["number"] is None
        assert head["history"] == []
        served.show(FRAME, READING, NUMBER, HEALTH)
        head, packed = _next(viewer)
        assert head["number"] == {"text": "4", "confidence": 0.9, "since": 7.0}
        assert head["latency"] == 2.5
        assert head["health"]["rate"] == 30.0
        assert [number["text"] for number in head["history"]] == ["4"]
        picture = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == FRAME.shape
        served.idle(replace(HEALTH, state="stalled", message="silent"))
        head, packed = _next(viewer)
        assert head["health"]["message"] == "silent"
        assert packed == b""
        assert "history" not in head


def test_frames_are_kept_only_while_somebody_looks(serve: Serve) -> None:
    served, port = serve()
    served.show(FRAME, READING, None, HEALTH)
    assert served._live._moment.frame is None
    with _watch(port) as viewer:
        _next(viewer)
        served.show(FRAME, READING, None, HEALTH)
        kept = served._live._moment.frame
        assert kept is not None
        assert not np.shares_memory(kept, FRAME)


def test_a_redacted_page_shows_only_the_glyphs(serve: Serve) -> None:
    served, port = serve(redact=True)
    with _watch(port) as viewer:
        _next(viewer)
        served.show(FRAME, READING, None, HEALTH)
        picture = cv2.imdecode(np.frombuffer(_next(viewer)[1], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture[:, 40:].max() < 80
    assert picture[22:30, 15:25].min() > 150


def test_too_many_viewers_are_told_so(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "VIEWERS", 1)
    _, port = serve()
    with _watch(port) as first:
        _next(first)
        with _watch(port) as second, pytest.raises(ConnectionClosed) as closed:
            second.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with _watch(port) as third:
            try:
                _next(third)
                break
            except ConnectionClosed:
                time.sleep(0.05)
    else:
        pytest.fail("the place of one who left is not free")


def test_a_viewer_that_falls_silent_is_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_SILENT_SECONDS", 0.2)
    _, port = serve()
    with _watch(port) as viewer, pytest.raises(ConnectionClosed):
        viewer.recv(timeout=30)


def test_a_viewer_that_takes_nothing_is_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_SEND_SECONDS", 0.3)
    served, port = serve()
    noise = np.random.default_rng(0).integers(0, 255, (720, 960, 3), np.uint8)
    with _watch(port) as viewer, suppress(ConnectionClosed):
        _next(viewer)
        deadline = time.monotonic() + 30
        while served._live._viewers and time.monotonic() < deadline:
            served.show(noise, READING, None, HEALTH)
            viewer.send("next")
            time.sleep(0.01)
        assert served._live._viewers == 0
        viewer.socket.close()


def test_healthz_tells_whether_frames_are_read(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, port = serve()
    assert _ask(port, "/healthz")[0] == 503
    served.show(FRAME, READING, None, HEALTH)
    assert _ask(port, "/healthz")[::2] == (200, b'{"state":"running"}')
    served.idle(replace(HEALTH, state="reconnecting"))
    assert _ask(port, "/healthz")[::2] == (503, b'{"state":"reconnecting"}')


# The pad


@pytest.mark.parametrize("label", list("0123456789"))
def test_a_drawn_digit_is_read(serve: Serve, label: str) -> None:
    _, port = serve()
    status, _, content = _ask(port, "/read", body=_drawing(label))
    assert (status, json.loads(content)["text"]) == (200, label)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"aspect": "x", "strokes": []}',
        b'{"aspect": 1e9, "strokes": []}',
        b'{"aspect": NaN, "strokes": []}',
        b'{"aspect": 1, "strokes": 7}',
        b'{"aspect": 1, "strokes": [[[1]]]}',
        b'{"aspect": 1, "strokes": [[[0, 1e300]]]}',
        b'{"aspect": 1, "strokes": [[[0, NaN]]]}',
        b'{"aspect": 1, "strokes": ["ab"]}',
        b'{"aspect": 1, "strokes": {"a": 1}}',
        json.dumps({"aspect": 1, "strokes": [[[0, 0]]] * 300}).encode(),
        json.dumps({"aspect": 1, "strokes": [[[0, 0]] * 6000]}).encode(),
        b'{"aspect": 1, "strokes": []' + b" " * (300 << 10) + b"}",
        b"\xff\xfe",
    ],
)
def test_what_is_no_drawing_is_refused(serve: Serve, body: bytes) -> None:
    _, port = serve()
    assert _ask(port, "/read", body=body)[::2] == (400, b'{"error":"no drawing"}')


@pytest.mark.parametrize("strokes", [[], [[]], [[[0.5, 0.5]]]])
def test_an_empty_pad_reads_as_nothing(serve: Serve, strokes: list[Any]) -> None:
    _, port = serve()
    body = json.dumps({"aspect": 1, "strokes": strokes}).encode()
    status, _, content = _ask(port, "/read", body=body)
    assert status == 200
    assert len(json.loads(content)["text"]) <= 1


# Who may see it


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example"])
def test_another_name_for_this_host_is_refused(serve: Serve, host: str) -> None:
    _, port = serve()
    assert _ask(port, "/", headers={"Host": host})[0] in (400, 421)
    _, port = serve("0.0.0.0:0", TOKEN)
    assert _ask(port, "/healthz", headers={"Host": host})[0] in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1234", "[::1]:80", "LOCALHOST:8000"])
def test_loopback_goes_by_any_of_its_names(serve: Serve, host: str) -> None:
    _, port = serve()
    assert _ask(port, "/", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_pages_of_other_sites_are_refused(serve: Serve, headers: dict[str, str]) -> None:
    _, port = serve()
    assert _ask(port, "/read", body=_drawing("1"), headers=headers)[0] == 403
    with pytest.raises(InvalidStatus) as refused:
        _watch(port, **headers)
    assert refused.value.response.status_code == 403


def test_others_than_this_machine_need_the_token(serve: Serve) -> None:
    _, port = serve("0.0.0.0:0", TOKEN)
    assert _ask(port, "/")[0] == 200
    assert json.loads(_ask(port, "/login")[2]) == {"known": False}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"digits-{port}=x"}):
        assert _ask(port, "/read", body=_drawing("1"), headers=headers)[0] == 401
        with pytest.raises(InvalidStatus) as refused:
            _watch(port, **headers)
        assert refused.value.response.status_code == 401
    assert _ask(port, "/read", body=_drawing("1"), headers=BEARER)[0] == 200
    with _watch(port, **BEARER) as viewer:
        _next(viewer)


def test_the_token_buys_a_cookie_that_does_not_hold_it(serve: Serve) -> None:
    _, port = serve("0.0.0.0:0", TOKEN)
    assert _ask(port, "/login", body=b"", headers={"Authorization": "Bearer wrong"})[0] == 401
    status, headers, _ = _ask(port, "/login", body=b"", headers=BEARER)
    cookie = headers["set-cookie"]
    assert status == 200
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    with _watch(port, Cookie=cookie.split(";")[0]) as viewer:
        _next(viewer)


def test_a_token_is_made_up_where_one_is_needed(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    served, port = serve("0.0.0.0:0")
    made_up = served.server.made_up
    assert made_up is not None
    assert f"#{made_up}\n" in capsys.readouterr().err
    headers = {"Authorization": f"Bearer {made_up}"}
    assert _ask(port, "/read", body=_drawing("1"), headers=headers)[0] == 200


@pytest.mark.parametrize("token", ["", "short", "with a newline\n......", "ümläüte-ümläüte-ü"])
def test_a_weak_token_is_refused(serve: Serve, token: str) -> None:
    with pytest.raises(InputError, match="16 or more"):
        serve(token=token)


@pytest.mark.parametrize("path", ["/../page.py", "/static/index.html", "/%2e%2e/x", "//etc/passwd"])
def test_no_path_is_opened(serve: Serve, path: str) -> None:
    _, port = serve()
    assert _ask(port, path)[0] == 404


# What it bears


def _hello(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def test_who_connects_and_says_nothing_is_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_CONNECTION_SECONDS", 0.2)
    monkeypatch.setattr(server, "_LAST_SECONDS", 0.2)
    _, port = serve()
    for said in (
        b"",
        b"GET / HTTP/1.1\r\nHost: loc",
        b"POST /read HTTP/1.1\r\nHost: localhost\r\n",
    ):
        with _hello(port) as slow:
            slow.sendall(said)
            with suppress(ConnectionResetError):
                assert slow.recv(100) == b""


def test_a_body_that_never_ends_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_BODY_SECONDS", 0.2)
    _, port = serve()
    with _hello(port) as slow:
        slow.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert slow.recv(100).startswith(b"HTTP/1.1 400")


def test_endless_headers_are_refused(serve: Serve) -> None:
    _, port = serve()
    with _hello(port) as loud:
        loud.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with suppress(ConnectionError):
            for _ in range(100):
                loud.sendall(b"X: " + b"y" * 4000 + b"\r\n")
                time.sleep(0.001)
        with suppress(ConnectionResetError):
            assert loud.recv(12) in (b"", b"HTTP/1.1 400")


def test_more_connections_than_it_bears_are_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_CONNECTIONS", 3)
    _, port = serve()
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(_hello(port))
        time.sleep(0.1)
        with pytest.raises((ConnectionError, http.client.BadStatusLine)):
            _ask(port, "/healthz")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if _ask(port, "/healthz")[0] == 503:
                return
        except (ConnectionError, http.client.BadStatusLine):
            time.sleep(0.05)
    pytest.fail("connections that ended still count")


def test_closing_ends_viewers_and_frees_the_port(reader: Reader) -> None:
    served = WebPage(reader, "127.0.0.1:0", None)
    port = _port(served.server.url)
    with _watch(port) as viewer:
        _next(viewer)
        started = time.monotonic()
        served.close()
        assert time.monotonic() - started < 10
        with pytest.raises(ConnectionClosed):
            _next(viewer)
    with pytest.raises(ConnectionRefusedError):
        _ask(port, "/")


def test_upgrades_that_fail_leave_no_visitor_behind(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    """Found by fuzzing: each counted as connected for good, and after 64 nobody got in."""
    _, port = serve()
    asked = (
        b"GET /live HTTP/1.1\r\nHost: \xd9\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\r\n"
    )
    for _ in range(70):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as visitor:
            visitor.sendall(asked)
            with suppress(ConnectionResetError):
                assert not visitor.recv(1)
    assert _ask(port, "/")[0] == 200
    assert "Traceback" not in capfd.readouterr().err
