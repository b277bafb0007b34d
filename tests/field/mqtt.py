"""A real broker: `make test-mqtt`. Needs Debian's mosquitto and mosquitto-clients."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

SENDER = """
import sys, time
import numpy
from digits_runtime import Reader, outputs
from digits_runtime.capture.health import Health
from digits_runtime.reading import Glyph, Reading
from digits_runtime.tracking import Stable

frame, number = numpy.zeros((48, 64, 3), numpy.uint8), Stable("0522", 0.97, 5.0)
health = Health("running", 9, rate=9.5, source="0")
with outputs.chosen(Reader(), as_json=True, mqtt=sys.argv[1]) as chosen:
    chosen.show(frame, Reading(()), number, health)
    for _ in range(600):
        chosen.idle(health)
        time.sleep(0.05)
"""
Messages = dict[str, str]


class Broker:
    """A mosquitto of one test, and what it was told."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "mosquitto is missing: apt-get install mosquitto mosquitto-clients"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._command = [program, "-c", str(folder / "mosquitto.conf")]
        plain = "allow_anonymous true"
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n{settings or plain}\n"
        )
        self._seen = folder / "seen"
        self._access: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *access: str) -> None:
        self._run(self._command, subprocess.DEVNULL)
        _wait(self._answers)
        for old in self._seen.parent.glob("seen"):
            old.unlink()
        options = ["-p", str(self.port), "-t", "#", "-q", "1", "-F", "%t %p", *access]
        with self._seen.open("wb") as seen:
            self._run(["mosquitto_sub", "-h", "localhost", *options], seen)

    def _run(self, command: list[str], out: object) -> None:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)  # type: ignore[call-overload]
        self._processes.append(process)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def messages(self) -> Messages:
        """The last message of each topic."""
        lines = self._seen.read_text().splitlines()
        return dict(line.split(" ", 1) for line in lines if " " in line)

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(10)
        self._processes.clear()


def _wait(condition: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait until something is so; return the seconds it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not come about"
        time.sleep(0.05)
    return time.monotonic() - started


@pytest.fixture
def sender() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    with ExitStack() as stack:

        def send(url: str, **environment: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-c", SENDER, url],
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield send


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def test_a_broker_receives_number_health_and_discovery(
    broker: Broker, sender: Callable[..., subprocess.Popen[str]]
) -> None:
    sender(f"mqtt://127.0.0.1:{broker.port}/desk")
    _wait(lambda: len(broker.messages()) >= 6)
    seen = broker.messages()
    assert json.loads(seen["desk/number"]) == {"text": "0522", "confidence": 0.97, "since": 5.0}
    assert json.loads(seen["desk/health"])["state"] == "running"
    assert seen["desk/status"] == "online"
    found = json.loads(seen["homeassistant/sensor/desk/number/config"])
    assert found["state_topic"] == "desk/number"
    assert found["availability_topic"] == "desk/status"
    assert found["unique_id"] == "desk_number"
    assert json.loads(seen["homeassistant/binary_sensor/desk/camera/config"])


def test_the_last_will_tells_that_the_process_was_killed(
    broker: Broker, sender: Callable[..., subprocess.Popen[str]]
) -> None:
    process = sender(f"mqtt://127.0.0.1:{broker.port}/desk")
    _wait(lambda: broker.messages().get("desk/status") == "online")
    process.send_signal(signal.SIGKILL)
    took = _wait(lambda: broker.messages()["desk/status"] == "offline")
    print(f"killed: offline after {took:.2f} s")


def test_the_last_will_tells_that_the_process_hangs(
    broker: Broker, sender: Callable[..., subprocess.Popen[str]]
) -> None:
    process = sender(f"mqtt://127.0.0.1:{broker.port}/desk")
    _wait(lambda: broker.messages().get("desk/status") == "online")
    process.send_signal(signal.SIGSTOP)
    took = _wait(lambda: broker.messages()["desk/status"] == "offline")
    process.send_signal(signal.SIGCONT)
    print(f"stopped: offline after {took:.2f} s")


def test_a_broker_that_comes_later_and_goes_and_comes_is_told_all(
    tmp_path: Path, sender: Callable[..., subprocess.Popen[str]]
) -> None:
    broker = Broker(tmp_path)
    process = sender(f"mqtt://127.0.0.1:{broker.port}/desk")
    assert process.stderr is not None
    assert process.stderr.readline() == (
        f"mqtt: 127.0.0.1:{broker.port}: the broker does not answer; trying again\n"
    )
    for _ in range(2):
        broker.start()
        took = _wait(lambda: broker.messages().get("desk/status") == "online")
        _wait(lambda: "desk/number" in broker.messages())
        print(f"back after {took:.2f} s")
        broker.stop()


def test_tls_and_a_password(tmp_path: Path, sender: Callable[..., subprocess.Popen[str]]) -> None:
    ca = _certificates(tmp_path)
    passwords = tmp_path / "passwords"
    program = shutil.which("mosquitto_passwd")
    assert program, "mosquitto_passwd is missing: apt-get install mosquitto"
    subprocess.run([program, "-b", "-c", str(passwords), "cam", "secret"], check=True)
    passwords.chmod(0o644)
    tmp_path.chmod(0o755)
    settings = "\n".join(
        [
            "allow_anonymous false",
            f"password_file {passwords}",
            f"certfile {tmp_path / 'server.pem'}",
            f"keyfile {tmp_path / 'server.key'}",
            "user root",
        ]
    )
    broker = Broker(tmp_path, settings)
    broker.start("--cafile", str(ca), "-u", "cam", "-P", "secret")
    url = f"mqtts://cam@localhost:{broker.port}/desk?ca={ca}"
    sender(url, DIGITS_MQTT_PASSWORD="secret")  # noqa: S106
    _wait(lambda: broker.messages().get("desk/status") == "online")
    for other, environment, fault in (
        (url, {"DIGITS_MQTT_PASSWORD": "wrong"}, "refuses"),
        (url.split("?")[0], {"DIGITS_MQTT_PASSWORD": "secret"}, "does not answer"),
    ):
        refused = sender(other, **environment)
        assert refused.stderr is not None
        assert fault in refused.stderr.readline()
    broker.stop()


def _certificates(folder: Path) -> Path:
    """A certificate of localhost and its authority's, which is returned."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.now(UTC)

    def certificate(name: str, key: object, by: str, signer: object, ca: bool) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(by))
            .public_key(key.public_key())  # type: ignore[attr-defined]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(signer, hashes.SHA256())  # type: ignore[arg-type]
        )

    root, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(certificate("ca", root, "ca", root, True).public_bytes(pem))
    own = certificate("localhost", server, "ca", root, False)
    (folder / "server.pem").write_bytes(own.public_bytes(pem))
    (folder / "server.key").write_bytes(
        server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "ca.pem"
