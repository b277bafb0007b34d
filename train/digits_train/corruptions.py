"""What goes wrong with a picture of a glyph, at five strengths: MNIST made hard on purpose.

After Mu & Gilmer 2019, "MNIST-C": their kinds noise, blur, shear, stripes, fog and spatter, made
anew here. To measure with; training has its own variations (`augment`).
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train.data.glyphs import GlyphSet

Image = NDArray[np.uint8]
STRENGTHS = (1, 2, 3, 4, 5)


def corrupt(glyphs: GlyphSet, kind: str | None = None) -> GlyphSet:
    """Corrupt every picture, the kinds and strengths in turn, always alike.

    Args:
        glyphs: Bright on dark.
        kind: One of KINDS; None: all of them in turn.

    Raises:
        InputError: The kind is not known.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"{kind!r} is no corruption; give one of {', '.join(KINDS)}")
    kinds = tuple(KINDS) if kind is None else (kind,)
    pairs = [(each, strength) for strength in STRENGTHS for each in kinds]
    rng = np.random.default_rng(zlib.crc32("".join(kinds).encode()))
    images = [
        apply(image, *pairs[number % len(pairs)], rng) for number, image in enumerate(glyphs.images)
    ]
    name = f"{glyphs.name}-corrupted" + (f"-{kind}" if kind else "")
    return dataclasses.replace(glyphs, name=name, images=images)


def apply(image: Image, kind: str, strength: int, rng: np.random.Generator) -> Image:
    """Corrupt one picture.

    Args:
        image: uint8 `[h, w]`, bright on dark.
        kind: One of KINDS.
        strength: 1 to 5.
        rng: Decides the details.

    Returns:
        uint8 `[h, w]`.
    """
    made = KINDS[kind](image.astype(np.float32), strength, rng)
    return np.clip(np.rint(made), 0, 255).astype(np.uint8)


Floats = NDArray[np.float32]


def _noise(image: Floats, strength: int, rng: np.random.Generator) -> Floats:
    return image + rng.normal(0, 12 * strength, image.shape).astype(np.float32)


def _blur(image: Floats, strength: int, rng: np.random.Generator) -> Floats:
    sigma = (0.4 + 0.35 * strength) * min(image.shape) / 28
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def _shear(image: Floats, strength: int, rng: np.random.Generator) -> Floats:
    lean = 0.12 * strength * rng.choice((-1.0, 1.0))
    height, width = image.shape
    matrix = np.array([[1, lean, -lean * height / 2], [0, 1, 0]])
    # Room on either side, so that nothing of the glyph is cut off.
    margin = width // 2
    wide = cv2.copyMakeBorder(image, 0, 0, margin, margin, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.warpAffine(wide, matrix, wide.shape[::-1]), np.float32)


def _stripes(image: Floats, strength: int, rng: np.random.Generator) -> Floats:
    """Bright rules across the picture, as of lined paper shining through."""
    striped = image.copy()
    pitch = max(3, image.shape[0] // 4)
    striped[int(rng.integers(pitch)) :: pitch] += 25 * strength
    return striped


def _fog(image: Floats, strength: int, rng: np.random.Generator) -> Floats:
    """Haze of uneven density that takes contrast away."""
    coarse = rng.uniform(0, 1, (3, 3)).astype(np.float32)
    haze = np.clip(cv2.resize(coarse, image.shape[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)
    density = 0.15 * strength
    return np.asarray(image * (1 - density) + 255 * density * haze, np.float32)


def _spatter(image: Floats, strength: int, rng: np.random.Generator) -> Floats:
    """Drops of ink."""
    spattered = image.copy()
    height, width = image.shape
    for _ in range(2 * strength):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        radius = max(0, round(min(image.shape) / 28 * float(rng.uniform(0.2, 1.2))))
        cv2.circle(spattered, centre, radius, float(rng.uniform(120, 255)), -1, cv2.LINE_AA)
    return spattered


KINDS: dict[str, Callable[[Floats, int, np.random.Generator], Floats]] = {
    "noise": _noise,
    "blur": _blur,
    "shear": _shear,
    "stripes": _stripes,
    "fog": _fog,
    "spatter": _spatter,
}
