"""A bar through a zero: how programmers and engineers keep it from being a letter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digits_train.strokes import Strokes

# How many degrees it rises, and how far from the middle it reaches at least and how much further
# than the bowl at most, at either end, as shares of the way to the bowl.
_RISES, _WITHIN, _BEYOND = (0.0, 100.0), 0.8, 0.6
# Half a bowl's breadth is held to be this share of half its height at least, and no less than this.
_NARROWEST, _LEAST = 0.05, 1e-3


def struck(strokes: Strokes, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """Strike a zero through.

    Args:
        strokes: Of the zero, arrays `[k, 2]`, x right and y down, in any one unit.
        rng: Decides how the bar lies and how far it reaches.

    Returns:
        Strokes float32 `[k, 2]`, the bar last.
    """
    points = np.concatenate(list(strokes)).astype(np.float64)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = np.ptp(points, axis=0) / 2
    half = np.maximum(half, max(_NARROWEST * half.max(), _LEAST))
    # Between a bar that leans as the bowl is narrow and one that leans alike in all.
    lean = half ** rng.uniform(0.0, 1.0)
    half = half / lean * lean.max()
    rise = np.deg2rad(np.clip(rng.normal(50.0, 20.0), *_RISES))
    way = np.array([np.cos(rise), -np.sin(rise)]) * half
    middle += rng.normal(0.0, 0.08, 2) * half
    reach = rng.uniform(_WITHIN, 1.0 + _BEYOND, 2)
    bar = np.stack((middle - reach[0] * way, middle, middle + reach[1] * way))
    bar[1] += rng.normal(0.0, 0.05, 2) * half
    return [*(stroke.astype(np.float32) for stroke in strokes), bar.astype(np.float32)]
