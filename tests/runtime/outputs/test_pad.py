from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digits_runtime.outputs.web.pad import draw

NUMBERS = st.floats() | st.integers()
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
POINTS = st.lists(st.floats(-2, 2), min_size=2, max_size=2)
STROKES = st.lists(st.lists(POINTS, max_size=6), max_size=4)


@given(st.binary() | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_drawn_or_refused(body: bytes) -> None:
    with suppress(ValueError):
        draw(body)


@given(ANYTHING | NUMBERS, ANYTHING | st.lists(st.lists(ANYTHING)) | STROKES)
def test_no_drawing_takes_more_than_its_paper(aspect: object, strokes: object) -> None:
    with suppress(ValueError):
        assert max(draw(json.dumps({"aspect": aspect, "strokes": strokes}).encode()).shape) == 640


@given(st.floats(0.2, 5.0), STROKES)
def test_strokes_are_drawn_on_paper_of_the_pad_s_shape(
    aspect: float, strokes: list[list[list[float]]]
) -> None:
    paper = draw(json.dumps({"aspect": aspect, "strokes": strokes}).encode())
    height, width, _ = paper.shape
    assert abs(width / height - aspect) <= 0.02 * aspect + 1 / 128
    inside = [[0.1 <= x <= 0.9 and 0.1 <= y <= 0.9 for x, y in stroke] for stroke in strokes]
    if any(any(stroke) for stroke in inside):
        assert np.min(paper) < 100
