from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime import pictures
from digits_runtime.errors import InputError


def _picture(height: int = 40, width: int = 60) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([4 * x, 6 * y, 128 + 0 * x], axis=2).clip(0, 255).astype(np.uint8)


def _one_line(error: InputError) -> None:
    assert len(str(error).splitlines()) == 1


def _encoded(suffix: str) -> bytes:
    return cv2.imencode(suffix, _picture())[1].tobytes()


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _png(width: int, height: int, rows: bytes | None = None, extra: bytes = b"") -> bytes:
    """A black PNG of one bit a pixel: 8 million of them take a kilobyte."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    if rows is None:
        rows = bytes((1 + (width + 7) // 8) * height)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + extra
        + _chunk(b"IDAT", zlib.compress(rows, 1))
        + _chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_a_lossless_picture_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    path.write_bytes(_encoded(suffix))
    np.testing.assert_array_equal(pictures.load(path), _picture())


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_a_lossy_picture_is_nearly_the_same(suffix: str) -> None:
    picture = pictures.decode(_encoded(suffix), "it")
    assert picture.shape == (40, 60, 3)
    assert np.abs(picture.astype(int) - _picture()).mean() < 5


def test_grey_and_transparent_pictures_become_bgr() -> None:
    for picture in (_picture()[:, :, 0], np.dstack([_picture(), _picture()[:, :, :1]])):
        content = cv2.imencode(".png", picture)[1].tobytes()
        assert pictures.decode(content, "it").shape == (40, 60, 3)


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_a_picture_cut_short_is_an_input_error(suffix: str, keep: float) -> None:
    whole = _encoded(suffix)
    with pytest.raises(InputError, match="the half does not decode as a picture"):
        pictures.decode(whole[: int(keep * len(whole))], "the half")


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_text("not a picture")
    with pytest.raises(InputError, match=f"{path} does not decode"):
        pictures.load(path)


def test_an_empty_file_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.touch()
    with pytest.raises(InputError, match="does not decode"):
        pictures.load(path)


def test_a_missing_picture_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the picture .*No such file"):
        pictures.load(tmp_path / "missing.png")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        pictures.load(tmp_path)


def test_a_name_that_cannot_be_a_file_is_an_input_error() -> None:
    with pytest.raises(InputError, match="cannot read the picture"):
        pictures.load(Path("a\0b.png"))


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.bmp"
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)  # sparse: no byte of it is on disk
    with pytest.raises(InputError, match="larger than 256 MiB"):
        pictures.load(path)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_small_file_that_claims_to_be_gigantic_is_an_input_error(width: int, height: int) -> None:
    with pytest.raises(InputError, match="at most 50 megapixels"):
        pictures.decode(_png(width, height, rows=b""), "bomb.png")


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (struct.pack(">I4s", 3_506_438_144, b"IDAT"), "a chunk cut short"),
        (_chunk(b"tEXt", b"") * 60_000, "without an end"),
        (_chunk(b"acTL", struct.pack(">II", 2**31, 0)), "animated"),
    ],
)
def test_a_png_that_would_cost_more_than_its_pixels_is_an_input_error(
    extra: bytes, fault: str
) -> None:
    with pytest.raises(InputError, match=fault):
        pictures.decode(_png(8, 8, extra=extra), "costly.png")


def test_a_png_with_a_comment_is_read() -> None:
    assert pictures.decode(_png(8, 8, extra=_chunk(b"tEXt", b"a\0b")), "it").shape == (8, 8, 3)


def test_a_whole_picture_of_60_megapixels_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(10_000, 6_000))
    code = """
import sys
from pathlib import Path
from digits_runtime import InputError, pictures
try:
    pictures.load(Path(sys.argv[1]))
except InputError:
    sys.exit(42)
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV_")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=clean, capture_output=True, check=False
    )
    assert done.returncode == 42, done.stderr


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"])
)
def test_any_bytes_are_a_picture_or_an_input_error(content: bytes, magic: bytes) -> None:
    try:
        picture = pictures.decode(magic + content, "it")
    except InputError as error:
        _one_line(error)
    else:
        assert picture.ndim == 3


def test_folders_become_their_pictures_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.txt", "10.tiff", "9.bmp"):
        (tmp_path / name).touch()
    alone = tmp_path / "c.txt"
    names = [path.name for path in pictures.in_folders([alone, tmp_path])]
    assert names == ["c.txt", "10.tiff", "9.bmp", "a.JPG", "b.png"]


def test_files_stay_in_the_order_given() -> None:
    paths = [Path("z.png"), Path("a.png"), Path("z.png")]
    assert pictures.in_folders(paths) == paths


def test_a_folder_without_pictures_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=f"{tmp_path} holds no picture"):
        pictures.in_folders([tmp_path])


def test_a_folder_named_like_a_picture_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "old.png").mkdir()
    (tmp_path / "new.png").touch()
    assert [path.name for path in pictures.in_folders([tmp_path])] == ["new.png"]


def test_transparency_is_white_paper(tmp_path: Path) -> None:
    layers = np.zeros((60, 60, 4), np.uint8)
    layers[10:50, 25:33, 3] = 255  # black ink on nothing
    cv2.imwrite(str(tmp_path / "ink.png"), layers)
    picture = pictures.load(tmp_path / "ink.png")
    assert picture[0, 0].tolist() == [255, 255, 255]
    assert picture[30, 28].tolist() == [0, 0, 0]
