"""Requests that no browser makes: the server answers or hangs up, and goes on."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digits_runtime.outputs.web.page import WebPage
from digits_runtime.reader import Reader

METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"\x00"])
PATHS = st.sampled_from([b"/", b"/live", b"/read", b"/login", b"/metrics", b"*", b"/%00", b"//"])
HEADERS = st.sampled_from(
    [
        b"Host: localhost",
        b"Host: [",
        b"Host: localhost:x",
        b"Host: \xff",
        b"Origin: null",
        b"Cookie: " + b"a=b;" * 50,
        b"Authorization: Bearer \xc3\xa4",
        b"Content-Length: 5",
        b"Content-Length: -1",
        b"Transfer-Encoding: chunked",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==",
        b"Expect: 100-continue",
    ]
)
REQUESTS = st.builds(
    lambda method, path, headers, body: b"\r\n".join(
        [method + b" " + path + b" HTTP/1.1", *headers, b"", body]
    ),
    METHODS,
    PATHS | st.binary(max_size=20),
    st.lists(HEADERS | st.binary(max_size=30), max_size=8),
    st.binary(max_size=40),
)


@pytest.fixture(scope="module")
def port(reader: Reader) -> Iterator[int]:
    served = WebPage(reader, "127.0.0.1:0", None)
    yield int(served.server.url.rstrip("/").rsplit(":", 1)[1])
    served.close()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(REQUESTS | st.binary(max_size=200))
def test_whatever_is_sent_the_server_goes_on(port: int, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as visitor:
        visitor.sendall(request_bytes)
        with suppress(OSError):
            answer = visitor.recv(1 << 16)
            assert b"Traceback" not in answer
            assert not answer.startswith(b"HTTP/1.1 500")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 503
    connection.close()
