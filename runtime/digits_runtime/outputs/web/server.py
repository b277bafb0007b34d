"""An HTTP server in a thread of its own, with bounds on who connects and for how long."""

from __future__ import annotations

import asyncio
import threading

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from digits_runtime.outputs.address import Address, listen
from digits_runtime.outputs.web.guard import Guard, check_token, make_token

_CONNECTIONS = 64
# Browsers open a new one when they need it. Websockets go on for as long as they like.
_CONNECTION_SECONDS, _LAST_SECONDS = 30, 10
_LONGEST_HEADERS = 16 << 10
_LONGEST_MESSAGE = 4 << 10
_START_SECONDS = 10


class _Bounded(H11Protocol):
    """Drops connections beyond a number, and those that dawdle over a request or an answer."""

    _end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > _CONNECTIONS:
            transport.abort()
            return
        self._end = self.loop.call_later(_CONNECTION_SECONDS, self._finish)

    def _finish(self) -> None:
        """Close now if no request is at work, else after its answer, which must come soon."""
        self._end = self.loop.call_later(_LAST_SECONDS, self.transport.abort)
        self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: object) -> None:
        self._forget()
        others = self.connections - {self}
        try:
            super().handle_websocket_upgrade(event)  # type: ignore[arg-type]
        except Exception:
            # Of headers that are no text; uvicorn would count the websocket as there for ever.
            self.connections.intersection_update(others)
            self.transport.abort()

    def _forget(self) -> None:
        if self._end is not None:
            self._end.cancel()


def bounded(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves an app: how much of what it takes, from how many, for how long."""
    return uvicorn.Config(
        app,
        http=_Bounded,
        ws="wsproto",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_LONGEST_HEADERS,
        ws_max_size=_LONGEST_MESSAGE,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=1,
    )


class Server:
    """Serves an app until it is closed.

    Args:
        app: An ASGI app.
        address: Where to listen.
        token: What visitors must know. Where none is given and others than this machine can
            connect, one is made up.

    Raises:
        InputError: The address or the token cannot be used.
    """

    def __init__(self, app: ASGIApp, address: Address, token: str | None) -> None:
        if token is not None:
            check_token(token)
        self.made_up = make_token() if token is None and not address.loopback else None
        self._socket = listen(address)
        port: int = self._socket.getsockname()[1]
        self.url = address.url(port)
        config = bounded(Guard(app, address, port, token or self.made_up))
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="digits-web", daemon=True)
        self._ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self._thread.start()
        self._ready.wait(_START_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.call_soon(self._ready.set)
            self.loop.run_until_complete(self._server.serve(sockets=[self._socket]))
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    def close(self) -> None:
        """Say goodbye to all visitors and wait for the thread's end."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
