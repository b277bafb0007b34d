"""Servers that end with the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from digits_runtime.outputs.web.page import WebPage
from digits_runtime.reader import Reader

from .visiting import Serve, port_of


@pytest.fixture
def serve(reader: Reader) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(
            where: str = "127.0.0.1:0", token: str | None = None, **options: Any
        ) -> tuple[WebPage, int]:
            served = WebPage(reader, where, token, **options)
            stack.callback(served.close)
            return served, port_of(served.server.url)

        yield start
