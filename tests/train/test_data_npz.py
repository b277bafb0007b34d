from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_train.data import npz
from digits_train.data.glyphs import GlyphSet

IMAGES = np.arange(3 * 5 * 4, dtype=np.uint8).reshape(3, 5, 4)
LABELS = np.array(["A", "7", "A"])


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "glyphs.npz"
    np.savez_compressed(path, **arrays)
    return path


def with_members(folder: Path, **members: bytes) -> Path:
    path = folder / "glyphs.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def packed(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_a_file_of_glyphs_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    glyphs = npz.load(path)
    np.testing.assert_array_equal(np.array(glyphs.images), IMAGES)
    assert glyphs.labels.tolist() == ["A", "7", "A"]
    assert glyphs.polarity == "bright"
    assert glyphs.sha256 == npz.file_sha256(path)


def test_whole_numbers_count_through_digits_then_letters(tmp_path: Path) -> None:
    glyphs = npz.load(saved(tmp_path, images=IMAGES, labels=np.array([0, 10, 35])))
    assert glyphs.labels.tolist() == ["0", "A", "Z"]


def test_arrays_stored_by_columns_come_out_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path, images=np.asfortranarray(IMAGES), labels=LABELS)
    np.testing.assert_array_equal(np.array(npz.load(path).images), IMAGES)


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"images": IMAGES}, "no array 'labels'"),
        ({"labels": LABELS}, "no array 'images'"),
        ({"images": IMAGES.astype(np.float32), "labels": LABELS}, r"images must be .* not float32"),
        ({"images": IMAGES[0], "labels": LABELS}, r"images must be .* not uint8 \[5, 4\]"),
        ({"images": IMAGES[:, :0], "labels": LABELS}, r"images must be .* not uint8 \[3, 0, 4\]"),
        ({"images": IMAGES, "labels": LABELS[:2]}, "3 images but 2 labels"),
        ({"images": IMAGES, "labels": LABELS[:, None]}, "labels must be"),
        ({"images": IMAGES, "labels": np.array(3)}, "labels must be"),
        ({"images": IMAGES, "labels": np.zeros(3)}, "labels must be .* not float64"),
        ({"images": IMAGES, "labels": np.array([0, 1, 36])}, "labels run from 0 to 36"),
        ({"images": IMAGES, "labels": np.array([-1, 1, 3])}, "labels run from -1 to 3"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "holds no glyphs"),
        ({"images": IMAGES, "labels": LABELS.astype(object)}, "holds Python objects"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    arrays: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        npz.load(saved(tmp_path, **arrays))
    assert "glyphs.npz" in str(caught.value)


def test_a_missing_or_other_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.npz cannot be read as an npz archive"):
        npz.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match=r"text.npz cannot be read as an npz archive"):
        npz.load(tmp_path / "text.npz")


def test_an_archive_too_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    with pytest.raises(InputError, match="over the 100 allowed"):
        npz.read(path, ("images", "labels"), limit=100)


def test_an_array_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    claim = packed(IMAGES).replace(b"(3, 5, 4), }", b"(3, 5, 4000000000), }")
    with pytest.raises(InputError, match="'images' states uint8"):
        npz.load(with_members(tmp_path, images=claim, labels=packed(LABELS)))


@pytest.mark.parametrize("data", [b"", b"hello, world", packed(IMAGES)[:30]])
def test_a_damaged_array_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'images' has a damaged header"):
        npz.load(with_members(tmp_path, images=data, labels=packed(LABELS)))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_refused_or_harmless(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = with_members(folder, images=packed(IMAGES), labels=packed(LABELS)).read_bytes()
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        broken[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "broken.npz"
    path.write_bytes(broken[: data.draw(st.integers(0, len(whole)))])
    try:
        glyphs = npz.load(path)
    except InputError:
        return
    np.testing.assert_array_equal(np.array(glyphs.images), IMAGES)
    assert glyphs.labels.tolist() == LABELS.tolist()


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, len(packed(IMAGES)) - 1), value=st.integers(0, 255))
def test_a_damaged_array_in_a_sound_archive_is_read_or_refused(
    place: int, value: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broken = bytearray(packed(IMAGES))
    broken[place] = value
    path = with_members(tmp_path_factory.getbasetemp(), images=bytes(broken), labels=packed(LABELS))
    try:
        glyphs = npz.load(path)
    except InputError:
        return
    assert len(glyphs) == 3


def test_select_keeps_only_the_classes_named() -> None:
    glyphs = GlyphSet("set", list(IMAGES), LABELS, "bright", "")
    kept = glyphs.select(["A", "B"])
    assert len(kept) == 2
    assert kept.labels.tolist() == ["A", "A"]
    np.testing.assert_array_equal(kept.images[1], IMAGES[2])


def test_glyphs_of_any_size_become_one_batch_of_model_input() -> None:
    stroke = np.zeros((40, 30), np.uint8)
    stroke[5:35, 12:18] = 255
    glyphs = GlyphSet("set", [stroke, stroke[:, 5:25]], LABELS[:2], "bright", "")
    batch = glyphs.normalised(InkSpec(size=32, box=24))
    assert batch.shape == (2, 1, 32, 32)
    assert batch.dtype == np.uint8
    assert batch[0, 0, 16, 16] > 128
    np.testing.assert_array_equal(batch[0], batch[1])
