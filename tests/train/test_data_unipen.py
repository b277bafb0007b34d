from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from digits_runtime.contract import ALNUM, DIGITS
from digits_runtime.errors import InputError
from digits_train.data import unipen
from digits_train.data.glyphs import GlyphSet, Split

needs_data = pytest.mark.skipif("DIGITS_DATA" not in os.environ, reason="DIGITS_DATA is not set")
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
SITES = ("aga", "val", "ibm", "syn")
Rendering = Literal["images", "strokes"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write 40 writers, 10 a site, of 3 characters each; a picture is filled with its writer."""
    writer = np.repeat(np.arange(40), 3)
    about: dict[str, Any] = {
        "label": np.tile(["0", "1", "A"], 40),
        "writer": np.array([f"{SITES[w % 4]}/writer{w}" for w in writer]),
        "provider": np.array([SITES[w % 4] for w in writer]),
    }
    (tmp_path / "unipen").mkdir()
    pictures = np.broadcast_to(writer.astype(np.uint8)[:, None, None], (120, 28, 28))
    np.savez(tmp_path / "unipen" / "images_28x28.npz", images=pictures, **about)
    # Each character: a long stroke down, then a short one across at its foot.
    path = np.array([[500, 0], [500, 500], [500, 1000], [300, 1000], [700, 1000]], np.int16)
    np.savez(
        tmp_path / "unipen" / "strokes.npz",
        xy=np.tile(path, (120, 1)),
        stroke_start=np.append(np.arange(120)[:, None] * 5 + [0, 3], 600).astype(np.int32),
        char_start=np.arange(0, 241, 2, dtype=np.int32),
        **about,
    )
    return tmp_path


def load(
    folder: Path | None,
    split: Split | Literal["noisy"],
    rendering: Rendering = "images",
    classes: tuple[str, ...] = ("0", "1", "A"),
    seed: int = 0,
) -> GlyphSet:
    return unipen.load(split, folder, classes=classes, rendering=rendering, seed=seed)


def writers(glyphs: GlyphSet) -> list[int]:
    return [int(image[0, 0]) for image in glyphs.images]


def test_a_writer_is_in_one_split_only_and_whole(folder: Path) -> None:
    splits: tuple[Split | Literal["noisy"], ...] = (*SPLITS, "noisy")
    found = [writers(load(folder, split)) for split in splits]
    assert sum(len(set(names)) for names in found) == len(set().union(*found)) == 40
    assert all(names.count(name) == 3 for names in found for name in names)


def test_a_tenth_of_each_sites_writers_is_held_out_twice(folder: Path) -> None:
    for split in ("validation", "test"):
        assert sorted(w % 4 for w in set(writers(load(folder, split)))) == [0, 1, 3]


def test_the_division_never_changes(folder: Path) -> None:
    # Figures measured on a split mean nothing if this test has to be changed.
    assert sorted(set(writers(load(folder, "test")))) == [5, 16, 35]
    assert sorted(set(writers(load(folder, "validation")))) == [24, 31, 37]
    assert sorted(set(writers(load(folder, "noisy")))) == [14, 18, 34, 38]


def test_a_third_of_the_noisy_sites_writers_is_reported_apart_the_others_are_learnt(
    folder: Path,
) -> None:
    noisy = load(folder, "noisy")
    assert noisy.name == "unipen-noisy"
    held_out = set(writers(noisy))
    assert len(held_out) == 4
    assert {w % 4 for w in held_out} == {2}
    learnt = {w for w in writers(load(folder, "train")) if w % 4 == 2}
    assert len(learnt) == 6
    assert not learnt & held_out


def test_what_is_left_of_a_character_without_its_other_strokes_is_not_learnt(folder: Path) -> None:
    with np.load(folder / "unipen" / "strokes.npz") as archive:
        arrays = dict(archive)
    count = len(arrays["label"])
    down = np.array([[500, 0], [520, 400], [500, 1000]], np.int16)
    pens = {"strokes": down, "across": down[:, ::-1], "bent": down * [10, 1], "dot": down[:1]}
    learnt = {}
    for name, pen in pens.items():
        arrays |= {
            "xy": np.tile(pen.astype(np.int16), (count, 1)),
            "stroke_start": np.arange(count + 1) * len(pen),
            "char_start": np.arange(count + 1),
        }
        np.savez(folder / "unipen" / "strokes.npz", **arrays)
        renderings: tuple[Rendering, ...] = ("images", "strokes")
        sets = [set(load(folder, "train", each).labels.tolist()) for each in renderings]
        assert sets[0] == sets[1]
        learnt[name] = sets[0]
        assert set(load(folder, "test").labels.tolist()) == {"0", "1", "A"}
    assert learnt == {"strokes": {"1"}, "across": set(), "bent": {"0", "1", "A"}, "dot": set()}


def test_pictures_of_other_characters_than_the_strokes_are_refused(folder: Path) -> None:
    replace(folder / "unipen" / "images_28x28.npz", "label", np.full(120, "1"))
    with pytest.raises(InputError, match="do not belong together"):
        load(folder, "train")


def test_only_the_classes_asked_for_are_loaded(folder: Path) -> None:
    assert set(load(folder, "train", classes=("1", "Z")).labels.tolist()) == {"1"}


def test_strokes_hold_the_same_characters_twice_each(folder: Path) -> None:
    for split in SPLITS:
        given, drawn = load(folder, split), load(folder, split, "strokes")
        np.testing.assert_array_equal(given.labels.repeat(2), drawn.labels)
        assert given.sha256 != drawn.sha256


def test_strokes_are_drawn_upright_and_bright(folder: Path) -> None:
    glyphs = load(folder, "test", "strokes")
    assert glyphs.polarity == "bright"
    for image in glyphs.images:
        rows = (image > 64).sum(axis=1)
        assert rows[: len(rows) // 2].max() < rows[len(rows) // 2 :].max()


def test_the_seed_chooses_the_pens(folder: Path) -> None:
    first, again, other = (load(folder, "test", "strokes", seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.images, again.images, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first.images, other.images, strict=True))


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("label", np.zeros(120), r"label must be strings \[120\], not float64"),
        ("label", np.array("A"), r"label must be strings"),
        ("writer", np.array(["a"]), r"writer must be strings \[120\], not <U1 \[1\]"),
        ("provider", None, "no array 'provider'"),
        ("xy", np.zeros((600, 2)), "xy must be int16"),
        ("xy", np.zeros((600, 3), np.int16), "xy must be int16"),
        ("xy", np.zeros((599, 2), np.int16), "stroke_start must rise from 0 to 599"),
        ("stroke_start", np.zeros(241), "stroke_start must be whole numbers"),
        ("stroke_start", np.zeros(0, np.int32), "stroke_start must be whole numbers"),
        ("stroke_start", np.zeros(241, np.int32), "stroke_start must rise from 0 to 600"),
        ("char_start", np.arange(1, 242, 2), "char_start must rise from 0 to 240"),
        ("char_start", np.arange(241), r"char_start must be whole numbers \[121\], not"),
    ],
)
def test_pen_data_that_does_not_fit_is_refused(
    folder: Path, name: str, value: Any, fault: str
) -> None:
    replace(folder / "unipen" / "strokes.npz", name, value)
    with pytest.raises(InputError, match=fault):
        load(folder, "train", "strokes")


def test_pictures_that_do_not_fit_are_refused(folder: Path) -> None:
    replace(folder / "unipen" / "images_28x28.npz", "images", np.zeros((120, 28, 27), np.uint8))
    with pytest.raises(InputError, match=r"images must be uint8 \[120, 28, 28\]"):
        load(folder, "train")


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"unipen/strokes.npz is missing"):
        load(tmp_path, "train", "strokes")
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    with pytest.raises(InputError, match=r"unipen/images_28x28.npz is needed; .*DIGITS_DATA"):
        load(None, "train")


def replace(path: Path, name: str, value: Any) -> None:
    with np.load(path) as archive:
        arrays = {**archive, name: value}
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})


@needs_data
def test_the_real_splits_have_their_sizes() -> None:
    assert [len(load(None, split, classes=ALNUM)) for split in SPLITS] == [28_880, 2_420, 2_673]
    assert [len(load(None, split, classes=DIGITS)) for split in SPLITS] == [10_918, 1_453, 1_525]


def test_zeros_drawn_afresh_are_struck_through_now_and_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def count(strokes: list[Any], rng: np.random.Generator) -> list[Any]:
        drawn.append(len(strokes))
        return strokes

    monkeypatch.setattr(unipen.slash, "struck", count)
    monkeypatch.setattr(unipen, "_STRUCK", 1.0)
    load(folder, "train", "strokes", ("0",))
    # Of the 30 zeros learnt those of the noisy site's 6 writers are left as they are.
    assert len(drawn) == 2 * 24
    drawn.clear()
    monkeypatch.setattr(unipen, "_STRUCK", 0.2)
    zeros = load(folder, "train", "strokes", ("0",))
    assert 0.1 < len(drawn) / len(zeros) < 0.35
    assert set(drawn) == {2}
    drawn.clear()
    load(folder, "train", "strokes", ("1", "A"))
    assert not drawn
