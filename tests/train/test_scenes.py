from __future__ import annotations

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from digits_runtime.errors import InputError
from digits_train.clip import write_clip
from digits_train.scenes import compose

PAGES = [["52818"], ["40719", "3362"], ["ABC", "XYZ", "019"], ["0123456789"], ["7"]]


@pytest.mark.parametrize("lines", PAGES)
@pytest.mark.parametrize("ruled", [False, True])
def test_a_scene_says_what_is_written_in_it(lines: list[str], ruled: bool) -> None:
    scene = compose(lines, np.random.default_rng(1), ruled=ruled)
    assert scene.frame.dtype == np.uint8
    assert scene.frame.shape == (480, 640, 3)
    assert scene.text == "\n".join(lines)
    assert len(scene.lines) == len(lines)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lines", PAGES)
def test_boxes_hold_ink_lie_in_the_frame_and_are_disjoint(lines: list[str], seed: int) -> None:
    scene = compose(lines, np.random.default_rng(seed))
    darkest = scene.frame.min(axis=2)
    boxes = [glyph.box for line in scene.lines for glyph in line]
    for x, y, w, h in boxes:
        assert 0 < x < x + w < 640
        assert 0 < y < y + h < 480
        around = darkest[max(y - 6, 0) : y + h + 6, max(x - 6, 0) : x + w + 6]
        assert darkest[y : y + h, x : x + w].min() < 0.75 * np.median(around)
    for a, b in itertools.combinations(boxes, 2):
        apart = a[0] + a[2] < b[0] or b[0] + b[2] < a[0]
        assert apart or a[1] + a[3] < b[1] or b[1] + b[3] < a[1]


def test_glyphs_of_a_line_run_left_to_right() -> None:
    scene = compose(["5281", "99"], np.random.default_rng(3))
    for line in scene.lines:
        lefts = [glyph.box[0] for glyph in line]
        assert lefts == sorted(lefts)


def test_glyphs_are_as_high_as_asked_for() -> None:
    scene = compose(["528"], np.random.default_rng(2), glyph_height=90)
    for glyph in scene.lines[0]:
        assert 70 <= max(glyph.box[2:]) <= 91


def test_the_frame_is_as_large_as_asked_for() -> None:
    scene = compose(["12"], np.random.default_rng(0), size=(240, 320))
    assert scene.frame.shape == (240, 320, 3)


def test_no_lines_make_an_empty_page() -> None:
    scene = compose([], np.random.default_rng(0), ruled=True)
    assert scene.text == ""
    assert scene.lines == ()
    assert scene.frame.min() > 40


def test_equal_seeds_give_equal_scenes() -> None:
    one, same, other = (compose(["42"], np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.lines == same.lines
    assert np.array_equal(one.frame, same.frame)
    assert not np.array_equal(one.frame, other.frame)


@pytest.mark.parametrize(
    ("lines", "height", "message"),
    [
        (["8888888888"], 120, "does not fit"),
        (["1", "2", "3", "4"], 150, "do not fit"),
        (["0" * 60], None, "does not fit"),
        (["1"] * 40, None, "do not fit"),
        (["1"], 5, "cannot be read"),
        (["12", ""], None, "empty"),
        (["1a"], None, "no such label"),
    ],
)
def test_what_cannot_be_written_is_refused(
    lines: list[str], height: int | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compose(lines, np.random.default_rng(0), glyph_height=height)


def test_a_clip_has_a_truth_for_each_frame(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, 15)
    truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    video = cv2.VideoCapture(str(path))
    shapes = []
    while (answer := video.read())[0]:
        shapes.append(answer[1].shape)
    video.release()
    assert truth["fps"] == 10
    assert shapes == [(480, 640, 3)] * len(truth["frames"])
    assert 60 <= len(shapes) <= 75
    held = [text for text, _ in itertools.groupby(truth["frames"])]
    assert "" in held[1:-1]
    assert 4 <= len(held) - 1 <= 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.json", "clip.mp4"]


def test_a_clip_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        write_clip(tmp_path / "missing" / "clip.mp4", 0)
