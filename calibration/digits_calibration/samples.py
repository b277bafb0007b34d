"""What to calibrate on: a few training glyphs of every class."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError


def stratified(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.intp]:
    """Pick glyphs evenly over the classes, always the same ones.

    Args:
        labels: Class indexes of the training glyphs, `[n]`.
        count: How many to pick; fewer come back only where classes have fewer.
        seed: Of the choice.

    Returns:
        Their places, `[<= count]`, classes in turn.

    Raises:
        InputError: There is nothing to pick from.
    """
    classes = np.unique(labels)
    if count < 1 or len(classes) == 0:
        raise InputError("calibration needs at least one training glyph; check the run's data")
    rng = np.random.default_rng(seed)
    share = -(-count // len(classes))
    picked = [rng.permutation(np.flatnonzero(labels == label))[:share] for label in classes]
    # Interleaved, so that cutting at `count` takes from every class alike.
    order = np.concatenate([np.arange(len(part)) for part in picked])
    places: NDArray[np.intp] = np.concatenate(picked)[np.argsort(order, kind="stable")][:count]
    return places


def digest(images: NDArray[np.uint8]) -> str:
    """SHA-256 of calibration samples, for the record."""
    return hashlib.sha256(images.tobytes()).hexdigest()
