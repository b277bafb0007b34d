from __future__ import annotations

import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from digits_runtime.contract import ALNUM, DIGITS
from digits_runtime.errors import InputError
from digits_train import data
from digits_train.data import EVALUATION_NAMES, TRAINING_NAMES, mnist, zeroshot
from digits_train.data.glyphs import GlyphSet, Split

needs_data = pytest.mark.skipif("DIGITS_DATA" not in os.environ, reason="DIGITS_DATA is not set")


def load(
    name: str | Path, split: Split = "test", *, classes: tuple[str, ...] = DIGITS, seed: int = 0
) -> GlyphSet:
    return data.load(str(name), split, classes=classes, data_dir=None, seed=seed)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a data folder with the two zero-shot sets, and name it to the environment."""
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path))
    (tmp_path / "usps").mkdir()
    np.savez(
        tmp_path / "usps" / "usps_16x16.npz",
        images=np.zeros((20, 16, 16), np.uint8),
        labels=np.repeat(np.arange(10, dtype=np.uint8), 2),
    )
    crop = cv2.imencode(".png", np.full((40, 30), 200, np.uint8))[1].tobytes()
    write_crops(tmp_path, {"PNG/CAP_A_0.png": crop, "PNG/DIGIT_7_12.png": crop, "README": b"x"})
    return tmp_path


def write_crops(folder: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(folder / "photo_crops_36.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_usps_is_digits_bright_on_dark(folder: Path) -> None:
    glyphs = load("usps", classes=("1", "2"))
    assert (glyphs.name, glyphs.polarity) == ("usps", "bright")
    assert glyphs.labels.tolist() == ["1", "1", "2", "2"]


def test_photo_crops_take_their_label_from_the_name(folder: Path) -> None:
    glyphs = load("photo_crops", classes=ALNUM)
    assert (glyphs.name, glyphs.polarity) == ("photo_crops", "dark")
    assert glyphs.labels.tolist() == ["A", "7"]
    assert glyphs.images[0].shape == (40, 30)
    assert load("photo_crops").labels.tolist() == ["7"]


def test_a_damaged_zip_of_crops_is_refused(folder: Path) -> None:
    (folder / "photo_crops_36.zip").write_bytes(b"not a zip")
    with pytest.raises(InputError, match=r"photo_crops_36.zip cannot be read as a zip"):
        load("photo_crops")


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"CAP_A_0.png": b""}, "holds 0 pictures named like"),
        ({"PNG/CAP_A_0.png": b"not a picture"}, r"zip: PNG/CAP_A_0.png does not decode"),
        ({"PNG/CAP_A_0.png": bytes(1 << 21)}, r"PNG/CAP_A_0.png is over 1 MiB"),
    ],
)
def test_a_zip_of_something_else_is_refused(
    folder: Path, members: dict[str, bytes], fault: str
) -> None:
    write_crops(folder, members)
    with pytest.raises(InputError, match=fault):
        zeroshot.photo_crops(folder)


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize(
    "name", ["usps", "photo_crops", "unipen-noisy", "mnist-validation", "glyphs.npz"]
)
def test_what_is_measured_on_is_never_trained_on(name: str, split: Split, folder: Path) -> None:
    with pytest.raises(InputError, match=f"{name} is for evaluation only, never trained on"):
        load(name, split)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="'minst' is no set of glyphs") as caught:
        load("minst")
    assert all(name in str(caught.value) for name in (*EVALUATION_NAMES, ".npz"))
    with pytest.raises(InputError, match="'minst' is no set of glyphs") as caught:
        load("minst", "train")
    assert all(name in str(caught.value) for name in TRAINING_NAMES)
    assert "usps" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "mnist/t10k-images-idx3-ubyte.gz"),
        ("unipen", "unipen/images_28x28.npz"),
        ("unipen-noisy", "unipen/images_28x28.npz"),
        ("usps", "usps/usps_16x16.npz"),
        ("photo_crops", "photo_crops_36.zip"),
    ],
)
def test_a_missing_source_is_named_with_the_file_expected(
    name: str, file: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"{tmp_path / file} is missing"):
        data.load(name, "test", classes=DIGITS, data_dir=tmp_path, seed=0)


def test_a_validation_name_asks_for_the_validation_split(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Split, Path | None]] = []

    def given(split: Split, data_dir: Path | None) -> GlyphSet:
        asked.append((split, data_dir))
        return GlyphSet("", [np.zeros((2, 2), np.uint8)], np.array(["1"]), "bright", "")

    monkeypatch.setattr(mnist, "load", given)
    load("mnist-validation")
    load("mnist", "validation")
    load("mnist")
    assert [split for split, _ in asked] == ["validation", "validation", "test"]


def test_a_set_without_the_classes_asked_for_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="usps has no glyph of the classes A B"):
        load("usps", classes=("A", "B"))


def test_a_file_with_a_label_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, images=np.zeros((2, 8, 8), np.uint8), labels=np.array(["1", "A"]))
    with pytest.raises(InputError, match="has the label 'A', which is not among the classes"):
        load(path)
    assert len(load(path, classes=("1", "A"))) == 2


def test_a_folder_is_a_source_for_every_split(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    for shade in range(10):
        cv2.imwrite(str(tmp_path / "1" / f"{shade}.png"), np.full((8, 8), shade, np.uint8))
    splits: tuple[Split, ...] = ("train", "validation", "test")
    assert [len(load(tmp_path, split)) for split in splits] == [8, 1, 1]
    with pytest.raises(InputError, match="has the label '1', which is not among"):
        load(tmp_path, "train", classes=("1x", "2"))


def test_synthetic_glyphs_come_in_their_number_for_each_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data, "_SYNTH_COUNT", {"train": 6, "validation": 2, "test": 1})
    train, validation, test = (load("synth", split) for split in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (60, 20, 10)
    assert (train.name, validation.name, test.name) == ("synth", "synth-validation", "synth-test")
    assert set(train.labels.tolist()) == set(DIGITS)


def test_the_splits_of_synthetic_glyphs_never_share_a_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[int] = []

    def generate(
        labels: tuple[str, ...], count: int, seed: int
    ) -> tuple[list[np.ndarray], np.ndarray]:
        seeds.append(seed)
        return [np.zeros((2, 2), np.uint8)], np.array(labels[:1])

    monkeypatch.setattr("digits_train.synth.generate", generate)
    for seed in range(5):
        for split in ("train", "validation", "test"):
            load("synth", split, seed=seed)
    assert len(set(seeds)) == len(seeds) == 15


@needs_data
def test_the_real_zero_shot_sets_have_their_sizes() -> None:
    assert len(load("usps")) == 5_500
    assert len(load("photo_crops")) == 500
    assert len(load("photo_crops", classes=ALNUM)) == 1_800
    assert len(load("unipen-noisy", classes=ALNUM)) == 3_276


@pytest.mark.parametrize("classes", [DIGITS, ALNUM])
def test_pairs_are_for_their_own_classes_alone(classes: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="--data pairs with --classes pairs"):
        load("pairs", "train", classes=classes)
