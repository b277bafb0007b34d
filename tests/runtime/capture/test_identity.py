from __future__ import annotations

from pathlib import Path

import pytest

from digits_runtime.capture import v4l2
from digits_runtime.capture.address import parse
from digits_runtime.capture.identity import Known
from digits_runtime.capture.source import open_source
from digits_runtime.capture.v4l2 import Camera, Mode
from digits_runtime.errors import InputError

ONE = Camera("/dev/video0", "Cam", "/sys/1-1", "1209:5afe", "SN1")
TWO = Camera("/dev/video2", "Cam", "/sys/1-2", "1209:5afe", "SN2")


def _moved(camera: Camera, path: str, place: str, serial: str | None = None) -> Camera:
    serial = camera.serial if serial is None else serial
    return Camera(path, camera.name, place, camera.kind, serial)


def test_a_camera_is_found_by_its_serial_number() -> None:
    back = _moved(ONE, "/dev/video4", "/sys/1-9")
    assert v4l2.same(ONE, [TWO, back], frozenset({TWO.place})) == back
    assert v4l2.same(ONE, [TWO], frozenset({TWO.place})) is None


def test_one_without_a_serial_number_is_found_at_its_port() -> None:
    one, two = (
        _moved(ONE, "/dev/video0", "/sys/1-1", ""),
        _moved(TWO, "/dev/video2", "/sys/1-2", ""),
    )
    back = _moved(one, "/dev/video7", one.place)
    assert v4l2.same(one, [two, back], frozenset({two.place})) == back


def test_one_at_another_port_is_not_taken_for_its_neighbour() -> None:
    one, two = (
        _moved(ONE, "/dev/video0", "/sys/1-1", ""),
        _moved(TWO, "/dev/video2", "/sys/1-2", ""),
    )
    assert v4l2.same(one, [two], frozenset({two.place})) is None
    back = _moved(one, "/dev/video1", "/sys/1-7")
    assert v4l2.same(one, [two, back], frozenset({two.place})) == back


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the kernel shows of a USB camera with a device for metadata, and of a virtual one."""
    usb = tmp_path / "devices" / "usb1" / "1-1"
    (usb / "1-1:1.0").mkdir(parents=True)
    for name, text in {"idVendor": "1209", "idProduct": "5afe", "serial": "SN1"}.items():
        (usb / name).write_text(text + "\n")
    sysfs = tmp_path / "video4linux"
    for number, index, name in ((0, 0, "USB Cam"), (1, 1, "USB Cam"), (10, 0, "Loop")):
        entry = sysfs / f"video{number}"
        entry.mkdir(parents=True)
        (entry / "index").write_text(f"{index}\n")
        (entry / "name").write_text(f"{name}\n")
        if number < 2:
            (entry / "device").symlink_to(usb / "1-1:1.0")
    monkeypatch.setattr(v4l2, "_SYSFS", sysfs)
    return tmp_path


@pytest.mark.usefixtures("plugged")
def test_cameras_are_listed_without_their_metadata() -> None:
    usb, loop = v4l2.cameras()
    assert (usb.path, usb.name, usb.kind, usb.serial) == (
        "/dev/video0",
        "USB Cam",
        "1209:5afe",
        "SN1",
    )
    assert usb.place.endswith("usb1/1-1/1-1:1.0")
    assert (loop.path, loop.kind, loop.serial) == ("/dev/video10", "Loop", "")


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize("name", ["usb cam", "SN1", "1209:5afe"])
def test_a_camera_may_be_named(name: str) -> None:
    found = Known(parse(name)).find()
    assert found is not None
    assert found.text == "/dev/video0"


@pytest.mark.usefixtures("plugged")
def test_a_name_of_no_camera_is_an_input_error() -> None:
    with pytest.raises(InputError, match="no file or camera called Other"):
        Known(parse("Other")).find()


def test_a_camera_that_was_read_is_looked_for_wherever_it_is(plugged: Path) -> None:
    known = Known(parse("0"))
    where = known.find()
    assert where is not None
    known.remember(where)
    (plugged / "video4linux" / "video0").rename(plugged / "video4linux" / "video5")
    found = known.find()
    assert found is not None
    assert found.text == "/dev/video5"
    (plugged / "video4linux" / "video5").rename(plugged / "gone")
    assert known.find() is None


def test_streams_are_where_they_were() -> None:
    address = parse("http://cam/x")
    known = Known(address)
    known.remember(address)
    assert known.find() == address


def test_a_format_that_needs_no_decoding_is_preferred_where_it_is_fast_enough() -> None:
    found = [
        Mode("MJPG", 640, 480, 30),
        Mode("YUYV", 640, 480, 30),
        Mode("YUYV", 1280, 720, 10),
        Mode("MJPG", 1280, 720, 30),
    ]
    assert v4l2.best_format(found, (640, 480), 30) == "YUYV"
    assert v4l2.best_format(found, (1280, 720), 30) == "MJPG"
    assert v4l2.best_format(found, (1280, 720), 10) == "YUYV"
    assert v4l2.best_format(found, (800, 600), 30) is None


def test_a_camera_that_has_no_such_name_yet_is_waited_for_if_asked() -> None:
    with open_source("No Such Camera", patient=True) as source:
        while not source.health().message:
            assert source.next(0.1) is None
        assert "called No Such Camera" in source.health().message
    with pytest.raises(InputError, match="called Nor This"), open_source("Nor This") as source:
        next(iter(source))
