"""The page's addresses, and the output that serves them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.resources import files

import numpy as np
import typer
from anyio import to_thread
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from digits_runtime.capture.health import Health
from digits_runtime.outputs import address
from digits_runtime.outputs.web import pad
from digits_runtime.outputs.web.live import Live
from digits_runtime.outputs.web.pulse import Pulse
from digits_runtime.outputs.web.server import Server
from digits_runtime.reader import Reader
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable

PORT = 8000
_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_BODY_SECONDS = 5
_WAITING = 4  # drawings that may wait for the reader
_SEND_SECONDS = 10
# What has not changed for so long is sent all the same: the viewer sees that we live.
_IDLE_SECONDS = 1.0
_SILENT_SECONDS = 30  # a viewer that asks for nothing for so long is gone
_GOODBYE_SECONDS = 1
_BUSY, _GONE = 1013, 1001


class WebPage:
    """Serves the page from a thread of its own.

    Args:
        reader: Reads what is drawn on the pad.
        where: `HOST:PORT`, see `address.parse`.
        token: See `server.Server`.
        more: Addresses to serve besides, such as `/metrics`.
        redact: See `picture.annotated`.

    Raises:
        InputError: The address or the token cannot be used.
    """

    def __init__(
        self,
        reader: Reader,
        where: str,
        token: str | None,
        *,
        more: Sequence[BaseRoute] = (),
        redact: bool = False,
    ) -> None:
        self._live = Live(redact=redact)
        self._pulse = Pulse()
        routes = _routes(self._live, self._pulse, reader)
        app = Starlette(routes=[*routes, *more])
        self.server = Server(app, address.parse(where, PORT), token)
        made_up = self.server.made_up
        typer.echo(f"page: {self.server.url}{f'#{made_up}' if made_up else ''}", err=True)

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        self._pulse.beat(health)
        self._live.put(frame, reading, number, health)

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""
        self._pulse.miss(health)
        self._live.put_health(health)

    def close(self) -> None:
        """See `Output.close`."""
        self.server.close()


def _routes(live: Live, pulse: Pulse, reader: Reader) -> list[BaseRoute]:
    reading = asyncio.Lock()
    waiting = 0

    async def read(request: Request) -> Response:
        """Read a drawing, one at a time."""
        nonlocal waiting
        if waiting >= _WAITING:
            return JSONResponse({"error": "busy"}, 503)
        waiting += 1
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                drawing = pad.draw(await _body(request))
            async with reading:
                answer = await to_thread.run_sync(partial(reader.read, drawing, source="pad"))
        except (ValueError, TimeoutError, ClientDisconnect):
            return JSONResponse({"error": "no drawing"}, 400)
        finally:
            waiting -= 1
        return JSONResponse(answer.to_dict())

    async def watch(socket: WebSocket) -> None:
        """Send moments for as long as the viewer asks for them."""
        await socket.accept()
        if not live.enter():
            await socket.close(_BUSY, "too many viewers")
            return
        try:
            await _send_moments(socket, live)
        except (TimeoutError, WebSocketDisconnect):
            pass
        finally:
            live.leave()
        # Whoever takes nothing does not take a goodbye either.
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await socket.close(_GONE)

    return [
        *(Route(path, _file(name, kind)) for path, (name, kind) in _FILES.items()),
        pulse.route(),
        Route("/read", read, methods=["POST"]),
        WebSocketRoute("/live", watch),
    ]


async def _send_moments(socket: WebSocket, live: Live) -> None:
    """Send a moment each time the viewer asks for the next, so that nobody lags behind.

    Raises:
        TimeoutError: He neither asks nor takes what was sent.
    """
    count, announced = -1, -1
    while True:
        async with asyncio.timeout(_SILENT_SECONDS):
            await socket.receive()
        moment = await live.newer(count, _IDLE_SECONDS)
        history = live.announced != announced
        count, announced = moment.count, live.announced
        message = await to_thread.run_sync(partial(live.message, moment, history=history))
        async with asyncio.timeout(_SEND_SECONDS):
            await socket.send_bytes(message)


async def _body(request: Request) -> bytes:
    """The body of a request.

    Raises:
        ValueError: It is larger than any drawing.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > pad.LARGEST:
            raise ValueError("too large")
    return bytes(body)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """Answer with a file of the package, read once: no path of a request is ever opened."""
    content = (files("digits_runtime.outputs.web") / "static" / name).read_bytes()

    async def answer(request: Request) -> Response:
        return Response(content, media_type=kind)

    return answer
