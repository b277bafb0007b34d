from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digits_runtime import FakeCamera, Reader
from digits_runtime.capture.health import Health
from digits_runtime.commands.service import unit
from digits_runtime.errors import InputError
from digits_runtime.notify import Notifier
from digits_runtime.watch import watch

PAGE = np.full((48, 64, 3), 200, np.uint8)


class Systemd:
    """A real notify socket, and what was said on it."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)

    def heard(self, seconds: float = 0.0) -> list[str]:
        """All messages of so many seconds."""
        limit, messages = time.monotonic() + seconds, []
        while True:
            self._socket.settimeout(max(0.01, limit - time.monotonic()))
            try:
                messages.append(self._socket.recv(4096).decode())
            except TimeoutError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    listening = Systemd(tmp_path / "notify")
    yield listening
    listening.close()


class Silent:
    """An output that only counts."""

    def __init__(self) -> None:
        self.shown: list[Health] = []
        self.idled: list[Health] = []

    def show(self, frame: Any, reading: Any, number: Any, health: Health) -> None:
        self.shown.append(health)

    def idle(self, health: Health) -> None:
        self.idled.append(health)

    def close(self) -> None:
        pass


def test_frames_that_are_read_feed_the_watchdog_and_silence_does_not(
    systemd: Systemd, reader: Reader
) -> None:
    silent = Silent()
    watch(FakeCamera([None, PAGE, PAGE, None, None]), reader, silent, Notifier(systemd.path))
    heard = systemd.heard()
    assert [message.splitlines()[0] for message in heard] == [
        "STATUS=stalled",
        "READY=1",
        "STATUS=stalled",
    ]
    assert "WATCHDOG=1" in heard[1].splitlines()
    assert len(silent.shown) == 2
    assert len(silent.idled) == 3


def test_reading_stops_after_so_many_frames(reader: Reader) -> None:
    silent = Silent()
    watch(FakeCamera([PAGE] * 5), reader, silent, Notifier(""), frames=3)
    assert len(silent.shown) == 3


def test_nobody_to_notify_is_no_trouble(tmp_path: Path) -> None:
    for address in ("", "@digits-nobody", str(tmp_path / "nobody")):
        notifier = Notifier(address)
        notifier.working("well")
        notifier.waiting("not so well")
        notifier.stopping()


def test_a_real_service_is_ready_fed_starved_and_stopped(
    systemd: Systemd, network_camera: Any
) -> None:
    camera = network_camera("http")
    code = "from digits_runtime.commands.cam import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--source", camera.url, "--timeout", "1", "--wait"],
        env={"NOTIFY_SOCKET": systemd.path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        heard: list[str] = []
        limit = time.monotonic() + 30
        while sum("WATCHDOG=1" in message for message in heard) < 2:
            heard += systemd.heard(0.2)
            assert time.monotonic() < limit, heard
        assert any("READY=1" in message.splitlines() for message in heard)
        camera.tell("stall")
        systemd.heard(1.5)  # what was under way
        starved = systemd.heard(2.5)
        assert not any("WATCHDOG" in message for message in starved)
        camera.tell("resume")
        limit = time.monotonic() + 30
        while not any("WATCHDOG=1" in message for message in systemd.heard(0.5)):
            assert time.monotonic() < limit
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 130
        assert "STOPPING=1" in systemd.heard()
        assert process.stderr is not None
        assert process.stderr.read() == b"interrupted\n"
    finally:
        process.kill()
        process.communicate()


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not here")
    config = tmp_path / "100% cam.toml"
    config.write_text('source = "0"')
    path = tmp_path / "digits-cam.service"
    path.write_text(unit(config, 300))
    done = subprocess.run(
        [verify, "verify", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = path.read_text()
    for line in ("Type=notify", "MemoryMax=300M", "DynamicUser=yes", "SupplementaryGroups=video"):
        assert line in text
    assert "WatchdogSec=" in text


def test_a_unit_needs_its_configuration(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="write one"):
        unit(tmp_path / "missing.toml", 300)
