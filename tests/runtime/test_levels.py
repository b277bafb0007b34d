"""What of a page is writing, and what is desk or finger."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.levels import find_levels, stronger_than_rules
from digits_runtime.reader import Reader
from digits_train import pages


@pytest.fixture
def ink() -> NDArray[np.uint8]:
    """A calm page with broad writing in a faint shade that begins at the left border."""
    page = np.random.default_rng(0).integers(0, 6, (480, 640)).astype(np.uint8)
    page[250:360, :420] += 24
    for column, label in enumerate("1987"):
        place = (95 + 75 * column, 340)
        cv2.putText(page, label, place, cv2.FONT_HERSHEY_SIMPLEX, 3, (170,), 14)
    return page


def test_writing_that_a_finger_comes_close_to_is_no_desk(ink: NDArray[np.uint8]) -> None:
    cv2.rectangle(ink, (0, 290), (85, 345), (230,), -1)
    levels = find_levels(ink)
    assert levels is not None
    digits = levels.mask[260:350, 100:400]
    assert np.count_nonzero(digits) > 0.8 * np.count_nonzero(ink[260:350, 100:400] > 100)


def test_a_grained_desk_along_a_side_goes(ink: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(1)
    ink[:, 500:] = rng.integers(20, 120, (480, 140)).astype(np.uint8)
    levels = find_levels(ink)
    assert levels is not None
    assert np.count_nonzero(levels.mask[:, 510:]) < 0.01 * levels.mask[:, 510:].size
    assert np.count_nonzero(levels.mask[260:350, 100:400]) > 0


def test_writing_that_comes_close_to_a_grained_desk_stays(ink: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(1)
    ink[:, 500:] = rng.integers(20, 60, (480, 140)).astype(np.uint8)
    cv2.line(ink, (420, 100), (490, 100), (200,), 6)
    levels = find_levels(ink)
    assert levels is not None
    assert np.count_nonzero(levels.mask[95:106, 420:491]) > 0.8 * 6 * 70


def test_writing_close_to_a_grained_desk_stays_with_a_rule_through_it(
    ink: NDArray[np.uint8],
) -> None:
    rng = np.random.default_rng(1)
    ink[:, 506:] = rng.integers(20, 90, (480, 134)).astype(np.uint8)
    ink[150:152, 420:500] = 34
    cv2.putText(ink, "4", (445, 180), cv2.FONT_HERSHEY_SIMPLEX, 2, (130,), 8)
    levels = find_levels(ink)
    assert levels is not None
    written = ink[140:180, 445:495] >= 130
    assert np.count_nonzero(levels.mask[140:180, 445:495][written]) > 0.9 * written.sum()


def test_writing_with_clean_paper_all_round_it_is_no_desk(ink: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(1)
    ink[:, 500:] = rng.integers(20, 90, (480, 140)).astype(np.uint8)
    # In a tile that is taken for the desk's.
    ink[130:200, 500:560] = 4
    cv2.putText(ink, "4", (510, 185), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (110,), 6)
    levels = find_levels(ink)
    assert levels is not None
    written = ink[145:190, 505:555] >= 110
    assert np.count_nonzero(levels.mask[145:190, 505:555][written]) > 0.9 * written.sum()
    assert np.count_nonzero(levels.mask[:, 565:]) < 0.01 * levels.mask[:, 565:].size


def test_a_digit_in_the_corner_of_a_sheet_on_a_grained_desk_is_read() -> None:
    assert "4" in Reader().read(pages.page(4, 92024).frame).text.split("\n")


def test_a_fingertip_does_not_make_a_rule_of_fainter_writing() -> None:
    ink = np.zeros((480, 640), np.uint8)
    cv2.putText(ink, "2397", (100, 300), cv2.FONT_HERSHEY_SIMPLEX, 3, (60,), 8)
    written = ink > 0
    cv2.ellipse(ink, (345, 45), (26, 21), 0, 0, 360, (150,), -1)
    mask = np.where(ink > 0, np.uint8(255), np.uint8(0))
    boxes = cv2.connectedComponentsWithStats(mask)[2][1:, :4].astype(np.int64)
    strong = stronger_than_rules(mask, ink, mask, boxes)
    assert strong is None or np.count_nonzero(strong[written]) > 0.9 * written.sum()
    assert stronger_than_rules(mask, ink, mask, boxes[:0]) is not None


@pytest.mark.parametrize("seed", [70105, 71184])
def test_a_page_that_a_finger_holds_is_read(seed: int) -> None:
    scene = pages.page(4, seed)
    read = Reader().read(scene.frame).text.split("\n")
    assert len(set(scene.text.split("\n")) - set(read)) <= 1


def test_chalk_among_smears_at_the_border_stays() -> None:
    # The smears are taken for a desk, of which the number is no part.
    assert "2397" in Reader().read(pages.page(3, 62161).frame).text.split("\n")
