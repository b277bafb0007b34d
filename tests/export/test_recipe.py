from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits_calibration.ranges import METHODS
from digits_export.recipe import Recipe, parse
from digits_runtime.errors import InputError


@given(
    st.sampled_from(METHODS),
    st.sampled_from(["channel", "tensor"]),
    st.sampled_from(["s7", "s8", "u8"]),
    st.lists(st.integers(1, 30), max_size=4),
)
def test_what_reports_write_is_what_the_option_takes(
    ranges: str, granularity: str, weights: str, left: list[int]
) -> None:
    recipe = Recipe(ranges, granularity, weights, tuple(left))  # type: ignore[arg-type]
    assert parse(str(recipe)) == recipe


@pytest.mark.parametrize(
    "text",
    ["", "mse", "mse:channel", "mse:channel:s9", "best:channel:s7", "mse:channel:s7:1", "a:b:c:d:e",
     "mse:channel:s7:float=x", "mse:channel:s7:float="],
)  # fmt: skip
def test_anything_else_is_one_line_that_shows_the_form(text: str) -> None:
    with pytest.raises(InputError, match="such as mse:channel:s7"):
        parse(text)
