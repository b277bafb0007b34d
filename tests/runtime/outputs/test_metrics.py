"""Metrics, alone and beside the page, and outputs that are chosen together."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from digits_runtime import outputs
from digits_runtime.errors import InputError
from digits_runtime.outputs.metrics import Metrics, MetricsServer
from digits_runtime.reader import Reader

from .visiting import BEARER, FRAME, HEALTH, NUMBER, READING, TOKEN, ask, port_of


def test_metrics_count_what_goes_by() -> None:
    metrics = Metrics()
    served = MetricsServer(metrics, "127.0.0.1:0", None)
    try:
        for output in (metrics, served):
            for number in (None, NUMBER, NUMBER):
                output.show(FRAME, READING, number, replace(HEALTH, frames=9, dropped=2))
        status, headers, content = ask(port_of(served.server.url), "/metrics")
        lines = content.decode().splitlines()
        assert ask(port_of(served.server.url), "/healthz")[0] == 200
        assert ask(port_of(served.server.url), "/")[0] == 404
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
        port = port_of(served.server.url)
        assert ask(port, "/metrics")[0] == 401
        assert ask(port, "/metrics", headers=BEARER)[0] == 200
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
        ask(port_of(address.removesuffix("/metrics")), "/metrics")


def test_the_page_has_the_metrics_too(reader: Reader, capsys: pytest.CaptureFixture[str]) -> None:
    with outputs.chosen(reader, serve="0", as_json=True) as chosen:
        port = port_of(capsys.readouterr().err.split()[1])
        chosen.show(FRAME, READING, NUMBER, HEALTH)
        chosen.idle(HEALTH)
        assert b"digits_numbers_total 1.0" in ask(port, "/metrics")[2]
    assert json.loads(capsys.readouterr().out)["number"]["text"] == "4"
