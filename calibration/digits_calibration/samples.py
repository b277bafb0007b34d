"""What to calibrate on: a few training glyphs of every class, half as a camera shows them."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink
from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError

# A camera's picture of one glyph: longer side in pixels, and paper around the glyph.
_SIDES = (36, 96)
_MARGIN = 0.25


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


def as_cameras_see(glyphs: NDArray[np.uint8], spec: InkSpec, seed: int) -> NDArray[np.uint8]:
    """Write glyphs on paper, photograph them, and read them through the runtime's own ink code.

    Args:
        glyphs: uint8 `[n, 1, size, size]`, model input.
        spec: The model's input.
        seed: Of light, distance, blur and grain.

    Returns:
        uint8 `[n, 1, size, size]`, the same glyphs as model input again.
    """
    rng = np.random.default_rng(seed)
    seen = [ink.single(_photographed(glyph[0], rng), spec, "dark") for glyph in glyphs]
    return np.stack(seen)[:, None] if seen else glyphs


def _photographed(glyph: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Dark ink on unevenly lit paper, out of focus, with a sensor's noise: uint8 `[side, side]`."""
    side = int(rng.integers(*_SIDES))
    drawn = ink.as_grey(cv2.resize(glyph, (side, side), interpolation=cv2.INTER_CUBIC))
    around = round(_MARGIN * side)
    drawn = ink.as_grey(cv2.copyMakeBorder(drawn, *(4 * (around,)), cv2.BORDER_CONSTANT, value=0))
    strength = rng.uniform(0.35, 0.9)
    paper, slope = rng.uniform(110, 235), rng.uniform(-0.2, 0.2, 2)
    rows, columns = np.linspace(-1, 1, len(drawn))[:, None], np.linspace(-1, 1, len(drawn))
    light = paper * (1 + slope[0] * rows + slope[1] * columns)
    page = light * (1 - strength * drawn / 255)
    blurred = cv2.GaussianBlur(page, (0, 0), rng.uniform(0.3, 0.015 * side + 0.3))
    noisy = np.asarray(blurred) + rng.normal(0, rng.uniform(0, 5), page.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), np.uint8)


def digest(images: NDArray[np.uint8]) -> str:
    """SHA-256 of calibration samples, for the record."""
    return hashlib.sha256(images.tobytes()).hexdigest()
