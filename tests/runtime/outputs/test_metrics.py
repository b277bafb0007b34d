"""Metrics, alone and beside the page, and outputs that are chosen together."""

from __future__ import annotations

import http.client
import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime import outputs
from digits_runtime.capture.health import Health
from digits_runtime.errors import InputError
from digits_runtime.outputs.metrics import Metrics, MetricsServer
from digits_runtime.reader import Reader
from digits_runtime.reading import Glyph, Reading
from digits_runtime.tracking import Stable

FRAME: NDArray[np.uint8] = np.full((48, 64, 3), 200, np.uint8)
READING = Reading(
    ((Glyph("4", 0.9, (10, 10, 20, 30)),),), time=1.0, age=0.01, durations={"find": 2.5}
)
NUMBER = Stable("4", 0.9, 7.0)
HEALTH = Health("running", 3, rate=30.0)
TOKEN = "a-token-of-the-test"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def _port(url: str) -> int:
    return int(url.rstrip("/").rsplit(":", 1)[1])


def _ask(
    port: int, path: str, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    answer = response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    connection.close()
    return answer


def test_metrics_count_what_goes_by() -> None:
    metrics = Metrics()
    served = MetricsServer(metrics, "127.0.0.1:0", None)
    try:
        for output in (metrics, served):
            for number in (None, NUMBER, NUMBER):
                output.show(FRAME, READING, number, replace(HEALTH, frames=9, dropped=2))
        status, headers, content = _ask(_port(served.server.url), "/metrics")
        lines = content.decode().splitlines()
        assert _ask(_port(served.server.url), "/healthz")[0] == 200
        assert _ask(_port(served.server.url), "/")[0] == 404
    finally:
        served.close()
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    for line in (
        "digits_frames_total 9.0",
        "digits_frames_dropped_total 2.0",
        "digits_source_up 1.0",
        'digits_read_seconds_count{stage="find"} 3.0',
        'digits_glyphs_total{sure="yes"} 3.0',
        "digits_numbers_total 1.0",
    ):
        assert line in lines


def test_metrics_elsewhere_than_on_loopback_need_the_token() -> None:
    served = MetricsServer(Metrics(), "0.0.0.0:0", TOKEN)
    try:
        port = _port(served.server.url)
        assert _ask(port, "/metrics")[0] == 401
        assert _ask(port, "/metrics", headers=BEARER)[0] == 200
    finally:
        served.close()


def test_what_was_started_ends_when_something_else_cannot_be(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="no broker"):
        outputs.chosen(reader, mqtt="nonsense")
    with pytest.raises(InputError, match="give HOST:PORT"):
        outputs.chosen(reader, metrics="0", serve="a:b")
    address = capsys.readouterr().err.split()[1]
    with pytest.raises(ConnectionRefusedError):
        _ask(_port(address.removesuffix("/metrics")), "/metrics")


def test_the_page_has_the_metrics_too(reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    with outputs.chosen(reader, serve="0", as_json=True) as chosen:
        port = _port(capsys.readouterr().err.split()[1])
        chosen.show(FRAME, READING, NUMBER, HEALTH)
        chosen.idle(HEALTH)
        assert b"digits_numbers_total 1.0" in _ask(port, "/metrics")[2]
    assert json.loads(capsys.readouterr().out)["number"]["text"] == "4"
