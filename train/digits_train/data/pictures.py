"""Encoded pictures of single glyphs to grey arrays of bounded size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink
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
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        # OpenCV's own guard, which digits_runtime sets, before it decodes anything.
        if "validateInputImageSize" in str(error):
            raise _too_large(name) from None
        picture = None
    if picture is None:
        raise InputError(f"{name} cannot be decoded as a picture; replace or remove it")
    height, width = picture.shape[:2]
    if height * width > _PIXELS:
        raise _too_large(name)
    colour = picture.astype(np.uint8, copy=False)
    plain = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    grey = ink.to_grey(colour, ink.guess_polarity(plain))
    shrink = _SIDE / max(height, width)
    if shrink >= 1:
        return grey
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _too_large(name: str) -> InputError:
    return InputError(f"{name} is larger than 20 megapixels; crop or shrink it to its one glyph")
