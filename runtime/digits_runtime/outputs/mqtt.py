"""MQTT: numbers and the source's health, found by Home Assistant without being told."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import typer
from numpy.typing import NDArray
from paho.mqtt.client import Client, ConnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from digits_runtime.capture.health import Health
from digits_runtime.errors import InputError
from digits_runtime.outputs.lines import as_object
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable

PASSWORD = "DIGITS_MQTT_PASSWORD"  # noqa: S105 - the name of an environment variable
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FILES = ("ca", "cert", "key")
_HEALTH_SECONDS = 10.0
# After one and a half of these seconds without a sign of life the broker tells the last will.
_KEEP_ALIVE = 10
_SLOWEST_RETRY = 30
_GOODBYE_SECONDS = 2.0
_DISCOVERY = "homeassistant"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to publish: `mqtt[s]://[user@]host[:port][/topic][?ca=FILE&cert=FILE&key=FILE]`."""

    host: str
    port: int
    topic: str
    user: str | None
    tls: bool
    files: dict[str, str]


def parse(url: str) -> Broker:
    """Read a broker's address.

    Raises:
        InputError: It is none, has a password in it, or names files that are not there.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        parts, port, options = urlsplit("none://"), None, {}
    if parts.scheme not in _PORTS or not parts.hostname or not set(options) <= {*_FILES}:
        raise InputError(
            f"{url!r} is no broker; give mqtt://host, or mqtts://user@host:8883/topic?ca=ca.pem"
        )
    if parts.password is not None:
        raise InputError(
            f"everybody can see a password in a command; put it in the environment as {PASSWORD}"
        )
    files = {name: values[-1] for name, values in options.items()}
    for name, file in files.items():
        if not Path(file).is_file():
            raise InputError(f"there is no file {file} ({name} of the broker); check the path")
    if files and parts.scheme != "mqtts":
        raise InputError("certificates need TLS; write mqtts:// instead of mqtt://")
    if "key" in files and "cert" not in files:
        raise InputError("a key needs its certificate; add &cert=FILE to the broker's address")
    topic = unquote(parts.path).strip("/") or f"digits/{_identity(socket.gethostname())}"
    if re.search(r"[+#\0]", topic):
        raise InputError(f"{topic!r} cannot be published to; leave out + and #")
    user = None if parts.username is None else unquote(parts.username)
    tls = parts.scheme == "mqtts"
    return Broker(parts.hostname, port or _PORTS[parts.scheme], topic, user, tls, files)


class Mqtt:
    """Publishes, retained, beneath the broker's topic.

    `number` (a JSON object, its `text` empty where none stands) whenever it changes, `health` every
    ten seconds and when its state changes, `status`: `online` or, by the last will, `offline`.
    While the broker is away nothing is queued: it gets what is true when it is back.

    Args:
        url: See `Broker`.

    Raises:
        InputError: The address or a certificate cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._broker = broker = parse(url)
        self._number = _payload(None)
        self._shown: Stable | None = None
        self._health: Health | None = None
        self._told = float("-inf")
        self._fault = ""
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=f"digits-{_identity(broker.topic)}"
        )
        if broker.user is not None:
            self._client.username_pw_set(broker.user, os.environ.get(PASSWORD))
        if broker.tls:
            files = broker.files
            try:
                self._client.tls_set(files.get("ca"), files.get("cert"), files.get("key"))
            except (OSError, ssl.SSLError, ValueError) as error:
                raise InputError(f"the broker's certificates cannot be used: {error}") from None
        self._client.will_set(f"{broker.topic}/status", "offline", qos=1, retain=True)
        self._client.reconnect_delay_set(1, _SLOWEST_RETRY)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = lambda *_: self._report("the broker does not answer")
        self._client.connect_async(broker.host, broker.port, _KEEP_ALIVE)
        self._client.loop_start()

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        if (number and number.since) != (self._shown and self._shown.since):
            self._number = _payload(number)
            self._publish("number", self._number)
        self._shown = number
        self.idle(health)

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""
        now = time.monotonic()
        changed = self._health is None or self._health.state != health.state
        self._health = health
        if changed or now - self._told >= _HEALTH_SECONDS:
            self._told = now
            self._publish("health", json.dumps(asdict(health)))

    def close(self) -> None:
        """Say `offline` and part."""
        if self._client.is_connected():
            message = self._client.publish(
                f"{self._broker.topic}/status", "offline", qos=1, retain=True
            )
            message.wait_for_publish(_GOODBYE_SECONDS)
        self._client.disconnect()
        self._client.loop_stop()

    def _publish(self, name: str, payload: str) -> None:
        if self._client.is_connected():
            self._client.publish(f"{self._broker.topic}/{name}", payload, qos=1, retain=True)

    def _connected(
        self,
        client: Client,
        userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        """Tell a broker, new or back, all that is true; called in the client's own thread."""
        if reason.is_failure:
            self._report(f"the broker refuses: {reason}")
            return
        self._fault = ""
        topic = self._broker.topic
        for path, found in discovery(topic).items():
            client.publish(path, json.dumps(found), qos=1, retain=True)
        client.publish(f"{topic}/status", "online", qos=1, retain=True)
        client.publish(f"{topic}/number", self._number, qos=1, retain=True)
        if self._health is not None:
            health = json.dumps(asdict(self._health))
            client.publish(f"{topic}/health", health, qos=1, retain=True)

    def _report(self, fault: str) -> None:
        """Say once what is wrong; it is tried again all the time."""
        if fault != self._fault:
            where = f"{self._broker.host}:{self._broker.port}"
            typer.echo(f"mqtt: {where}: {fault}; trying again", err=True)
        self._fault = fault


def discovery(topic: str) -> dict[str, dict[str, object]]:
    """Home Assistant's discovery messages by topic, for MQTT discovery of any version."""
    identity = _identity(topic)
    common: dict[str, object] = {
        "availability_topic": f"{topic}/status",
        "device": {"identifiers": [identity], "name": topic, "manufacturer": "digits-edge"},
        "origin": {"name": "digits-edge"},
    }
    health = f"{topic}/health"
    entities: dict[str, dict[str, object]] = {
        "sensor/number": {
            "name": "Number",
            "icon": "mdi:numeric",
            "state_topic": f"{topic}/number",
            "value_template": "{{ value_json.text | replace('\\n', ' ') | truncate(255) }}",
            "json_attributes_topic": f"{topic}/number",
        },
        "sensor/rate": {
            "name": "Frame rate",
            "state_topic": health,
            "value_template": "{{ value_json.rate | round(1) }}",
            "unit_of_measurement": "Hz",
            "state_class": "measurement",
            "entity_category": "diagnostic",
        },
        "binary_sensor/camera": {
            "name": "Camera",
            "device_class": "connectivity",
            "state_topic": health,
            "value_template": "{{ 'ON' if value_json.state == 'running' else 'OFF' }}",
            "entity_category": "diagnostic",
        },
    }
    found = {}
    for entity, its in entities.items():
        kind, name = entity.split("/")
        unique = {"unique_id": f"{identity}_{name}"}
        found[f"{_DISCOVERY}/{kind}/{identity}/{name}/config"] = {**common, **its, **unique}
    return found


def _payload(number: Stable | None) -> str:
    return json.dumps(as_object(number) or {"text": "", "confidence": None, "since": None})


def _identity(text: str) -> str:
    """What may stand in an identifier."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", text) or "_"
