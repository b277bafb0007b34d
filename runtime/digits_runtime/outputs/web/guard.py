"""Who may ask the page for what: hosts, origins, the token, and headers that bind a browser."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digits_runtime.errors import InputError
from digits_runtime.outputs.address import Address

_SHORTEST_TOKEN = 16
# What tells nothing about what the camera sees.
_OPEN = frozenset({"/", "/page.js", "/page.css", "/icon.svg", "/login", "/healthz"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_WRONG_TOKEN_SECONDS = 0.5
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def make_token() -> str:
    """A token that nobody guesses: 128 random bits."""
    return secrets.token_urlsafe(16)


def check_token(token: str) -> None:
    """Make sure that a token is none that can be guessed by trying.

    Raises:
        InputError: It is too short, or cannot stand in a header.
    """
    if len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable():
        raise InputError(
            f"the token has to be {_SHORTEST_TOKEN} or more letters and digits; "
            "leave it out and one is made up"
        )


class Guard:
    """Lets a request through to an app only if it names this host, is of this page, and may.

    A page of another site cannot get at a server on loopback or behind a router: by its own name,
    made to resolve to us (DNS rebinding), it is refused for the Host header; by ours for Origin.

    Args:
        app: What is guarded.
        address: Where it listens.
        port: The one that was bound.
        token: What a visitor must know; None where only loopback is listened on.
    """

    def __init__(self, app: ASGIApp, address: Address, port: int, token: str | None) -> None:
        self._app = app
        self._token = token
        # The cookie holds no token, and ends with this process. Ports share their host's cookies.
        self._cookie, self._session = f"digits-{port}", secrets.token_urlsafe(32)
        self._own_only = address.loopback
        name = socket.gethostname().lower()
        self._names = _LOOPBACK | {address.host.lower(), name, f"{name}.local"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def send_bound(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        answer: ASGIApp = self._app
        if not self._is_our_host(headers.get("host", "")):
            answer = PlainTextResponse("unknown host\n", 421)
        elif scope["path"] != "/" and not _is_same_origin(headers):
            answer = PlainTextResponse("of another site\n", 403)
        elif scope["path"] == "/login" and scope["type"] == "http":
            answer = await self._login(Request(scope, receive))
        elif scope["path"] not in _OPEN and not self._is_known(headers):
            answer = PlainTextResponse("token needed\n", 401, {"www-authenticate": "Bearer"})
        await answer(scope, receive, send_bound)

    def _is_our_host(self, header: str) -> bool:
        try:
            host = urlsplit(f"//{header}").hostname or ""
            if host in (_LOOPBACK if self._own_only else self._names):
                return True
            # An address in figures went through no DNS.
            return not self._own_only and bool(ipaddress.ip_address(host))
        except ValueError:
            return False

    def _is_known(self, headers: Headers) -> bool:
        if self._token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return _equal(given, self._token)
        cookies = cookie_parser(headers.get("cookie", ""))
        return _equal(cookies.get(self._cookie, ""), self._session)

    async def _login(self, request: Request) -> Response:
        """GET says whether one is needed, POST with a bearer token gives the cookie."""
        if self._is_known(request.headers):
            answer = JSONResponse({"known": True})
            if request.method == "POST" and self._token is not None:
                answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict")
            return answer
        if request.method == "POST":
            await anyio.sleep(_WRONG_TOKEN_SECONDS)
        return JSONResponse({"known": False}, 401 if request.method == "POST" else 200)


def _is_same_origin(headers: Headers) -> bool:
    """Whether no browser says that another site's page asks."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _equal(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode(), secret.encode())
