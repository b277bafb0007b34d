from __future__ import annotations

from pathlib import Path

import pytest

from digits_runtime.errors import InputError
from digits_runtime.outputs.mqtt import discovery, parse


def test_a_broker_s_address_is_read(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    broker = parse(f"mqtts://c%40m@home:8884/desk/cam?ca={ca}")
    assert (broker.host, broker.port, broker.topic) == ("home", 8884, "desk/cam")
    assert (broker.user, broker.tls, broker.files) == ("c@m", True, {"ca": str(ca)})
    assert parse("mqtt://home").port == 1883
    assert parse("mqtts://home").port == 8883
    assert parse("mqtt://home").topic.startswith("digits/")


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("home", "no broker"),
        ("http://home", "no broker"),
        ("mqtt://", "no broker"),
        ("mqtt://home:99999", "no broker"),
        ("mqtt://home?x=1", "no broker"),
        ("mqtt://home?ca", "no broker"),
        ("mqtt://user:secret@home", "DIGITS_MQTT_PASSWORD"),
        ("mqtts://home?ca=/missing", "there is no file"),
        ("mqtt://home?ca=/etc/hostname", "mqtts"),
        ("mqtts://home?key=/etc/hostname", "certificate"),
        ("mqtt://home/a/%23", "cannot be published"),
    ],
)
def test_what_is_no_broker_is_told(url: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as raised:
        parse(url)
    assert "secret" not in str(raised.value)


def test_home_assistant_finds_three_entities_of_one_device() -> None:
    found = discovery("desk/cam 1")
    assert len(found) == 3
    assert all("desk_cam_1" in topic and topic.endswith("/config") for topic in found)
    assert len({entity["unique_id"] for entity in found.values()}) == 3  # type: ignore[call-overload]
    assert {entity["availability_topic"] for entity in found.values()} == {"desk/cam 1/status"}
