"""What of a page is writing, and what is desk or finger."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.levels import find_levels
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


def test_chalk_among_smears_at_the_border_stays() -> None:
    # The smears are taken for a desk, of which the number is no part.
    assert "2397" in Reader().read(pages.page(3, 62161).frame).text.split("\n")
