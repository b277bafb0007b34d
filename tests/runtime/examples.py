"""Inks and pages that several tests look at."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_train.scenes import Scene, compose

Image = NDArray[np.uint8]

SPEC = InkSpec()

images = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60)), elements=st.integers(0, 255)
)


def likeness(a: Image, b: Image) -> float:
    """Correlation at the best shift by at most a pixel: half pixels round either way."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    shifted = [np.roll(b, shift, (0, 1)).ravel() for shift in shifts]
    return max(float(np.corrcoef(a.ravel(), each)[0, 1]) for each in shifted)


def a_number(text: str = "52818", seed: int = 3, height: int = 80) -> Scene:
    return compose([text], np.random.default_rng(seed), glyph_height=height)


def a_page(*lines: str) -> Image:
    return compose(list(lines), np.random.default_rng(3)).frame
