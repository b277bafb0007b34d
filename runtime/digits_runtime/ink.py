"""What ink is, and from a crop of it to what a model sees: with `one_glyph` the only preprocessing.

Ink is a uint8 array, bright on dark: 0 is paper, 255 a stroke as dark as dark gets, whatever the
light and whatever the colour. Training, calibration, evaluation and the camera all come through
here, so a model is never shown anything at work that it could not have been shown in training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError

Grey = NDArray[np.uint8]

_FULL = 255
# A channel tells ink from what it is on if that has this share of what the best channel has there,
# measured on every so many pixels.
_COLOURED, _FEW_ROWS = 0.7, 16
# A little more, so that a quotient of exactly a half is rounded up on every processor.
TO_FULL = 255.0001
# Pixels of a crop below this share of its peak do not stretch its bounding box.
EDGE = 31 / 256  # exact in floats, so that every machine draws the same line
# A symmetric glyph's centre lies just between two pixels; this much, in pixels, decides for one.
TIE = 1e-3
# This share of a normalised glyph's ink is below full strength; the rest saturates, which makes
# a hair-thin stroke, faint once shrunk, as strong as a broad one.
SATURATE = 0.7
# Paper so dark that dividing by it would only magnify the sensor's noise.
DARKEST_PAPER = 32
# Pictures of so few pixels OpenCV takes for a number themselves.
_NUMBER = 4


def as_grey(image: object) -> Grey:
    """Narrow what OpenCV's types say it returns to the uint8 array it is."""
    return cast(Grey, image)


def check_frame(frame: object) -> None:
    """Make sure that an array is a picture.

    Raises:
        InputError: It is not a non-empty uint8 array `[h, w]`, `[h, w, 1]` or `[h, w, 3]`.
    """
    if not isinstance(frame, np.ndarray):
        raise InputError(
            f"a frame must be a uint8 array, a path or bytes, not {type(frame).__name__}; "
            "did cv2.imread find the file?"
        )
    flat = frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] in (1, 3))
    if frame.dtype != np.uint8 or not flat or 0 in frame.shape:
        raise InputError(
            "a frame must be a non-empty uint8 array [h, w] or [h, w, 3] (BGR), "
            f"not {frame.dtype} {list(frame.shape)}"
        )


def to_grey(frame: NDArray[np.uint8], polarity: Literal["dark", "bright"]) -> Grey:
    """Reduce a frame to one channel in which ink of any colour stands out.

    Args:
        frame: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
        polarity: `dark` ink on lighter paper, or `bright` ink on a darker board.

    Returns:
        uint8 `[h, w]`: for dark ink the darkest channel (red ink is as dark as black there), for
        bright ink the brightest, of those in which what it is on is not as dark, or as bright,
        itself: on yellow paper no ink is darker than the paper's blue.

    Raises:
        InputError: The array is not an 8-bit grey or BGR picture.
    """
    check_frame(frame)
    if frame.ndim == 2:
        return frame
    if frame.shape[2] == 1:
        return frame[:, :, 0]
    channels = [as_grey(channel) for channel in cv2.split(frame)]
    ground = np.median(frame[::_FEW_ROWS, ::_FEW_ROWS].reshape(-1, 3), axis=0)
    if polarity == "dark":
        pick, apart = cv2.min, ground >= _COLOURED * ground.max()
    else:
        pick, apart = cv2.max, _FULL - ground >= _COLOURED * (_FULL - ground.min())
    grey, *others = (channel for channel, told in zip(channels, apart, strict=True) if told)
    for channel in others:
        grey = as_grey(pick(grey, channel))
    return grey


def without_grain(ink: Grey, strength: int) -> Grey:
    """Take the paper's own texture, up to this strength, off all of the ink."""
    floor = min(strength, _FULL)
    if ink.size <= _NUMBER:
        return np.asarray(np.maximum(ink, np.uint8(floor)) - np.uint8(floor), np.uint8)
    # OpenCV takes numbers for pictures of one colour, which its types do not say.
    return as_grey(cv2.subtract(ink, float(floor)))  # type: ignore[call-overload]


