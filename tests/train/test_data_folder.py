from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train.data import folder
from digits_train.data.glyphs import Split

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def picture(number: int) -> NDArray[np.uint8]:
    """Draw a picture unlike that of any other number."""
    drawn = np.full((30, 24), 255, np.uint8)
    drawn[5:25, 11:14] = 0
    drawn[0, :8] = [255 * (number >> bit & 1) for bit in range(8)]
    return drawn


def write(root: Path, label: str, count: int, ending: str = "png") -> None:
    (root / label).mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(root / label / f"{number}.{ending}"), picture(number))


def identity(glyph: NDArray[np.uint8]) -> int:
    return sum(int(glyph[0, bit] > 0) << bit for bit in range(8))


def found(root: Path, split: Split) -> list[int]:
    return sorted(identity(glyph) for glyph in folder.load(root, split).images)


def test_classes_are_the_sub_folders(tmp_path: Path) -> None:
    for label in ("b", "A", "10", ".hidden"):
        (tmp_path / label).mkdir()
    (tmp_path / "note.txt").touch()
    assert folder.labels(tmp_path) == ("10", "A", "b")


@pytest.mark.parametrize(
    ("count", "sizes"), [(10, (8, 1, 1)), (57, (47, 5, 5)), (200, (160, 20, 20))]
)
def test_ten_and_more_pictures_are_divided_eight_one_one(
    count: int, sizes: tuple[int, int, int], tmp_path: Path
) -> None:
    write(tmp_path, "x", count)
    parts = [found(tmp_path, split) for split in SPLITS]
    assert tuple(map(len, parts)) == sizes
    assert sorted(itertools.chain(*parts)) == list(range(count))


@pytest.mark.parametrize("count", [3, 9])
def test_a_few_pictures_leave_one_for_validation_and_none_for_test(
    count: int, tmp_path: Path
) -> None:
    write(tmp_path, "x", count)
    assert len(found(tmp_path, "train")) == count - 1
    assert len(found(tmp_path, "validation")) == 1
    with pytest.raises(InputError, match=rf"test needs at least 10 pictures.*/x has {count}$"):
        folder.load(tmp_path, "test")


def test_two_pictures_are_for_training_alone(tmp_path: Path) -> None:
    write(tmp_path, "x", 2)
    assert found(tmp_path, "train") == [0, 1]
    with pytest.raises(InputError, match=r"validation needs at least 3 pictures.*/x has 2$"):
        folder.load(tmp_path, "validation")


def test_one_class_with_enough_pictures_is_enough(tmp_path: Path) -> None:
    write(tmp_path, "x", 2)
    write(tmp_path, "y", 3)
    assert folder.load(tmp_path, "validation").labels.tolist() == ["y"]


def test_names_have_no_part_in_the_division(tmp_path: Path) -> None:
    write(tmp_path / "a", "x", 20)
    (tmp_path / "b" / "x").mkdir(parents=True)
    for file in (tmp_path / "a" / "x").iterdir():
        name = hashlib.sha256(file.name.encode()).hexdigest() + ".PNG"
        shutil.copy(file, tmp_path / "b" / "x" / name)
    for split in SPLITS:
        assert found(tmp_path / "a", split) == found(tmp_path / "b", split)
    first, second = (folder.load(tmp_path / name, "train") for name in "ab")
    assert first.sha256 == second.sha256


def test_copies_of_a_picture_count_once(tmp_path: Path) -> None:
    write(tmp_path, "x", 10)
    shutil.copy(tmp_path / "x" / "0.png", tmp_path / "x" / "copy.png")
    parts = [found(tmp_path, split) for split in SPLITS]
    assert sorted(itertools.chain(*parts)) == list(range(10))


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    write(tmp_path, "x", 3)
    before = folder.load(tmp_path, "train").sha256
    assert folder.load(tmp_path, "validation").sha256 == before
    (tmp_path / "x" / "0.png").unlink()
    assert folder.load(tmp_path, "train").sha256 != before


@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "bmp", "webp", "tif"])
def test_the_usual_kinds_of_picture_are_read(ending: str, tmp_path: Path) -> None:
    write(tmp_path, "x", 1, ending)
    glyphs = folder.load(tmp_path, "train")
    assert glyphs.images[0].shape == (30, 24)
    assert glyphs.polarity == "auto"


def test_hidden_files_and_other_kinds_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "x", 1)
    for name in (".0.png", "Thumbs.db", "notes.txt"):
        (tmp_path / "x" / name).write_text("no picture")
    assert len(folder.load(tmp_path, "train")) == 1


def test_large_pictures_are_shrunk(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    cv2.imwrite(str(tmp_path / "x" / "0.png"), np.zeros((600, 1024), np.uint8))
    assert folder.load(tmp_path, "train").images[0].shape == (150, 256)


def test_faint_coloured_ink_stands_out(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    yellow = np.full((30, 24, 3), 255, np.uint8)
    yellow[5:25, 11:14] = (0, 255, 255)
    cv2.imwrite(str(tmp_path / "x" / "0.png"), yellow)
    glyph = folder.load(tmp_path, "train").images[0]
    assert (glyph[10, 12], glyph[0, 0]) == (0, 255)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    for data in (b"", b"not a picture"):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / "broken.png").write_bytes(data)
        with pytest.raises(InputError, match=r"x/broken.png does not decode as a picture"):
            folder.load(tmp_path, "train")


def test_a_huge_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    cv2.imwrite(str(tmp_path / "x" / "huge.png"), np.zeros((4001, 5000), np.uint8))
    with pytest.raises(InputError, match=r"x/huge.png is larger than 20 megapixels"):
        folder.load(tmp_path, "train")


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    # OpenCV reads its limit once, when it is imported: hence another process.
    write(tmp_path, "x", 1)
    script = (
        "import sys; from pathlib import Path; from digits_train.data import folder\n"
        "try: folder.load(Path(sys.argv[1]), 'train')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": "100", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("InputError")
    assert "0.png does not decode" in done.stdout


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with (tmp_path / "x" / "huge.png").open("wb") as file:
        file.truncate(50_000_001)
    with pytest.raises(InputError, match=r"x/huge.png is over 50 MB"):
        folder.load(tmp_path, "train")


def test_a_folder_without_classes_or_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no sub-folders"):
        folder.labels(tmp_path)
    with pytest.raises(InputError, match="none is no folder that can be read"):
        folder.labels(tmp_path / "none")
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match="x holds no pictures"):
        folder.load(tmp_path, "train")
