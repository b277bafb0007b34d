"""Pages are read as they were written, and what is doubtful is said to be."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.ink import normalise
from digits_runtime.reader import Reader
from digits_runtime.reading import UNCERTAIN, Glyph, Reading
from digits_train import pages, synth
from digits_train.scenes import Scene, compose

from .examples import a_number

Image = NDArray[np.uint8]
SceneOf = Callable[[int], Scene]


def _close(found: tuple[int, ...], true: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(found, true, strict=True))


# Whole pages


@pytest.mark.parametrize("seed", [0, 1, 4, 5, 8, 11])
def test_a_page_is_read_exactly(reader: Reader, scene_of: SceneOf, seed: int) -> None:
    scene = scene_of(seed)
    assert reader.read(scene.frame).text == scene.text


def test_nine_pages_of_ten_are_read_exactly(reader: Reader, scene_of: SceneOf) -> None:
    scenes = [scene_of(seed) for seed in range(40)]
    exact = sum(reader.read(scene.frame).text == scene.text for scene in scenes)
    assert exact >= 36


@pytest.mark.parametrize(
    ("level", "seed", "number"),
    [(3, 76052, "95140"), (4, 76020, "665125"), (3, 77072, "28451")],
)
def test_digits_that_no_cut_tells_apart_are_named_at_once(
    level: int, seed: int, number: str
) -> None:
    frame = pages.page(level, seed).frame
    reader = Reader()
    assert number in reader.read(frame).text.splitlines()
    reader.pages.pairs = None
    assert number not in reader.read(frame).text.splitlines()


def test_only_models_of_digits_are_helped_with_pairs(reader: Reader) -> None:
    assert reader.pages.pairs is not None
    assert Reader("alnum").pages.pairs is None


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_invented_on_an_empty_page(reader: Reader, seed: int) -> None:
    page = compose([], np.random.default_rng(seed), ruled=bool(seed % 2))
    assert reader.read(page.frame).lines == ()


def test_boxes_are_where_the_glyphs_are(reader: Reader) -> None:
    scene = compose(["4071", "3362"], np.random.default_rng(1), size=(480, 640))
    reading = reader.read(scene.frame)
    for found, true in zip(reading.lines, scene.lines, strict=True):
        assert all(_close(a.box, b.box) for a, b in zip(found, true, strict=True))


def test_boxes_of_a_large_frame_are_in_its_own_pixels(reader: Reader) -> None:
    scene = a_number()
    large = np.asarray(cv2.resize(scene.frame, None, fx=4, fy=4), np.uint8)
    ((*found,),) = reader.read(large).lines
    assert "".join(glyph.label for glyph in found) == "52818"
    for glyph, true in zip(found, scene.lines[0], strict=True):
        assert np.abs(np.array(glyph.box) - 4 * np.array(true.box)).max() <= 24


def test_chalk_on_a_board_is_read_as_ink_on_paper_is(reader: Reader) -> None:
    scene = a_number()
    assert reader.read(255 - scene.frame).text == reader.read(scene.frame).text == "52818"


@pytest.mark.parametrize("seed", [1, 4, 5])
def test_a_page_is_read_through_the_noise_of_a_camera_in_the_dark(
    reader: Reader, scene_of: SceneOf, seed: int
) -> None:
    scene = scene_of(seed)
    grain = np.random.default_rng(seed).normal(0, 12, scene.frame.shape)
    noisy = np.clip(scene.frame + grain, 0, 255).astype(np.uint8)
    assert reader.read(noisy).text == scene.text


@pytest.mark.parametrize(("seed", "number"), [(71024, "96"), (71107, "02"), (71141, "79")])
def test_a_page_that_seems_to_be_written_on_in_white_is_read(
    reader: Reader, seed: int, number: str
) -> None:
    # A sheet brighter than its desk, or one squared in dark, may seem to be what is bright on dark.
    assert number in reader.read(pages.page(5, seed).frame).text.split("\n")


def test_faint_writing_is_read_beside_something_far_stronger(reader: Reader) -> None:
    scene = pages.page(3, 73110)
    assert reader.read(scene.frame).text == scene.text


def test_equal_frames_give_equal_readings(reader: Reader, scene_of: SceneOf) -> None:
    frame = scene_of(1).frame
    assert reader.read(frame).lines == reader.read(frame).lines


def test_reading_leaves_the_frame_as_it_was(reader: Reader) -> None:
    frame = a_number().frame
    before = frame.copy()
    frame.setflags(write=False)
    reader.read(frame)
    np.testing.assert_array_equal(frame, before)


# What is uncertain


@pytest.mark.parametrize("letter", list("AEKMWXHR"))
def test_what_is_no_digit_inside_a_number_is_a_question_mark(reader: Reader, letter: str) -> None:
    assert reader.read(a_number(f"52{letter}18").frame).text == "52?18"


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_digit_scribbled_over_is_itself_or_a_question_mark(reader: Reader, place: int) -> None:
    scene = a_number()
    x, y, w, h = scene.lines[0][place].box
    rng = np.random.default_rng(place)
    frame = scene.frame.copy()
    points = np.column_stack([rng.integers(x, x + w, 25), rng.integers(y, y + h, 25)])
    cv2.polylines(frame, [points.astype(np.int32)], False, (40, 32, 30), 5, cv2.LINE_AA)
    text = reader.read(frame).text
    assert text in ("52818", "52818"[:place] + UNCERTAIN + "52818"[place + 1 :])


def test_a_threshold_nothing_reaches_leaves_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(provider="cpu")
    monkeypatch.setattr(
        reader.session, "probabilities", lambda glyphs: np.full((len(glyphs), 11), 1 / 11)
    )
    assert reader.read(a_number().frame).text == ""


@pytest.mark.parametrize("doubtful", range(5))
@pytest.mark.parametrize("what", ["between two digits", "no glyph at all"])
def test_a_doubtful_glyph_is_never_left_out_of_a_number(
    monkeypatch: pytest.MonkeyPatch, doubtful: int, what: str
) -> None:
    reader = Reader(provider="cpu")
    # A page network would settle it.
    monkeypatch.setattr(reader.pages, "network", None)
    probabilities = reader.session.probabilities

    def doubting(glyphs: Image) -> NDArray[np.float32]:
        rows = probabilities(glyphs)
        # It is as doubtful when looked at again.
        which = [doubtful] if len(glyphs) == 5 else list(range(len(glyphs)))
        rows[which] = 0
        if what == "between two digits":
            rows[np.ix_(which, [3, 8])] = 0.5
        else:
            rows[which, -1] = 1
        return rows

    monkeypatch.setattr(reader.session, "probabilities", doubting)
    text = reader.read(a_number().frame).text
    # At the ends, too, where it is of the pen and the size of the others.
    assert text == "52818"[:doubtful] + UNCERTAIN + "52818"[doubtful + 1 :]


# What the frame cuts


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_glyph_cut_by_the_edge_of_the_frame_is_never_named(
    reader: Reader, side: str, seed: int
) -> None:
    scene = a_number(seed=seed)
    boxes = np.array([glyph.box for glyph in scene.lines[0]])
    first, last = boxes[0], boxes[-1]
    middle = int(boxes[:, 1].mean() + boxes[:, 3].mean() / 2)
    rows, columns = {
        "left": (slice(None), slice(int(first[0] + first[2] // 2), None)),
        "right": (slice(None), slice(None, int(last[0] + last[2] // 2))),
        "top": (slice(middle, None), slice(None)),
        "bottom": (slice(None, middle), slice(None)),
    }[side]
    frame = np.ascontiguousarray(scene.frame[rows, columns])
    height, width = frame.shape[:2]
    for glyph in (glyph for line in reader.read(frame).lines for glyph in line):
        x, y, w, h = glyph.box
        if x <= 1 or y <= 1 or x + w >= width - 1 or y + h >= height - 1:
            assert glyph.label == UNCERTAIN


def test_a_number_cut_at_its_end_says_so(reader: Reader) -> None:
    scene = a_number()
    x, _, w, _ = scene.lines[0][-1].box
    cut = np.ascontiguousarray(scene.frame[:, : x + w // 2])
    assert reader.read(cut).text == "5281?"


# One run a frame


@pytest.mark.parametrize(("lines", "glyphs"), [(["5281", "990", "7"], 8), (["4"], 1)])
def test_all_glyphs_of_a_frame_are_classified_in_one_run(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], glyphs: int
) -> None:
    reader = Reader(provider="cpu")
    run, batches = reader.session._run, []

    def counted(batch: Image) -> NDArray[np.float32]:
        batches.append(len(batch))
        return run(batch)

    monkeypatch.setattr(reader.session, "_run", counted)
    reader.read(compose(lines, np.random.default_rng(3)).frame)
    assert batches == [glyphs]


# What a reading says


def test_a_reading_is_one_json_object(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    scene = compose(["4071", "3362"], np.random.default_rng(1))
    cv2.imwrite(str(path), scene.frame)
    said = json.loads(json.dumps(reader.read(path).to_dict(), allow_nan=False))
    assert said["schema"] == 1
    assert said["source"] == str(path)
    assert said["frame"] == 0
    assert said["time"] is said["age"] is None
    assert said["text"] == scene.text
    assert "".join(glyph["label"] for glyph in said["glyphs"]) == "40713362"
    assert [glyph["line"] for glyph in said["glyphs"]] == [0] * 4 + [1] * 4
    for glyph in said["glyphs"]:
        assert 0 <= glyph["probability"] <= 1
        assert len(glyph["box"]) == 4
    assert set(said["durations_ms"]) == {"decode", "find", "normalise", "classify", "look"}


def test_a_frame_of_a_camera_has_a_time_and_an_age(reader: Reader) -> None:
    reading = reader.read(a_number().frame, source="0", number=7, captured=time.time() - 1.0)
    assert (reading.source, reading.frame) == ("0", 7)
    assert reading.age == pytest.approx(1.0, abs=0.9)
    assert reading.time is not None


def test_a_reading_of_nothing_is_an_empty_text() -> None:
    assert Reading(()).text == ""
    assert Reading(()).to_dict()["glyphs"] == []


def test_lines_of_a_reading_are_lines_of_its_text() -> None:
    one, two = Glyph("1", 0.9, (0, 0, 5, 9)), Glyph(UNCERTAIN, 0.4, (9, 0, 5, 9))
    assert Reading(((one, two), (one,))).text == "1?\n1"


@pytest.mark.parametrize("side", [28, 56, 300])
def test_a_single_glyph_that_fills_its_picture_is_read(reader: Reader, side: int) -> None:
    """As MNIST has them: a newcomer's first picture."""
    texts = []
    for number in range(10):
        glyph = normalise(synth.glyph(str(number), np.random.default_rng(3)), InkSpec())
        size = (side, side)
        picture = np.asarray(cv2.resize(glyph, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        texts.append(reader.read(picture).text)
    assert sum(text == str(number) for number, text in enumerate(texts)) >= 8


def test_labels_of_several_letters_stand_apart() -> None:
    def line(*labels: str) -> tuple[Glyph, ...]:
        return tuple(Glyph(label, 0.9, (0, 0, 1, 1)) for label in labels)

    assert Reading((line("yes", "no"), line("?"))).text == "yes no\n?"
    assert Reading((line("1", "?"),)).text == "1?"
