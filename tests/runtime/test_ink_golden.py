"""What crops of ink become, pixel by pixel, on every machine.

After a wanted change of `ink.normalise`: python tests/runtime/test_ink_golden.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.ink import normalise

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "ink.npz"
# Smaller than the input, about as large, larger; a hair-thin and a broad pen among them by chance.
HEIGHTS = (9, 17, 26, 60, 110)
LABELS = "0123456789"


def _regenerate() -> None:
    from digits_train import synth

    crops: dict[str, NDArray[np.uint8]] = {}
    for height in HEIGHTS:
        for label in LABELS:
            rng = np.random.default_rng(100 * height + int(label))
            crops[f"{label}-{height}"] = synth.glyph(label, rng, height=height)
    seen = {f"seen-{name}": normalise(crop, InkSpec()) for name, crop in crops.items()}
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    inks = {f"ink-{name}": crop for name, crop in crops.items()}
    np.savez_compressed(GOLDEN, allow_pickle=False, **inks, **seen)


@pytest.fixture(scope="module")
def golden() -> dict[str, NDArray[np.uint8]]:
    with np.load(GOLDEN, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("height", HEIGHTS)
@pytest.mark.parametrize("label", list(LABELS))
def test_a_crop_becomes_what_it_always_became(
    golden: dict[str, NDArray[np.uint8]], label: str, height: int
) -> None:
    seen = normalise(golden[f"ink-{label}-{height}"], InkSpec())
    difference = np.abs(seen.astype(int) - golden[f"seen-{label}-{height}"])
    assert difference.max() <= 1


if __name__ == "__main__":
    _regenerate()
