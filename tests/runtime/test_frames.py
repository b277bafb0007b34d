"""Numbers in boxes, circles and the fields of forms; and what only looks like a frame."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.reader import Reader
from digits_train import scenes, synth
from digits_train.scenes import PlacedGlyph

Image = NDArray[np.uint8]
Line = tuple[PlacedGlyph, ...]


def _around(line: Line) -> tuple[int, int, int, int]:
    left, top = (min(glyph.box[axis] for glyph in line) for axis in (0, 1))
    right, bottom = (max(g.box[axis] + g.box[axis + 2] for g in line) for axis in (0, 1))
    return left, top, right, bottom


def _boxed(cover: Image, line: Line) -> None:
    left, top, right, bottom = _around(line)
    cv2.rectangle(cover, (left - 20, top - 20), (right + 20, bottom + 20), 255, 4)


def _circled(cover: Image, line: Line) -> None:
    left, top, right, bottom = _around(line)
    middle, axes = ((left + right) // 2, (top + bottom) // 2), (right - left, bottom - top)
    reach = (round(0.8 * axes[0]), round(0.9 * axes[1]))
    cv2.ellipse(cover, middle, reach, 0, 5, 355, 255, 4, cv2.LINE_AA)


def _fields(cover: Image, line: Line) -> None:
    _, top, _, bottom = _around(line)
    for glyph in line:
        x, _, width, _ = glyph.box
        cv2.rectangle(cover, (x - 9, top - 14), (x + width + 9, bottom + 14), 255, 2)


@pytest.mark.parametrize("frame", [_boxed, _circled, _fields])
def test_what_is_drawn_around_a_number_is_no_part_of_it(
    reader: Reader, frame: Callable[[Image, Line], None]
) -> None:
    rng = np.random.default_rng(1)
    right = []
    for _ in range(10):
        number = "".join(str(digit) for digit in rng.integers(0, 10, 4))
        cover, (line,) = scenes.place([number], rng, (480, 640), 60, pen=0.09)
        frame(cover, line)
        page = 220 - 0.7 * cover.astype(float) + rng.normal(0, 3, cover.shape)
        right.append(reader.read(np.asarray(page.clip(0, 255), np.uint8)).text == number)
    assert np.mean(right) >= 0.8


def test_the_stroke_of_a_slashed_zero_may_stand_free(reader: Reader) -> None:
    rng = np.random.default_rng(0)
    cover, (line,) = scenes.place(["506"], rng, (240, 480), 90, pen=0.07)
    x, y, width, height = line[1].box
    middle = np.array([x + width // 2, y + height // 2])
    reach = np.array([width // 9, -height // 6])
    ends = [tuple(int(v) for v in middle + sign * reach) for sign in (-1, 1)]
    cv2.line(cover, ends[0], ends[1], 255, 4, cv2.LINE_AA)
    assert reader.read(np.asarray(230 - 0.8 * cover, np.uint8)).text[0] == "5"
    assert len(reader.read(np.asarray(230 - 0.8 * cover, np.uint8)).text) == 3


def test_a_frame_without_writing_is_no_number(reader: Reader) -> None:
    page = np.full((480, 640), 220, np.uint8)
    cv2.rectangle(page, (100, 100), (400, 220), 60, 4)
    assert reader.read(page).text == ""


def test_digits_with_loops_keep_them(reader: Reader) -> None:
    rng = np.random.default_rng(2)
    cover = np.zeros((200, 700), np.uint8)
    for place, label in enumerate("80698"):
        glyph = synth.glyph(label, rng, height=110)
        x = 30 + 130 * place
        cover[40 : 40 + glyph.shape[0], x : x + glyph.shape[1]] = glyph
    assert reader.read(np.asarray(230 - 0.8 * cover, np.uint8)).text == "80698"


def test_ruled_paper_is_no_frame_around_what_is_written_on_it(reader: Reader) -> None:
    page = np.full((480, 640), 215, np.uint8)
    for y in range(60, 480, 70):
        cv2.line(page, (0, y), (640, y), 130, 2)
    for row, labels in enumerate(("32510", "46912", "33756")):
        for place, label in enumerate(labels):
            # The digit in the middle is larger and touches the rule, the others stand above it.
            at, size = (130, 2.1) if place == 2 else (124, 1.6)
            at_rule = (120 + 50 * place, at + 140 * row)
            cv2.putText(page, label, at_rule, cv2.FONT_HERSHEY_SIMPLEX, size, 40, 4)
    assert reader.read(page).text.split("\n") == ["32510", "46912", "33756"]
