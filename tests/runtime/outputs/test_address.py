from __future__ import annotations

import pytest

from digits_runtime.errors import InputError
from digits_runtime.outputs.address import Address, listen, parse


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("", "127.0.0.1", 8000, True),
        ("9000", "127.0.0.1", 9000, True),
        ("localhost", "localhost", 8000, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),  # noqa: S104
        (":9000", "127.0.0.1", 9000, True),
        ("[::1]:9000", "::1", 9000, True),
        ("::1", "::1", 8000, True),
        ("::", "::", 8000, False),
        ("192.168.1.7:0", "192.168.1.7", 0, False),
        ("127.0.0.1.evil.example", "127.0.0.1.evil.example", 8000, False),
    ],
)
def test_addresses_are_read(text: str, host: str, port: int, loopback: bool) -> None:
    address = parse(text, 8000)
    assert (address.host, address.port) == (host, port)
    assert address.loopback is loopback


@pytest.mark.parametrize("text", ["a:b", "host:99999", "http://host", "host/path", "u@host", "[::"])
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(InputError, match="give HOST:PORT"):
        parse(text, 8000)


def test_a_taken_port_is_told() -> None:
    with listen(Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1:{port}"):
            listen(Address("127.0.0.1", port))


def test_a_host_elsewhere_is_told() -> None:
    with pytest.raises(InputError, match=r"cannot listen on 192\.0\.2\.1"):
        listen(Address("192.0.2.1", 0))


def test_urls_are_such_as_a_browser_takes() -> None:
    assert Address("::1", 0).url(81) == "http://[::1]:81/"
    assert "0.0.0.0" not in Address("0.0.0.0", 0).url(81)  # noqa: S104
