"""Writing on paper whose rules are too faint to be told as lines."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from digits_runtime.parts import find_parts
from digits_runtime.reader import Reader
from digits_runtime.texture import without_texture
from digits_train import pages


def _strewn(strength: int) -> tuple[np.ndarray, np.ndarray]:
    """Ink and mask of a page of bits of rules, with a large 8 of some strength upon them."""
    ink = np.zeros((480, 640), np.uint8)
    for y in range(20, 470, 24):
        for x in range(10, 620, 24):
            cv2.line(ink, (x, y), (x + 12, y), (40,), 2)
    cv2.putText(ink, "8", (250, 300), cv2.FONT_HERSHEY_SIMPLEX, 5, (strength,), 10)
    return ink, np.where(ink > 20, 255, 0).astype(np.uint8)


def test_what_is_stronger_than_texture_is_left() -> None:
    ink, mask = _strewn(120)
    found, parts = without_texture(mask, ink, find_parts(mask))
    assert len(parts.boxes) == 1
    assert (found[ink == 120] == 255).all()
    assert (found[:, :200] == 0).all()


def test_where_many_parts_are_strong_all_is_kept() -> None:
    ink = np.zeros((480, 640), np.uint8)
    for number in range(80):
        at = (20 + 60 * (number % 10), 50 + 55 * (number // 10))
        cv2.putText(ink, "8", at, cv2.FONT_HERSHEY_SIMPLEX, 1, (60 if number % 4 else 160,), 3)
    mask = np.where(ink > 20, 255, 0).astype(np.uint8)
    parts = find_parts(mask)
    found, kept = without_texture(mask, ink, parts)
    assert found is mask
    assert kept is parts


def test_a_page_full_of_digits_is_not_strewn() -> None:
    frame = np.full((960, 1280), 225, np.uint8)
    for row in range(12):
        # Every other row by a pen twice as strong.
        level = (60,) if row % 2 else (140,)
        for column in range(16):
            at = (30 + 76 * column, 70 + 76 * row)
            cv2.putText(frame, "8", at, cv2.FONT_HERSHEY_SIMPLEX, 1.4, level, 3)
    lines = ["".join(glyph.label for glyph in line) for line in Reader().read(frame).lines]
    assert lines == ["8" * 16] * 12


# The bundled digits doubt a blotted 6 of the first page.
@pytest.mark.parametrize(
    ("seed", "rows", "doubts"), [(48042, 3, 1), (48046, 1, 0), (48067, 2, 0), (48094, 4, 0)]
)
def test_faint_pencil_on_squared_paper_is_read(
    monkeypatch: pytest.MonkeyPatch, seed: int, rows: int, doubts: int
) -> None:
    squared = replace(
        pages.LEVELS[2], ruled=1, rules=(0.2, 0.45), contrasts=(0.45, 0.7), noises=(4, 9), board=0
    )
    monkeypatch.setattr(pages, "LEVELS", (squared,))
    scene = pages.page(1, seed)
    true = ["".join(glyph.label for glyph in line) for line in scene.lines]
    found = ["".join(glyph.label for glyph in line) for line in Reader().read(scene.frame).lines]
    assert sum(any(_may_be(line, one) for one in true) for line in found) >= rows
    assert sum(line.count("?") for line in found) <= doubts
    assert sum(map(len, found)) <= sum(map(len, true)) + 1


def _may_be(line: str, true: str) -> bool:
    """Whether a line is another, but for what is in doubt."""
    return len(line) == len(true) and all(a in ("?", b) for a, b in zip(line, true, strict=True))