def at_least(grey: Grey, level: int) -> Grey:
    """The brighter of each pixel and a level: `np.maximum` at ten times its speed."""
    if grey.size <= _NUMBER:
        return np.asarray(np.maximum(grey, np.uint8(level)), np.uint8)
    return as_grey(cv2.max(grey, float(level)))  # type: ignore[call-overload]


def normalise(ink: Grey, spec: InkSpec) -> Grey:
    """Bring a crop of ink to the size, place and strength that a model expects.

    As in MNIST (LeCun et al. 1998), the glyph keeps its aspect, its longer side becomes
    `spec.box` pixels, and its centre of mass goes to the centre. Its strength is then raised so
    that most of the ink saturates.

    Args:
        ink: uint8 `[h, w]`, bright ink on 0, any size.
        spec: The model's input.

    Returns:
        uint8 `[spec.size, spec.size]`; all zero if there is no ink.
    """
    return as_grey(normalise_each([ink], spec)[0, 0])


def normalise_each(inks: Sequence[Grey], spec: InkSpec) -> NDArray[np.uint8]:
    """`normalise` of many crops, what they have in common done at once.

    Args:
        inks: uint8 `[h, w]` each, bright ink on 0, any size.
        spec: The model's input.

    Returns:
        uint8 `[n, 1, spec.size, spec.size]`; all zero where there is no ink.
    """
    canvases = np.zeros((len(inks), 1, spec.size, spec.size), np.uint8)
    boxed = np.zeros((len(inks), spec.box, spec.box), np.float32)
    # In floats, rounded once at the end: what one processor rounds up and another down would
    # otherwise be magnified with the strength.
    sizes = [_boxed(ink, box) for ink, box in zip(inks, boxed, strict=True)]
    inked = {place: size for place, size in enumerate(sizes) if size is not None}
    if not inked:
        return canvases
    glyphs = boxed[list(inked)]
    np.maximum(glyphs, 0, out=glyphs)
    flat = glyphs.reshape(len(glyphs), -1)
    ranked = np.sort(flat, axis=1)
    several = (ranked > EDGE * ranked[:, -1:]).sum(axis=1)
    rank = (SATURATE * several).astype(np.int64) + flat.shape[1] - several
    flat *= np.float32(_FULL) / ranked[np.arange(len(flat)), rank][:, None]
    np.minimum(flat, np.float32(_FULL), out=flat)
    along = np.arange(spec.box, dtype=np.float64)
    down = glyphs.sum(axis=2, dtype=np.float64)
    mass = down.sum(axis=1)
    rows, columns = (down @ along) / mass, (glyphs.sum(axis=1, dtype=np.float64) @ along) / mass
    np.rint(glyphs, out=glyphs)
    centres = zip(columns.tolist(), rows.tolist(), strict=True)
    for (place, (width, height)), centre, glyph in zip(inked.items(), centres, glyphs, strict=True):
        x, y = _placed(centre[0], width, spec.size), _placed(centre[1], height, spec.size)
        canvases[place, 0, y : y + height, x : x + width] = glyph[:height, :width]
    return canvases


def _boxed(ink: Grey, box: NDArray[np.float32]) -> tuple[int, int] | None:
    """Scale a glyph into the corner of a box of zeros; its width and height, None without ink."""
    peak = int(ink.max(initial=0))
    if peak == 0:
        return None
    left, top, width, height = cv2.boundingRect(
        cv2.threshold(ink, EDGE * peak, _FULL, cv2.THRESH_BINARY)[1]
    )
    scale = len(box) / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    crop = ink[top : top + height, left : left + width].astype(np.float32)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    box[: size[1], : size[0]] = cv2.resize(crop, size, interpolation=method)
    return size


def _placed(centre: float, length: int, size: int) -> int:
    """Where a glyph starts so that its centre of mass is the canvas's, without leaving it."""
    return min(max(round(size / 2 - centre + TIE), 0), size - length)
