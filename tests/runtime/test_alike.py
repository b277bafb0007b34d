from __future__ import annotations

import cv2
import numpy as np

from digits_runtime import alike

LABELS, THRESHOLD = 10, 0.9


def _one(flag: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """An upright stroke with a flag so many pixels long: uint8 `[1, 28, 28]`."""
    image = np.zeros((28, 28), np.uint8)
    cv2.line(image, (16, 4), (16, 24), 255, 3)
    cv2.line(image, (16, 4), (16 - flag, 4 + flag // 2), 255, 2)
    return image[None]


def _row(
    label: int, probability: float, other: int = 7
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    row = np.zeros(LABELS + 1, np.float32)
    row[other] = 1 - probability
    row[label] += probability
    return row


def test_a_doubtful_glyph_is_named_by_a_sure_one_that_looks_like_it() -> None:
    glyphs = np.stack([_one(6), _one(6), _one(14)])
    rows = np.stack([_row(1, 0.99), _row(1, 0.6), _row(7, 0.99, 1)])
    told = alike.settled(rows, glyphs, LABELS, THRESHOLD)
    assert told[1].argmax() == 1
    assert told[1, 1] > THRESHOLD
    np.testing.assert_array_equal(told[[0, 2]], rows[[0, 2]])


def test_where_nothing_looks_like_it_a_doubt_stays() -> None:
    glyphs = np.stack([np.flip(_one(12), 2), np.flip(_one(12), 1), _one(6)])
    rows = np.stack([_row(4, 0.99), _row(5, 0.99), _row(1, 0.6)])
    np.testing.assert_allclose(alike.settled(rows, glyphs, LABELS, THRESHOLD), rows, atol=1e-6)


def test_few_sure_glyphs_among_many_say_nothing() -> None:
    glyphs = np.stack([_one(6)] * 3)
    rows = np.stack([_row(1, 0.99), _row(1, 0.6), _row(1, 0.6)])
    assert alike.settled(rows, glyphs, LABELS, THRESHOLD) is rows


def test_how_likely_it_is_none_does_not_change() -> None:
    glyphs = np.stack([_one(6)] * 3)
    doubtful = _row(1, 0.6)
    doubtful[:-1] *= 0.7
    doubtful[-1] = 0.3
    told = alike.settled(
        np.stack([_row(1, 0.99), _row(1, 0.99), doubtful]), glyphs, LABELS, THRESHOLD
    )
    assert told[2, -1] == np.float32(0.3)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-5)
