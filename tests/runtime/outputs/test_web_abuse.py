"""What the page bears: too many, too much, too slow, or silence."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import ExitStack, suppress

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from digits_runtime.outputs.web import live, page, server

from .visiting import HEALTH, READING, Serve, ask, next_of, watch

# Viewers


def test_too_many_viewers_are_told_so(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "VIEWERS", 1)
    _, port = serve()
    with watch(port) as first:
        next_of(first)
        with watch(port) as second, pytest.raises(ConnectionClosed) as closed:
            second.recv(timeout=30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with watch(port) as third:
            try:
                next_of(third)
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
    with watch(port) as viewer, pytest.raises(ConnectionClosed):
        viewer.recv(timeout=30)


def test_a_viewer_that_takes_nothing_is_dropped(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "_SEND_SECONDS", 0.3)
    served, port = serve()
    noise = np.random.default_rng(0).integers(0, 255, (720, 960, 3), np.uint8)
    with watch(port) as viewer, suppress(ConnectionClosed):
        next_of(viewer)
        deadline = time.monotonic() + 30
        while served._live._viewers and time.monotonic() < deadline:
            served.show(noise, READING, None, HEALTH)
            viewer.send("next")
            time.sleep(0.01)
        assert served._live._viewers == 0
        viewer.socket.close()


# Connections


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
            ask(port, "/healthz")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if ask(port, "/healthz")[0] == 503:
                return
        except (ConnectionError, http.client.BadStatusLine):
            time.sleep(0.05)
    pytest.fail("connections that ended still count")


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
    assert ask(port, "/")[0] == 200
    assert "Traceback" not in capfd.readouterr().err
