"""`/healthz`: whether frames come and are read."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits_runtime.capture.health import Health

# A source that has given nothing for so long is not well.
_STALE = 5.0


class Pulse:
    """What `/healthz` knows."""

    def __init__(self) -> None:
        self._state = Health().state
        self._read_at = float("-inf")

    def beat(self, health: Health) -> None:
        """A frame was read."""
        self._state = health.state
        self._read_at = time.monotonic()

    def miss(self, health: Health) -> None:
        """No frame has come for a while."""
        self._state = health.state

    def route(self) -> Route:
        """200 while frames come and are read, else 503."""

        async def answer(request: Request) -> Response:
            well = self._state == "running" and time.monotonic() - self._read_at < _STALE
            return JSONResponse({"state": self._state}, 200 if well else 503)

        return Route("/healthz", answer)
