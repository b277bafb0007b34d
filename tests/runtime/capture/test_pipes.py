from __future__ import annotations

import io
import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_runtime.capture import pipes
from digits_runtime.capture.settings import Settings
from digits_runtime.errors import InputError

Image = NDArray[np.uint8]


def _jpeg(shade: int, *, progressive: bool = False) -> bytes:
    image = np.random.default_rng(shade).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    asked = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    return cv2.imencode(".jpg", image, asked)[1].tobytes()


def _with_thumbnail(jpeg: bytes) -> bytes:
    """A segment of application data that holds a whole JPEG, as cameras write."""
    inside = b"Exif\0\0" + _jpeg(99)
    return jpeg[:2] + b"\xff\xe1" + (2 + len(inside)).to_bytes(2, "big") + inside + jpeg[2:]


JPEGS = [_jpeg(0), _jpeg(1, progressive=True), _with_thumbnail(_jpeg(2)), _jpeg(3)]


class _Trickle(io.BytesIO):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, content: bytes, step: int) -> None:
        super().__init__(content)
        self._step = step

    def read1(self, size: int | None = -1, /) -> bytes:
        return self.read(self._step)


@given(
    st.lists(st.sampled_from(JPEGS), max_size=5),
    st.binary(max_size=40).map(lambda between: between.replace(b"\xff", b"")),
    st.integers(1, 700),
)
def test_jpegs_come_out_as_they_went_in(sent: list[bytes], between: bytes, step: int) -> None:
    stream = between + between.join(sent) + between
    assert list(pipes.jpegs(_Trickle(stream, step).read1)) == sent


@given(st.binary(max_size=300), st.integers(1, 64))
def test_garbage_neither_hangs_nor_raises(content: bytes, step: int) -> None:
    for start in (b"", b"\xff\xd8", _jpeg(0)[:200]):
        for jpeg in pipes.jpegs(_Trickle(start + content, step).read1):
            assert jpeg.startswith(b"\xff\xd8")


def test_a_damaged_jpeg_among_others_is_left_out() -> None:
    damaged = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9"
    found = list(pipes.images(io.BytesIO(_jpeg(0) + damaged + _jpeg(3)), Settings()))
    assert len(found) == 2


def test_damaged_jpegs_alone_are_an_input_error() -> None:
    damaged = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xd9"
    with pytest.raises(InputError, match="standard input"):
        list(pipes.images(io.BytesIO(damaged), Settings()))


@pytest.mark.parametrize("start", [b"", b"\xff\xd8\xff\xda\x00\x02"])
def test_what_never_becomes_a_jpeg_is_given_up(
    start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "_LARGEST_JPEG", 1 << 20)
    with pytest.raises(InputError, match="no whole JPEG"):
        list(pipes.jpegs(io.BytesIO(start + bytes(5 << 20)).read1))


def test_a_jpeg_without_end_is_looked_through_once() -> None:
    """Looked through anew with each chunk, this took a quarter of a minute, 64 MiB hours."""
    began = time.process_time()
    assert not list(pipes.jpegs(io.BytesIO(b"\xff\xd8" + b"\xff\x00" * (2 << 20)).read1))
    assert time.process_time() - began < 3


def _scene() -> Image:
    """Colours that change slowly, so that sharing them between pixels loses little."""
    across, down = np.meshgrid(np.linspace(30, 220, 96), np.linspace(30, 220, 64))
    return np.dstack([across, down, 250 - across]).astype(np.uint8)


RAW = {
    "bgr24": lambda bgr: bgr,
    "rgb24": lambda bgr: bgr[:, :, ::-1],
    "yuv420": lambda bgr: cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420),
    "yuyv": lambda bgr: cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_YUYV),
    "uyvy": lambda bgr: cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_UYVY),
}


@pytest.mark.parametrize("kind", RAW)
def test_raw_pixels_become_the_picture_they_were(kind: str) -> None:
    content = np.ascontiguousarray(RAW[kind](_scene())).tobytes()
    (found,) = pipes.images(io.BytesIO(content), Settings(size=(96, 64), pixel_format=kind))
    assert found.shape == (64, 96, 3)
    assert float(np.abs(found.astype(int) - _scene()).mean()) < 3


def test_grey_pixels_become_grey() -> None:
    content = _scene()[:, :, 0].tobytes()
    (found,) = pipes.images(io.BytesIO(content), Settings(size=(96, 64), pixel_format="gray"))
    assert np.array_equal(found, np.repeat(_scene()[:, :, :1], 3, axis=2))


def test_padded_rows_are_cut() -> None:
    scene = _scene()
    padded = cv2.copyMakeBorder(scene, 0, 0, 0, 32, cv2.BORDER_CONSTANT, value=(0, 0, 255))
    content = cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420).tobytes()
    found = pipes.read_raw(io.BytesIO(content), "yuv420", (96, 64), 128)
    assert found is not None
    assert found.shape == (64, 96, 3)
    assert float(np.abs(found.astype(int) - scene)[:, :94].mean()) < 3
