"""Rules of a form, traced to the pixel, and what is written on them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.reader import Reader
from digits_runtime.rule_bands import traced
from digits_train import synth

Image = NDArray[np.uint8]


def _line(rise: int, bend: int = 0) -> Image:
    """A mask, 960 by 200, of a rule three pixels thick that rises so far, and bends so far."""
    mask = np.zeros((200, 960), np.uint8)
    x = np.arange(960)
    y = 120 - rise * x / 960 - bend * np.sin(np.pi * x / 960)
    points = np.stack((x, np.rint(y)), axis=1).astype(np.int32)
    cv2.polylines(mask, [points], False, 255, 3)
    return mask


def _runs(mask: Image, step: int = 4) -> Image:
    pooled = cv2.dilate(mask, np.ones((step, step), np.uint8))[::step, ::step]
    return np.asarray(pooled, np.uint8)


@pytest.mark.parametrize(("rise", "bend"), [(0, 0), (30, 0), (-50, 0), (0, 12), (20, 8)])
def test_a_rule_is_found_as_narrow_as_it_is(rise: int, bend: int) -> None:
    rule = _line(rise, bend)
    written = rule.copy()
    cv2.line(written, (300, 20), (330, 112 - 30 * rise // 96), 255, 7)
    band, thick = traced(written, _runs(rule), 4)
    assert 3 <= thick <= 7
    assert (band[rule > 0] > 0).mean() > 0.97
    assert (band > 0).sum() < 1.8 * (rule > 0).sum()
    assert band[:60].max() == 0


def test_a_rule_that_cannot_be_followed_is_as_broad_as_it_was_found() -> None:
    runs = np.zeros((50, 240), np.uint8)
    runs[30, 20:220] = 255
    band, thick = traced(np.zeros((200, 960), np.uint8), runs, 4)
    assert thick == 12
    assert (band[116:128, 76:884] > 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_digits_that_stand_on_a_printed_rule_keep_their_feet(reader: Reader, seed: int) -> None:
    rng = np.random.default_rng(seed)
    page = np.full((480, 900), 225, np.uint8)
    numbers = ["24935", "82", "649252", "1227"]
    cover = np.zeros_like(page)
    for row, number in enumerate(numbers):
        base, x = 100 + 105 * row, 120
        cv2.line(page, (60, base), (840, base + 8), 60, 2)
        for digit in number:
            glyph = synth.glyph(digit, rng, height=58)
            y = base - glyph.shape[0] + 1
            cover[y : y + glyph.shape[0], x : x + glyph.shape[1]] = glyph
            x += glyph.shape[1] + 16
    frame = np.minimum(page, np.asarray(235 - 0.8 * cover, np.uint8))
    told = reader.read(frame).text.split("\n")
    assert sum(a == b for a, b in zip(told, numbers, strict=False)) >= 3
