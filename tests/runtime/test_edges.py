"""What looks like a glyph at the edge of a sheet is none; what is written close to it is one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.edges import at_an_edge, off_the_sheet, without_edges
from digits_runtime.reader import Reader
from digits_runtime.reading import Glyph
from digits_train import pages


@pytest.fixture
def sheet() -> NDArray[np.uint8]:
    """A bright sheet on a dark desk, half of it in a shadow."""
    frame = np.full((240, 320, 3), 60, np.uint8)
    frame[20:220, 40:260] = 200
    frame[20:220, 150:260] = 140
    return frame


def test_beside_a_sheets_edge_one_side_is_dark(sheet: NDArray[np.uint8]) -> None:
    assert at_an_edge(sheet, (250, 60, 8, 40))
    assert at_an_edge(sheet[:, :, 0], (250, 60, 8, 40))


@pytest.mark.parametrize(
    "box", [(80, 60, 20, 40), (140, 60, 20, 40), (0, -5, 20, 30), (5, 5, 9, 9)]
)
def test_on_paper_in_shadow_or_out_of_it_none_is(
    sheet: NDArray[np.uint8], box: tuple[int, int, int, int]
) -> None:
    sheet[:, :40] = 200
    assert not at_an_edge(sheet, box)


@pytest.mark.parametrize("ink", [70, 230])
def test_writing_that_a_shadows_edge_crosses_is_at_none(sheet: NDArray[np.uint8], ink: int) -> None:
    sheet[20:220, 150:260] = 100
    assert at_an_edge(sheet, (140, 60, 9, 40))
    sheet[66:70, 140:149] = ink
    sheet[66:94, 142:146] = ink
    assert not at_an_edge(sheet, (140, 60, 9, 40))


def test_a_box_of_no_pixels_is_at_no_edge(sheet: NDArray[np.uint8]) -> None:
    assert not at_an_edge(sheet, (250, 60, 0, 40))


def test_a_box_of_the_whole_picture_is_at_no_edge(sheet: NDArray[np.uint8]) -> None:
    assert not at_an_edge(sheet, (0, 0, 320, 240))


def test_of_a_number_only_a_stroke_at_its_end_is_a_sheets_edge(sheet: NDArray[np.uint8]) -> None:
    paper, edge = (200, 60, 8, 40), (250, 60, 8, 40)
    number = [Glyph("1", 0.99, paper), Glyph("1", 0.99, edge)]
    assert without_edges(sheet, number) == number[:1]
    assert without_edges(sheet, number[::-1]) == number[:1]
    assert without_edges(sheet, [*number, number[0]]) == [*number, number[0]]
    assert list(without_edges(sheet, number[1:] * 2)) == []
    seven = Glyph("7", 0.99, edge)
    assert without_edges(sheet, [number[0], seven]) == [number[0], seven]
    assert list(without_edges(sheet, [seven])) == []


@pytest.mark.parametrize("box", [(0, 60, 40, 50), (262, 100, 58, 40), (200, 0, 60, 21)])
def test_what_the_picture_cuts_beside_a_sheet_is_the_ground(
    sheet: NDArray[np.uint8], box: tuple[int, int, int, int]
) -> None:
    assert off_the_sheet(sheet, box)


@pytest.mark.parametrize("shadow", [200, 120])
@pytest.mark.parametrize("ink", [30, 250])
def test_a_digit_that_the_picture_cuts_is_not(ink: int, shadow: int) -> None:
    frame = np.full((240, 320), 200 if ink < 200 else 90, np.uint8)
    frame[:100] = min(shadow, int(frame[0, 0]))
    stroke, eight = (0, 80, 6, 60), (290, 80, 30, 60)
    frame[80:140, :6] = ink
    cv2.ellipse(frame, (315, 110), (22, 27), 0, 0, 360, (ink,), 5)
    assert not off_the_sheet(frame, stroke)
    assert not off_the_sheet(frame, eight)
    assert not off_the_sheet(frame, (320, 80, 0, 60))


@pytest.mark.parametrize(
    ("seed", "text"), [(62085, "42"), (62095, "29"), (62137, "64"), (62145, "99")]
)
def test_the_ground_at_the_pictures_border_is_no_digit_in_doubt(seed: int, text: str) -> None:
    assert text in Reader().read(pages.page(4, seed).frame).text.split("\n")


@pytest.mark.parametrize("seed", [59178, 59189, 59379, 57034])
def test_the_corner_of_an_empty_sheet_is_no_digit(seed: int) -> None:
    assert Reader().read(pages.empty(seed).frame).text == ""


@pytest.mark.parametrize(("level", "seed", "text"), [(3, 54037, "7"), (4, 54122, "9")])
def test_a_lone_digit_half_in_shadow_is_read(level: int, seed: int, text: str) -> None:
    assert text in Reader().read(pages.page(level, seed).frame).text.split("\n")


@pytest.mark.parametrize(("seed", "text"), [(66032, "71"), (67099, "4")])
def test_a_sheets_edge_beside_a_number_is_no_1(seed: int, text: str) -> None:
    assert text in Reader().read(pages.page(4, seed).frame).text.split("\n")


@pytest.mark.parametrize(("seed", "number"), [(70063, "00"), (70088, "163"), (72113, "3")])
def test_a_part_of_the_desk_at_the_border_is_no_digit_of_a_number(seed: int, number: str) -> None:
    assert number in Reader().read(pages.page(4, seed).frame).text.split("\n")


@pytest.mark.parametrize("desk", [60, 110, 150])
def test_a_long_strip_beside_a_sheet_is_no_1_and_a_stroke_on_a_shadows_edge_is_one(
    desk: int,
) -> None:
    frame = np.full((480, 640), 200, np.uint8)
    frame[:, :300] = desk
    strip = (297, 120, 6, 150)
    assert at_an_edge(frame, strip, stroke=True)
    cv2.line(frame, (300, 120), (300, 270), (20,), 6)
    assert not at_an_edge(frame, strip, stroke=True)


def _page_of(*strokes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Bars of a dark pen on a bright page: left, top, width and height of each."""
    page = np.full((240, 320), 220, np.uint8)
    for x, y, w, h in strokes:
        page[y : y + h, x : x + w] = 40
    return page


def test_a_line_or_another_one_beside_a_stroke_is_no_darker_ground() -> None:
    ones = [(100 + 14 * place, 80, 6, 50) for place in range(3)]
    number = [Glyph("1", 0.99, box) for box in ones]
    assert without_edges(_page_of(*ones), number) == number
    assert without_edges(_page_of(*ones, (80, 133, 90, 5)), number) == number
    assert without_edges(_page_of(*ones, (80, 70, 4, 70), (80, 133, 90, 5)), number) == number


@pytest.mark.parametrize(("shadow", "kept"), [(120, 1), (40, 2)])
def test_the_shadow_of_a_sheet_beside_a_number_is_no_stroke_of_it(shadow: int, kept: int) -> None:
    page = _page_of((100, 80, 30, 50))
    page[:, 180:] = 150
    page[80:130, 180:186] = shadow
    number = [Glyph("0", 0.99, (100, 80, 30, 50)), Glyph("1", 0.99, (180, 80, 6, 50))]
    assert len(without_edges(page, number)) == kept
