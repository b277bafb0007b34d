from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digits_runtime.capture.address import parse, without_password
from digits_runtime.capture.settings import Settings, parse_crop, parse_size
from digits_runtime.errors import InputError

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def test_a_picture_stays_as_it_is_where_nothing_is_asked() -> None:
    assert Settings().fit(PICTURE) is PICTURE


def test_a_picture_is_cut_then_turned_clockwise() -> None:
    found = Settings(crop=(1, 2, 3, 2), rotate=90).fit(PICTURE)
    assert np.array_equal(found, np.rot90(PICTURE[2:4, 1:4], -1))


def test_a_region_outside_names_the_size() -> None:
    with pytest.raises(InputError, match="6x4"):
        Settings(crop=(4, 0, 3, 2)).fit(PICTURE)


def test_sizes_and_regions_are_read() -> None:
    assert parse_size("1280x720") == (1280, 720)
    assert parse_crop("0, 10,320,240") == (0, 10, 320, 240)


@pytest.mark.parametrize("text", ["", "640", "0x480", "640x", "99999x1", "-1x4", "axb"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="640x480"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,0,4", "-1,0,3,3"])
def test_what_is_no_region_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="0,0,320,240"):
        parse_crop(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0", "device"),
        ("/dev/video2", "device"),
        ("HD Webcam", "device"),
        ("-", "stdin"),
        ("pi", "pi"),
        ("pi:1", "pi"),
        ("RTSP://camera/1", "stream"),
        (".", "pictures"),
        (__file__, "video"),
    ],
)
def test_addresses_are_told_apart(text: str, kind: str) -> None:
    assert parse(text).kind == kind


def test_a_file_called_like_a_camera_needs_no_suffix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clip").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert parse("clip").kind == "video"
    assert parse("other").kind == "device"


@pytest.mark.parametrize("text", ["", "missing.mp4", "a/b", "x" * 5000 + ".mp4"])
def test_what_nothing_is_called_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_a_password_is_never_shown() -> None:
    assert parse("rtsp://me:secret@cam:554/x?a=1").shown == "rtsp://me:***@cam:554/x?a=1"
    assert without_password("http://cam/x") == "http://cam/x"
    assert without_password("http://[broken") == "http://[broken"
