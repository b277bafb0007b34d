from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime import layout
from digits_runtime.grid import LIKELY
from digits_runtime.grid_search import by_frame
from digits_runtime.levels import find_levels
from digits_runtime.paper import find_ink
from digits_runtime.reader import Reader
from digits_train import grids, pages, synth

Page = NDArray[np.uint8]


def sudoku(side: int, *, thin: int = 90, filled: float = 0.6) -> tuple[Page, list[str]]:
    """A drawn page with a sudoku, its cells so many pixels wide, and the rows of that.

    Args:
        side: Of a cell.
        thin: Grey level of the rules that part no boxes.
        filled: Share of the cells that hold a digit.
    """
    rng = np.random.default_rng(5)
    sheet = np.full((12 * side, 12 * side), 215, np.uint8)
    start, end = 3 * side // 2, 3 * side // 2 + 9 * side
    for number in sorted(range(10), key=lambda n: n % 3 == 0):
        at = start + number * side
        grey, breadth = (60, 3) if number % 3 == 0 else (thin, 1)
        cv2.line(sheet, (at, start), (at, end), grey, breadth)
        cv2.line(sheet, (start, at), (end, at), grey, breadth)
    rows = []
    for row in range(9):
        labels = [str(rng.integers(1, 10)) if rng.random() < filled else "0" for _ in range(9)]
        rows.append("".join(labels))
        for column, label in enumerate(labels):
            if label != "0":
                place = (start + column * side + side // 4, start + row * side + 4 * side // 5)
                scale, pen = side / 36, max(1, side // 14)
                cv2.putText(sheet, label, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 30, pen)
    return sheet, rows


def bent(page: Page, reach: float, wave: float) -> Page:
    """The page as if crumpled: its lines waver by so many pixels, over waves so long."""
    y, x = np.mgrid[0 : page.shape[0], 0 : page.shape[1]].astype(np.float32)
    aside = (reach * np.sin(6.283 * (y / wave + x / (3 * wave)))).astype(np.float32)
    down = (reach * np.sin(6.283 * (x / wave - y / (2 * wave)) + 1)).astype(np.float32)
    moved = cv2.remap(page, x + aside, y + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


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


def test_rules_that_waver_within_a_cell_leave_nothing_in_it(reader: Reader) -> None:
    page, rows = sudoku(60)
    for reach, wave in itertools.product((2, 3, 4), (100, 170, 250)):
        read = reader.read(bent(page, reach, wave)).text.split("\n")
        assert list(map(len, read)) == [9] * 9
        assert sum(a != b for a, b in zip("".join(read), "".join(rows), strict=True)) <= 4


def test_a_small_full_sudoku_is_no_crowd(reader: Reader) -> None:
    page, rows = sudoku(34, filled=1.0)
    frame = np.full((1280, 960), 215, np.uint8)
    frame[300 : 300 + page.shape[0], 200 : 200 + page.shape[1]] = page
    assert reader.read(frame).text.split("\n") == rows


def test_a_sudoku_without_rules_inside_its_boxes_is_parted_by_its_digits(reader: Reader) -> None:
    page, rows = sudoku(60, thin=215)
    assert reader.read(page).text.split("\n") == rows


def test_a_table_of_three_by_three_numbers_is_no_sudoku(reader: Reader) -> None:
    page = np.full((640, 640), 215, np.uint8)
    for at in range(50, 591, 180):
        cv2.line(page, (at, 50), (at, 590), 60, 3)
        cv2.line(page, (50, at), (590, at), 60, 3)
    for row, column in itertools.product(range(3), repeat=2):
        place = (60 + 180 * column, 165 + 180 * row)
        cv2.putText(page, "274", place, cv2.FONT_HERSHEY_SIMPLEX, 2.6, 30, 5)
    assert reader.read(page).text.split("\n") == ["274 274 274"] * 3


def test_a_slip_of_the_pen_in_a_cell_of_a_sudoku_is_no_digit(reader: Reader) -> None:
    page, rows = sudoku(60)
    row, column = next((r, c) for r, c in np.ndindex(9, 9) if rows[r][c] == "6")
    x, y = 90 + 60 * column, 90 + 60 * row
    page[y + 4 : y + 56, x + 4 : x + 56] = 215
    cv2.putText(page, "6", (x + 7, y + 48), cv2.FONT_HERSHEY_SIMPLEX, 60 / 36, 30, 4)
    cv2.line(page, (x + 46, y + 10), (x + 46, y + 50), 30, 3)
    assert reader.read(page).text.split("\n") == rows


@pytest.mark.parametrize("seed", [35023, 40000, 42042])
def test_faint_writing_and_rules_of_dark_grids_are_read(reader: Reader, seed: int) -> None:
    scene = grids.grid(seed)
    rows = reader.read(scene.frame).text.split("\n")
    assert [len(row) for row in rows] == [len(row) for row in scene.grid]
    read = [a == b for a, b in zip("".join(rows), "".join(scene.grid), strict=True)]
    assert np.mean(read) > 0.97


@pytest.mark.parametrize("seed", [42010, 50055])
def test_rules_in_pieces_and_very_broad_frames_are_a_grid(reader: Reader, seed: int) -> None:
    # A sudoku that a shadow's edge crosses, its boxes grey; a table in a frame of 32 pixels.
    scene = grids.grid(seed)
    reading = reader.read(scene.frame)
    assert reading.grid is not None
    rows = reading.text.replace(" ", "").split("\n")
    assert [len(row) for row in rows] == [len(row) for row in scene.grid]
    wrong = sum(a != b for a, b in zip("".join(rows), "".join(scene.grid), strict=True))
    assert wrong <= 1


@pytest.mark.parametrize("seed", [96029, 96070, 96088, 96148, 96183, 96210, 96357, 96463])
def test_a_grid_whose_frame_alone_hangs_together_is_found(reader: Reader, seed: int) -> None:
    scene = grids.grid(seed)
    grid = reader.read(scene.frame).grid
    assert grid is not None
    assert (len(grid), len(grid[0])) == (len(scene.grid), len(scene.grid[0]))


@pytest.mark.parametrize(("rows", "columns"), [(9, 9), (6, 5)])
@pytest.mark.parametrize("gap", [4, 12])
def test_rows_whose_rules_are_broken_from_the_others_are_of_the_grid(
    reader: Reader, rows: int, columns: int, gap: int
) -> None:
    rng = np.random.default_rng(gap)
    frame = np.full((52 * rows + 120, 52 * columns + 120), 245, np.uint8)
    for row in range(rows + 1):
        cv2.line(frame, (60, 60 + 52 * row), (60 + 52 * columns, 60 + 52 * row), 60, 2)
    for column in range(columns + 1):
        cv2.line(frame, (60 + 52 * column, 60), (60 + 52 * column, 60 + 52 * rows), 60, 2)
    broken = 63 + 52 * (rows - 1)
    frame[broken : broken + gap] = 245
    for row, column in np.ndindex(rows, columns):
        at = (74 + 52 * column, 99 + 52 * row)
        cv2.putText(frame, str(rng.integers(0, 10)), at, 0, 1.1, 30, 3, cv2.LINE_AA)
    frame = np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
    grid = reader.read(frame).grid
    assert grid is not None
    assert (len(grid), len(grid[0])) == (rows, columns)


@pytest.mark.parametrize("seed", [99082, 99377])
def test_the_rules_of_an_empty_table_are_no_ones(seed: int) -> None:
    assert Reader().read(pages.empty(seed).frame).text == ""


def test_a_number_beside_an_empty_table_is_read() -> None:
    frame = np.full((480, 640), 235, np.uint8)
    for place in range(5):
        cv2.line(frame, (40, 60 + 60 * place), (360, 60 + 60 * place), (40,), 3)
        cv2.line(frame, (40 + 80 * place, 60), (40 + 80 * place, 300), (40,), 3)
    rng = np.random.default_rng(3)
    for place, digit in enumerate("42"):
        glyph = synth.glyph(digit, rng, height=60)
        spot = frame[380 : 380 + glyph.shape[0], 450 + 60 * place :][:, : glyph.shape[1]]
        np.minimum(spot, 255 - glyph, out=spot)
    assert Reader().read(frame).text == "42"


@pytest.mark.parametrize(
    ("seed", "pitch", "text"), [(0, 91, "258"), (4, 84, "701"), (9, 68, "706")]
)
def test_digits_larger_than_the_faint_squares_they_stand_on_keep_their_strokes(
    seed: int, pitch: int, text: str
) -> None:
    rng, left = np.random.default_rng(seed), 60
    frame = np.full((480, 640), 235, np.uint8)
    for x in range(20, 640, pitch):
        cv2.line(frame, (x, 0), (x, 479), (140,), 2)
    for y in range(15, 480, pitch):
        cv2.line(frame, (0, y), (639, y), (140,), 2)
    for digit in text:
        glyph = synth.glyph(digit, rng, height=150)
        spot = frame[90 : 90 + glyph.shape[0], left : left + glyph.shape[1]]
        np.minimum(spot, 255 - glyph, out=spot)
        left += glyph.shape[1] + 18
    assert Reader().read(frame).text == text


def test_a_part_of_squared_paper_is_no_grid_though_its_cells_hold_digits() -> None:
    scene = pages.page(4, 102041)
    reading = Reader().read(scene.frame)
    assert reading.grid is None
    true = {"".join(glyph.label for glyph in line) for line in scene.lines}
    found = {"".join(glyph.label for glyph in line) for line in reading.lines}
    assert len(true & found) == 8


def test_a_one_at_the_left_of_a_broad_cell_is_no_piece_of_a_rule(reader: Reader) -> None:
    rng = np.random.default_rng(8)
    sheet = np.full((400, 900), 220, np.uint8)
    for x in (60, 340, 620, 860):
        cv2.line(sheet, (x, 50), (x, 350), 70, 2)
    for y in (50, 125, 200, 275, 350):
        cv2.line(sheet, (60, y), (860, y), 70, 2)
    rows = [("1", "27", "15"), ("40", "1", "9"), ("163", "5", "11"), ("8", "71", "1")]
    cover = np.zeros_like(sheet)
    for row, numbers in enumerate(rows):
        for left, number in zip((60, 340, 620), numbers, strict=True):
            x = left + 16
            for digit in number:
                glyph = synth.glyph(digit, rng, height=44)
                y = 66 + 75 * row
                cover[y : y + glyph.shape[0], x : x + glyph.shape[1]] = glyph
                x += glyph.shape[1] + 8
    reading = reader.read(np.minimum(sheet, np.asarray(255 - 0.85 * cover, np.uint8)))
    assert reading.grid is not None
    told = [tuple("".join(g.label for g in cell) for cell in row) for row in reading.grid]
    assert told == rows


@pytest.mark.parametrize("pitch", [62, 80, 110])
@pytest.mark.parametrize("turn", [0, 3])
def test_large_squares_that_go_on_to_the_frame_are_no_table(
    reader: Reader, pitch: int, turn: float
) -> None:
    rng = np.random.default_rng(pitch)
    frame = np.full((720, 960), 230, np.uint8)
    for x in range(25, 960, pitch):
        cv2.line(frame, (x, 0), (x, 719), (150,), 2)
    for y in range(18, 720, pitch):
        cv2.line(frame, (0, y), (959, y), (150,), 2)
    numbers = ["4086", "351", "72964"]
    for row, number in enumerate(numbers):
        for place, digit in enumerate(number):
            glyph = synth.glyph(digit, rng, height=58)
            y, x = 170 + 2 * pitch * row, 200 + 66 * place
            spot = frame[y : y + glyph.shape[0], x : x + glyph.shape[1]]
            if spot.shape == glyph.shape:
                np.minimum(spot, 255 - glyph, out=spot)
    turned = cv2.getRotationMatrix2D((480, 360), turn, 1.1)
    frame = np.asarray(
        cv2.warpAffine(frame, turned, (960, 720), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    reading = reader.read(frame)
    assert reading.grid is None
    assert reading.text.split("\n")[0] == numbers[0]


@pytest.mark.parametrize("power", [0.65, 1.6])
def test_a_framed_sudoku_may_bend_so_far_that_its_columns_are_uneven(power: float) -> None:
    page, _ = sudoku(60)
    y, x = np.mgrid[0 : page.shape[0], 0 : page.shape[1]].astype(np.float32)
    # As close to a book's spine.
    aside = np.asarray(page.shape[1] * (x / page.shape[1]) ** power, np.float32)
    page = np.asarray(cv2.remap(page, aside, y, cv2.INTER_LINEAR), np.uint8)
    inked = find_ink(page, "dark")
    levels = find_levels(inked)
    assert levels is not None
    grid = by_frame(inked, levels.faint)
    assert grid is not None
    assert grid.shape == (9, 9)
    assert grid.likeness < LIKELY
