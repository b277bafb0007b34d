from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digits_runtime.outputs.picture import annotated, redacted
from digits_runtime.reading import Glyph, Reading

NOISE: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
BOXES = st.tuples(
    st.integers(-20, 130), st.integers(-20, 100), st.integers(0, 80), st.integers(0, 80)
)


def _reading(*boxes: tuple[int, int, int, int]) -> Reading:
    return Reading((tuple(Glyph("7", 0.9, box) for box in boxes),))


@settings(max_examples=50)
@given(st.lists(BOXES, max_size=4))
def test_a_redacted_frame_keeps_the_boxes_and_nothing_else(
    boxes: list[tuple[int, int, int, int]],
) -> None:
    inside = np.zeros(NOISE.shape[:2], bool)
    for x, y, w, h in boxes:
        inside[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
    masked = redacted(NOISE, _reading(*boxes))
    assert (masked[inside] == NOISE[inside]).all()
    assert len(np.unique(masked[~inside].reshape(-1, 3), axis=0)) <= 1


def test_what_is_masked_cannot_shine_through_a_smaller_picture() -> None:
    other = NOISE.copy()
    other[:, 60:] = 255 - other[:, 60:]
    box = (10, 20, 30, 40)
    pictures = [annotated(f, _reading(box), redact=True, longest=60) for f in (NOISE, other)]
    assert (pictures[0] == pictures[1]).all()


def test_the_frame_itself_stays_as_it_is() -> None:
    frame = NOISE.copy()
    picture = annotated(frame, _reading((10, 20, 30, 40)))
    assert (frame == NOISE).all()
    assert (picture != NOISE).any()


def test_a_large_frame_is_shrunk_a_small_one_is_not_enlarged() -> None:
    assert annotated(NOISE, _reading(), longest=60).shape == (45, 60, 3)
    assert annotated(NOISE, _reading(), longest=600).shape == (90, 120, 3)


def test_labels_of_other_alphabets_are_drawn_somehow() -> None:
    annotated(NOISE, Reading(((Glyph("ß", 0.9, (10, 20, 30, 40)), Glyph("?", 0.3, (0, 0, 5, 5))),)))
