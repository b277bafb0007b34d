"""Activation ranges: which part of what a tensor spans is worth its 256 steps.

What a tensor held over the calibration samples is kept as a histogram; every method reads its range
from that one, so that comparing them costs one run of the float model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError

Method = Literal["minmax", "percentile", "entropy", "mse"]
METHODS: tuple[Method, ...] = get_args(Method)
Range = tuple[float, float]

_BINS = 2048
_STEPS = 256
# Share of the values that a percentile range keeps.
_KEPT = 0.9999
# Clipped ranges that `entropy` and `mse` try: so many, down to this share of the whole.
_TRIED, _LEAST = 96, 0.25


@dataclass(frozen=True, slots=True)
class Histogram:
    """What a tensor held: int64 `[2048]` counts over equal bins from `low` to `high`."""

    low: float
    high: float
    counts: NDArray[np.int64]

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middle of each bin, `[2048]`."""
        width = (self.high - self.low) / len(self.counts)
        places: NDArray[np.float64] = np.arange(len(self.counts), dtype=np.float64) + 0.5
        return self.low + width * places


def histograms(
    batches: Callable[[], Iterable[Mapping[str, NDArray[np.float32]]]],
) -> dict[str, Histogram]:
    """Gather a histogram for each tensor, in two passes: how far it reaches, then how often.

    Args:
        batches: Gives the tensors' values by name, batch by batch, anew each time it is called.

    Raises:
        InputError: There are no batches, or the model gives what is no number.
    """
    reach: dict[str, Range] = {}
    for batch in batches():
        for name, values in batch.items():
            if not np.isfinite(values).all():
                raise InputError(
                    f"the float model gives values that are no numbers ({name}); train it again"
                )
            low, high = reach.get(name, (0.0, 0.0))
            reach[name] = (min(low, float(values.min())), max(high, float(values.max())))
    if not reach:
        raise InputError("calibration needs at least one training glyph; check the run's data")
    counts = {name: np.zeros(_BINS, np.int64) for name in reach}
    for batch in batches():
        for name, values in batch.items():
            counts[name] += np.histogram(values, _BINS, _wide(reach[name]))[0]
    return {name: Histogram(*_wide(reach[name]), counts[name]) for name in reach}


def choose(histogram: Histogram, method: Method) -> Range:
    """The range of a tensor, zero included.

    `minmax` is all it held; `percentile` all but one value in 10,000; `entropy` the range whose
    quantized histogram diverges least from the whole (Migacz 2017, "8-bit Inference with
    TensorRT"); `mse` the one with the least mean squared error of quantization (Banner et al.
    2019, "Post training 4-bit quantization").

    Returns:
        Least and greatest value, to four digits: what the last bits of a float sum, which differ
        from processor to processor, would change must not reach the model's file.
    """
    match method:
        case "minmax":
            chosen = (histogram.low, histogram.high)
        case "percentile":
            chosen = _percentile(histogram)
        case "entropy":
            chosen = _best(histogram, _divergence)
        case "mse":
            chosen = _best(histogram, _squared_error)
    low, high = (float(f"{value:.4g}") for value in chosen)
    return min(low, 0.0), max(high, 0.0)


def _wide(reach: Range) -> Range:
    """A range that a histogram can be made of, whatever a dead layer gives."""
    # Bins of a range that hardly is one would be narrower than any number.
    return reach if reach[1] - reach[0] > _BINS * float(np.finfo(np.float32).tiny) else (0.0, 1.0)


def _percentile(histogram: Histogram) -> Range:
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    tail = (1 - _KEPT) / 2 if histogram.low < 0 else 1 - _KEPT
    edges = np.linspace(histogram.low, histogram.high, len(share) + 1)
    low = edges[np.searchsorted(share, tail)] if histogram.low < 0 else 0.0
    last = int(np.searchsorted(share, 1 - tail))
    return float(low), float(edges[min(last + 1, len(share))])


def _best(histogram: Histogram, loss: Callable[[Histogram, Range], float]) -> Range:
    """The clipped range of least loss; of equals, the widest."""
    tried = [
        (share * histogram.low, share * histogram.high)
        for share in np.linspace(1, _LEAST, _TRIED).tolist()
    ]
    return tried[int(np.argmin([loss(histogram, each) for each in tried]))]


def _quantized(values: NDArray[np.float64], reach: Range) -> NDArray[np.float64]:
    step = (reach[1] - reach[0]) / (_STEPS - 1)
    inside = np.clip(values, *reach)
    result: NDArray[np.float64] = np.rint(inside / step) * step
    return result


def _squared_error(histogram: Histogram, reach: Range) -> float:
    centres = histogram.centres
    return float(histogram.counts @ (centres - _quantized(centres, reach)) ** 2)


def _divergence(histogram: Histogram, reach: Range) -> float:
    """Kullback-Leibler divergence of the quantized, clipped values from the whole.

    What is clipped counts at the border it is clipped to. The zeros of a ReLU are left out: they
    are exact under every range and would hide all else.
    """
    centres = histogram.centres
    counts = np.where(
        np.abs(centres) < (histogram.high - histogram.low) / _BINS, 0, histogram.counts
    )
    inside = (centres >= reach[0]) & (centres <= reach[1])
    if not counts[inside].any():
        return float("inf")
    whole = np.where(inside, counts, 0).astype(np.float64)
    whole[np.argmax(inside)] += counts[centres < reach[0]].sum()
    whole[len(inside) - 1 - np.argmax(inside[::-1])] += counts[centres > reach[1]].sum()
    # Each step's count is spread evenly over the bins that had any.
    step = np.rint((np.clip(centres, *reach) - reach[0]) / (reach[1] - reach[0]) * (_STEPS - 1))
    place = step.astype(int)
    held = inside & (counts > 0)
    total = np.bincount(place[held], counts[held], _STEPS)
    bins = np.bincount(place[held], minlength=_STEPS)
    spread = np.zeros(len(centres))
    spread[held] = (total / np.maximum(bins, 1))[place[held]]
    first, second = whole / whole.sum(), spread / spread.sum()
    seen = first > 0
    return float((first[seen] * np.log(first[seen] / np.maximum(second[seen], 1e-12))).sum())
