"""Where answers go: terminal, JSON lines, recordings, a web page, MQTT, metrics.

Each output is a module of its own, which is imported only when it is asked for.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture.health import Health
from digits_runtime.extras import require
from digits_runtime.outputs.lines import JsonLines, LiveView, PlainLines
from digits_runtime.reader import Reader
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable

_WEB = ("starlette", "uvicorn", "wsproto")


class Output(Protocol):
    """Something that answers are given to, always from the same thread."""

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """Take what was read in a frame.

        Args:
            frame: uint8 BGR `[h, w, 3]`; its memory may change once this returns.
            reading: What was read in it.
            number: The number that stands, None where none does.
            health: Of the source.
        """

    def idle(self, health: Health) -> None:
        """Take the source's health; called about twice a second while no frame comes."""

    def close(self) -> None:
        """Finish what was begun; called once, last."""


class Outputs:
    """Several outputs as one, a context manager that closes them."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []
        self._closing = ExitStack()

    def add(self, output: Output) -> None:
        """Give this one, too, what is shown, and close it with the others."""
        self._outputs.append(output)
        self._closing.callback(output.close)

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        for output in self._outputs:
            output.show(frame, reading, number, health)

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""
        for output in self._outputs:
            output.idle(health)

    def close(self) -> None:
        """Close all, the last first, each whatever became of the others."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def chosen(
    reader: Reader,
    *,
    as_json: bool = False,
    record: Path | None = None,
    serve: str | None = None,
    token: str | None = None,
    mqtt: str | None = None,
    metrics: str | None = None,
    redact: bool = False,
) -> Outputs:
    """Start the outputs that a user asked for; the terminal's view unless JSON lines were.

    Args:
        reader: Reads what is drawn on the page's pad.
        as_json: Print one JSON object a frame instead of the terminal's view.
        record: A video (`.mp4`, `.avi`) of annotated frames, or a folder that gets a picture of
            each number announced.
        serve: `HOST:PORT`, `HOST`, `PORT` or nothing: where the web page is.
        token: What a visitor of the page or the metrics must know; one is made up and printed where
            the address is not loopback and none is given.
        mqtt: The broker, see `mqtt.Broker`.
        metrics: `HOST:PORT` where Prometheus finds metrics without the page.
        redact: Mask all of every frame but the glyphs' own boxes wherever it leaves the process.

    Raises:
        InputError: An address, path or token cannot be used.
        MissingExtraError: The packages of an output are not installed.
    """
    outputs = Outputs()
    with ExitStack() as undoing:
        undoing.callback(outputs.close)
        if as_json:
            outputs.add(JsonLines())
        else:
            outputs.add(LiveView() if sys.stdout.isatty() else PlainLines())
        if record is not None:
            from digits_runtime.outputs.record import recording

            outputs.add(recording(record, redact=redact))
        if mqtt is not None:
            require("--mqtt", "mqtt", "paho.mqtt")
            from digits_runtime.outputs.mqtt import Mqtt

            outputs.add(Mqtt(mqtt))
        counted = None
        if metrics is not None or (serve is not None and find_spec("prometheus_client")):
            require("--metrics", "metrics", "prometheus_client", *_WEB)
            from digits_runtime.outputs.metrics import Metrics, MetricsServer

            counted = Metrics()
            outputs.add(counted)
            if metrics is not None:
                outputs.add(MetricsServer(counted, metrics, token))
        if serve is not None:
            require("--serve", "web", *_WEB)
            from digits_runtime.outputs.web.page import WebPage

            more = [counted.route()] if counted else []
            outputs.add(WebPage(reader, serve, token, more=more, redact=redact))
        undoing.pop_all()
    return outputs
