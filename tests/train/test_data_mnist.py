from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train.data import mnist
from digits_train.data.mnist import read_idx

needs_data = pytest.mark.skipif("DIGITS_DATA" not in os.environ, reason="DIGITS_DATA is not set")


def idx(array: NDArray[np.uint8]) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def packed(content: bytes) -> bytes:
    """Compressed, without the time, so that tests have the same names in every process."""
    return gzip.compress(content, mtime=0)


FILE = packed(idx(IMAGES))


def written(folder: Path, data: bytes) -> Path:
    path = folder / "file.gz"
    path.write_bytes(data)
    return path


def test_an_idx_file_keeps_its_shape_and_values(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_idx(written(tmp_path, FILE)), IMAGES)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (idx(IMAGES), "not a sound gzip"),
        (FILE[:-20], "cut short or damaged"),
        (FILE[:-8] + bytes(8), "not a sound gzip file: CRC"),
        (FILE + b"more", "not a sound gzip"),
        (packed(b""), "0 bytes are no IDX header"),
        (packed(b"\1" + idx(IMAGES)[1:]), "not an IDX file: it starts 01 00 08 03"),
        (packed(b"\0\0\x08\x00"), "not an IDX file"),
        (packed(b"\0\0\x0d" + idx(IMAGES)[3:]), "IDX type 0x0d"),
        (packed(idx(IMAGES)[:9]), "cut short within its dimensions"),
        (packed(idx(IMAGES)[:-1]), "is cut short: .* need 60 bytes, it has 59"),
        (packed(idx(IMAGES) + b"x"), "has trailing bytes: .* need 60 bytes, it has 61"),
        (packed(b"\0\0\x08\x03" + b"\xff" * 12), "79,228,162,458,924,105,385,300,197,375"),
        (packed(bytes((1 << 26) + 1)), "unpacks to more than"),
    ],
)
def test_a_malformed_file_is_named_with_its_fault(data: bytes, fault: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        read_idx(written(tmp_path, data))
    assert "file.gz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.gz cannot be read"):
        read_idx(tmp_path / "none.gz")


@settings(max_examples=200, deadline=None)
@given(
    cut=st.integers(0, len(FILE)),
    flips=st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), max_size=4),
    inside=st.booleans(),
)
def test_a_damaged_file_is_read_right_or_refused(
    cut: int, flips: list[tuple[int, int]], inside: bool
) -> None:
    # `inside`: the damage is done before compressing, so that gzip's own checksum does not see it.
    plain = idx(IMAGES)
    data = bytearray(plain if inside else FILE)
    for place, value in flips:
        data[place % len(data)] = value
    del data[cut:]
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), gzip.compress(bytes(data)) if inside else bytes(data))
        try:
            found = read_idx(path)
        except InputError:
            return
    # What is read is what was written: exactly these bytes, in the shape they state.
    assert idx(found) == (bytes(data) if inside else plain)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a data folder of 60 training and 10 test digits that passes for MNIST."""
    (tmp_path / "mnist").mkdir()
    hashes = {}
    rng = np.random.default_rng(0)
    for stem, count in (("train", 60), ("t10k", 10)):
        images = rng.integers(0, 256, (count, 28, 28), np.uint8)
        labels = rng.integers(0, 10, count, np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            file = f"{stem}-{name}"
            (tmp_path / "mnist" / f"{file}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
            hashes[file] = hashlib.sha256(idx(array)).hexdigest()
    monkeypatch.setattr(mnist, "_SHA256", hashes)
    monkeypatch.setattr(mnist, "_TRAINING", 55)
    return tmp_path


def test_validation_is_the_end_of_the_training_file(small: Path) -> None:
    train, validation = mnist.load("train", small), mnist.load("validation", small)
    everything = read_idx(small / "mnist" / "train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal([*train.images, *validation.images], everything)
    assert (len(train), len(validation)) == (55, 5)
    assert train.labels.dtype.kind == "U"
    assert train.polarity == "bright"


def test_the_environment_names_the_folder_too(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DATA", str(small))
    assert len(mnist.load("test", None)) == 10


def test_another_file_under_mnists_name_is_refused(small: Path) -> None:
    path = small / "mnist" / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(10, np.uint8))))
    with pytest.raises(InputError, match=r"t10k-labels-idx1-ubyte.gz is not MNIST's"):
        mnist.load("test", small)


def test_images_and_labels_of_different_counts_are_refused(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress(idx(np.zeros(9, np.uint8)))
    )
    digest = hashlib.sha256(idx(np.zeros(9, np.uint8))).hexdigest()
    monkeypatch.setitem(mnist._SHA256, "t10k-labels-idx1", digest)
    with pytest.raises(InputError, match=r"images \[10, 28, 28\], labels \[9\]"):
        mnist.load("test", small)


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte.gz is missing; .*--data-dir"):
        mnist.load("test", tmp_path)


def test_without_a_data_folder_the_cache_is_filled_once(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def fetch(urls: list[str], target: Path, sha256: str) -> Path:
        assert all(url.startswith("https://") for url in urls)
        asked.append(target)
        return small / "mnist" / target.name

    monkeypatch.delenv("DIGITS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist, "fetch", fetch)
    assert len(mnist.load("test", None)) == 10
    assert {path.parent for path in asked} == {tmp_path / "cache" / "digits-edge" / "mnist"}


@needs_data
def test_the_real_splits_have_their_sizes() -> None:
    assert len(mnist.load("train", None)) == 55_000
    assert len(mnist.load("validation", None)) == 5_000
    assert mnist.load("test", None).labels[:5].tolist() == ["7", "2", "1", "0", "4"]
