"""Encoded pictures of single glyphs to grey arrays of bounded size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink, one_glyph, pictures
from digits_runtime.errors import InputError

_PIXELS = 20_000_000
# Ten times what a model sees; more would only fill the memory.
_SIDE = 256


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture of one glyph.

    Args:
        data: A file's bytes, of any kind OpenCV knows.
        name: What to call it in an error.

    Returns:
        uint8 `[h, w]`, the channel in which its ink stands out, neither side above 256.

    Raises:
        InputError: The bytes are not a picture, or are one of more than 20 megapixels.
    """
    colour = pictures.decode(data, name)
    height, width = colour.shape[:2]
    if height * width > _PIXELS:
        raise InputError(f"{name} is larger than 20 megapixels; crop or shrink it to its one glyph")
    grey = ink.to_grey(colour, one_glyph.guess_polarity(colour))
    shrink = _SIDE / max(height, width)
    if shrink >= 1:
        return grey
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
