"""Prometheus metrics of the source and of what is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import typer
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digits_runtime.capture.health import Health
from digits_runtime.outputs import address
from digits_runtime.outputs.web.pulse import Pulse
from digits_runtime.outputs.web.server import Server
from digits_runtime.reading import UNCERTAIN, Reading
from digits_runtime.tracking import Stable

PORT = 9108
_BUCKETS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.033, 0.066, 0.15, 0.3, 1.0)


class Metrics:
    """Counts what goes by."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._source = _Source()
        self._registry.register(self._source)
        self._stages = Histogram(
            "digits_read_seconds",
            "Time to read a frame, by stage.",
            ["stage"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._glyphs = Counter("digits_glyphs", "Glyphs read.", ["sure"], registry=self._registry)
        self._numbers = Counter("digits_numbers", "Numbers announced.", registry=self._registry)
        self._last: Stable | None = None

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        self._source.health = health
        for stage, milliseconds in reading.durations.items():
            self._stages.labels(stage).observe(milliseconds / 1e3)
        labels = [glyph.label for line in reading.lines for glyph in line]
        unsure = labels.count(UNCERTAIN)
        self._glyphs.labels("yes").inc(len(labels) - unsure)
        self._glyphs.labels("no").inc(unsure)
        if number is not None and (self._last is None or self._last.since != number.since):
            self._numbers.inc()
        self._last = number

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""
        self._source.health = health

    def close(self) -> None:
        """See `Output.close`."""

    def route(self) -> Route:
        """`/metrics`, in the format that the scraper asks for."""

        async def answer(request: Request) -> Response:
            encode, kind = choose_encoder(request.headers.get("accept", ""))
            return Response(encode(self._registry), headers={"content-type": kind})

        return Route("/metrics", answer)


class MetricsServer:
    """Serves `/metrics` and `/healthz`, and nothing that the camera sees.

    Args:
        metrics: What to serve; shown to by others.
        where: `HOST:PORT`, see `address.parse`.
        token: See `server.Server`.

    Raises:
        InputError: The address or the token cannot be used.
    """

    def __init__(self, metrics: Metrics, where: str, token: str | None) -> None:
        self._pulse = Pulse()
        app = Starlette(routes=[metrics.route(), self._pulse.route()])
        self.server = Server(app, address.parse(where, PORT), token)
        made_up = self.server.made_up
        bearer = f", with the bearer token {made_up}" if made_up else ""
        typer.echo(f"metrics: {self.server.url}metrics{bearer}", err=True)

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        self._pulse.beat(health)

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""
        self._pulse.miss(health)

    def close(self) -> None:
        """See `Output.close`."""
        self.server.close()


class _Source(Collector):
    """The source's own counters, as they are when somebody asks."""

    def __init__(self) -> None:
        self.health = Health()

    def collect(self) -> Iterator[Metric]:
        health = self.health
        for name, text, count in (
            ("digits_frames", "Frames the source gave.", health.frames),
            ("digits_frames_dropped", "Frames never read: a newer came.", health.dropped),
            ("digits_source_stalls", "Times the source fell silent.", health.stalls),
            ("digits_source_reconnects", "Times it was opened again.", health.reconnects),
        ):
            yield CounterMetricFamily(name, text, value=count)
        up = GaugeMetricFamily("digits_source_up", "1 while the source gives frames.")
        up.add_metric([], float(health.state == "running"))
        yield up
        rate = GaugeMetricFamily("digits_source_rate", "Frames a second.", value=health.rate)
        yield rate
        if health.age is not None:
            yield GaugeMetricFamily("digits_frame_age_seconds", "Of the newest.", value=health.age)
