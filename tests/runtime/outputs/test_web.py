"""What the page shows, and what it reads."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from digits_runtime.outputs.web.page import WebPage
from digits_runtime.reader import Reader

from .visiting import FRAME, HEALTH, NUMBER, READING, Serve, ask, drawing, next_of, port_of, watch

# What it serves


def test_the_page_uses_nothing_from_outside(serve: Serve) -> None:
    _, port = serve()
    for path in ("/", "/page.css", "/page.js", "/icon.svg"):
        status, headers, content = ask(port, path)
        assert status == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", content)


def test_a_viewer_gets_picture_number_health_and_history(serve: Serve) -> None:
    served, port = serve()
    served.show(FRAME, READING, None, HEALTH)
    with watch(port) as viewer:
        head, _ = next_of(viewer)
        assert head["number"] is None
        assert head["history"] == []
        served.show(FRAME, READING, NUMBER, HEALTH)
        head, packed = next_of(viewer)
        assert head["number"] == {"text": "4", "confidence": 0.9, "since": 7.0}
        assert head["latency"] == 2.5
        assert head["health"]["rate"] == 30.0
        assert [number["text"] for number in head["history"]] == ["4"]
        picture = cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == FRAME.shape
        served.idle(replace(HEALTH, state="stalled", message="silent"))
        head, packed = next_of(viewer)
        assert head["health"]["message"] == "silent"
        assert packed == b""
        assert "history" not in head


def test_frames_are_kept_only_while_somebody_looks(serve: Serve) -> None:
    served, port = serve()
    served.show(FRAME, READING, None, HEALTH)
    assert served._live._moment.frame is None
    with watch(port) as viewer:
        next_of(viewer)
        served.show(FRAME, READING, None, HEALTH)
        kept = served._live._moment.frame
        assert kept is not None
        assert not np.shares_memory(kept, FRAME)


def test_a_redacted_page_shows_only_the_glyphs(serve: Serve) -> None:
    served, port = serve(redact=True)
    with watch(port) as viewer:
        next_of(viewer)
        served.show(FRAME, READING, None, HEALTH)
        picture = cv2.imdecode(np.frombuffer(next_of(viewer)[1], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture[:, 40:].max() < 80
    assert picture[22:30, 15:25].min() > 150


def test_healthz_tells_whether_frames_are_read(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, port = serve()
    assert ask(port, "/healthz")[0] == 503
    served.show(FRAME, READING, None, HEALTH)
    assert ask(port, "/healthz")[::2] == (200, b'{"state":"running"}')
    served.idle(replace(HEALTH, state="reconnecting"))
    assert ask(port, "/healthz")[::2] == (503, b'{"state":"reconnecting"}')


# The pad


@pytest.mark.parametrize("label", list("0123456789"))
def test_a_drawn_digit_is_read(serve: Serve, label: str) -> None:
    _, port = serve()
    status, _, content = ask(port, "/read", body=drawing(label))
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
    assert ask(port, "/read", body=body)[::2] == (400, b'{"error":"no drawing"}')


@pytest.mark.parametrize("strokes", [[], [[]], [[[0.5, 0.5]]]])
def test_an_empty_pad_reads_as_nothing(serve: Serve, strokes: list[Any]) -> None:
    _, port = serve()
    body = json.dumps({"aspect": 1, "strokes": strokes}).encode()
    status, _, content = ask(port, "/read", body=body)
    assert status == 200
    assert len(json.loads(content)["text"]) <= 1


# Its end


def test_closing_ends_viewers_and_frees_the_port(reader: Reader) -> None:
    served = WebPage(reader, "127.0.0.1:0", None)
    port = port_of(served.server.url)
    with watch(port) as viewer:
        next_of(viewer)
        started = time.monotonic()
        served.close()
        assert time.monotonic() - started < 10
        with pytest.raises(ConnectionClosed):
            next_of(viewer)
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/")
