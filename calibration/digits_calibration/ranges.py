"""Activation ranges: what the float model's tensors span over the calibration samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader

_BATCH = 64


class Feed(CalibrationDataReader):  # type: ignore[misc]
    """Hands calibration samples to onnxruntime's calibrators.

    Args:
        name: Of the model's input.
        samples: uint8 `[n, 1, size, size]`.
    """

    def __init__(self, name: str, samples: NDArray[np.uint8]) -> None:
        self._batches = iter(
            {name: samples[start : start + _BATCH]} for start in range(0, len(samples), _BATCH)
        )

    def get_next(self) -> Mapping[str, NDArray[np.uint8]] | None:
        """The next batch, or None at the end."""
        return next(self._batches, None)
