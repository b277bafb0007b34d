"""What a visitor of a server asks, and what the server has to show."""

from __future__ import annotations

import http.client
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from websockets.sync.client import ClientConnection, connect

from digits_runtime.capture.health import Health
from digits_runtime.outputs.web.page import WebPage
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


def port_of(url: str) -> int:
    return int(url.rstrip("/").rsplit(":", 1)[1])


def ask(
    port: int, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET" if body is None else "POST", path, body, headers or {})
    response = connection.getresponse()
    answer = response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    connection.close()
    return answer


def drawing(label: str, aspect: float = 1.5) -> bytes:
    strokes = synth.draw(label, np.random.default_rng(1))
    points = np.concatenate(strokes)
    low, span = points.min(axis=0), np.ptp(points, axis=0).max()
    placed = [(stroke - low) / span * (0.6 / aspect, 0.6) + 0.2 for stroke in strokes]
    return json.dumps({"aspect": aspect, "strokes": [s.tolist() for s in placed]}).encode()


def watch(port: int, **headers: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}/live", additional_headers=headers, max_size=1 << 22, proxy=None
    )


def next_of(viewer: ClientConnection) -> tuple[dict[str, Any], bytes]:
    viewer.send("next")
    message = viewer.recv(timeout=30)
    assert isinstance(message, bytes)
    (length,) = struct.unpack(">I", message[:4])
    return json.loads(message[4 : 4 + length]), message[4 + length :]
