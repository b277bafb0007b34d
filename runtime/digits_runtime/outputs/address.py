"""Where a server listens: `HOST:PORT` as a user writes it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from digits_runtime.errors import InputError


@dataclass(frozen=True, slots=True)
class Address:
    """A host and port to listen on; port 0 takes any that is free."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only programs of this very machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url(self, port: int) -> str:
        """What to type into a browser, with the port that was bound."""
        host = _own_address() if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def parse(text: str, port: int) -> Address:
    """Read `HOST:PORT`, `HOST`, `PORT`, `[IPV6]:PORT` or nothing: loopback.

    Args:
        text: What the user wrote.
        port: Where none is written.

    Raises:
        InputError: It is no such thing.
    """
    try:
        if text.isdecimal():
            text = f"127.0.0.1:{text}"
        elif text.count(":") > 1 and not text.startswith("["):
            text = f"[{text}]"
        parts = urlsplit(f"//{text}")
        if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError
        number = port if parts.port is None else parts.port
    except ValueError:
        raise InputError(
            f"{text!r} is no address to listen on; give HOST:PORT, such as 0.0.0.0:8000"
        ) from None
    return Address(parts.hostname or "127.0.0.1", number)


def listen(address: Address) -> socket.socket:
    """Open the listening socket, so that a fault shows before anything else starts.

    Raises:
        InputError: The port is taken or not allowed, or the host is not of this machine.
    """
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        server = socket.create_server((address.host, address.port), family=family, backlog=64)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"cannot listen on {address.host}:{address.port}: {reason}; choose another address"
        ) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Whoever does not take what was sent to him is gone after so many milliseconds.
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
    return server


def _own_address() -> str:
    """The address by which the network knows this machine; no packet is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
