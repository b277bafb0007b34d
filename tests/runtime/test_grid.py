from __future__ import annotations

import cv2
import numpy as np
import pytest

from digits_runtime import layout
from digits_runtime.reader import Reader
from digits_train import grids, pages


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_grid_is_read_cell_by_cell_whichever_side_is_up(reader: Reader, turns: int) -> None:
    scene = grids.grid(2028)
    frame = np.ascontiguousarray(np.rot90(scene.frame, turns))
    reading = reader.read(frame)
    assert reading.grid is not None
    rows = reading.text.split("\n")
    assert [len(row) for row in rows] == [len(row) for row in scene.grid]
    read = [a == b for a, b in zip("".join(rows), "".join(scene.grid), strict=True) if b != "0"]
    assert np.mean(read) > 0.8
    cells = reading.to_dict()["grid"]
    assert isinstance(cells, list)
    assert len(cells) == len(rows)


def test_a_page_without_a_grid_has_none(reader: Reader) -> None:
    assert reader.read(np.full((480, 640), 220, np.uint8)).grid is None


def test_squared_paper_of_which_bits_of_rules_are_left_is_no_grid(reader: Reader) -> None:
    scene = pages.page(3, 30139)
    reading = reader.read(scene.frame)
    assert reading.grid is None
    true = "".join(glyph.label for line in scene.lines for glyph in line)
    assert len(reading.text.replace("\n", "")) <= len(true)


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("breadth", [3, 9])
def test_bars_of_sevens_beside_rules_and_slim_ones_stay(
    reader: Reader, breadth: int, turns: int
) -> None:
    page = np.full((520, 520), 215, np.uint8)
    for at in range(60, 461, 100):
        across = breadth if at in (60, 460) else 3
        cv2.line(page, (at, 60), (at, 460), 90, across)
        cv2.line(page, (60, at), (460, at), 90, across)
    rows = ("7104", "0717", "1370", "7001")
    for row, labels in enumerate(rows):
        for column, label in enumerate(labels):
            if label != "0":
                # The bar of a 7 lies a few pixels below the rule.
                place = (92 + 100 * column, 134 + 100 * row)
                cv2.putText(page, label, place, cv2.FONT_HERSHEY_SIMPLEX, 2.6, 40, 5)
    reading = reader.read(np.ascontiguousarray(np.rot90(page, turns)))
    assert reading.text.split("\n") == list(rows)


def test_a_cell_has_one_glyph_where_pieces_overlap_and_two_side_by_side() -> None:
    boxes = np.array([[10, 10, 20, 12], [12, 26, 20, 20], [50, 10, 18, 36]])
    assert layout.pieces_of_one([2, 1, 0], boxes) == [[0, 1], [2]]
