"""From a picture to ink, and from a crop of ink to what a model sees. The only preprocessing.

Ink is a uint8 array, bright on dark: 0 is paper, 255 a stroke as dark as dark gets, whatever the
light and whatever the colour. Training, calibration, evaluation and the camera all come through
here, so a model is never shown anything at work that it could not have been shown in training.
"""

from __future__ import annotations

from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError

Grey = NDArray[np.uint8]
Polarity = Literal["dark", "bright", "auto"]

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
# How far a stroke's soft edge reaches at most, as a share of a picture's shorter side.
_EDGE_OF_STROKE = 0.05
# Parts of a loose crop below this share of all its ink are specks.
_SPECK = 0.03
# Parts cut by a crop's border are a neighbour's, below this share of the main part.
_NEIGHBOUR = 0.4
# The same where the main part itself meets the border: its own detached bar would do so too.
_SPECK_IF_TIGHT = 0.12
# A picture is ink already if this share of each side of its border is exactly blank, and of what is
# not blank, grey levels that fog would have and a stroke's edge only passes are at most so many.
_CLEAN, _FAINT, _FAINT_PIXELS = 0.05, 32, 1.5
# This share of a normalised glyph's ink is below full strength; the rest saturates, which makes
# a hair-thin stroke, faint once shrunk, as strong as a broad one.
SATURATE = 0.7
# Paper so dark that dividing by it would only magnify the sensor's noise.
DARKEST_PAPER = 32
# A small picture's polarity is guessed at these sides, pixels: local departures at one, the rest at
# the other, where without such a deviation of its grey levels it has none.
_NEAR, _FAR, _PLAIN = 96, 24, 2.0
# Pixels of the surroundings from whose median strokes depart, grey levels of grain, and the sum of
# departures that says little.
_AROUND_STROKES, _GRAIN, _FEW = 31, 12, 50
# How much departures and the border say beside the skewness of grey levels.
_DEPARTING, _BORDER = 9.0, 10.0
# Pictures of so few pixels OpenCV takes for a number themselves.
_NUMBER = 4
# Widest stroke, as a share of the shorter side.
_STROKE = 0.45
# Reach of the paper around each pixel of a picture of one glyph, as a share of its shorter side.
_AROUND = 0.02


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


def find_ink(grey: Grey, polarity: Literal["dark", "bright"]) -> Grey:
    """Measure how far each pixel of a picture of one glyph departs from the paper around it.

    Strokes may be broad and lie along the border; of whole pages `paper.find_ink` finds the ink.

    Args:
        grey: uint8 `[h, w]`.
        polarity: Which side of the paper the ink is on.

    Returns:
        uint8 `[h, w]` in shares of full contrast, 0 on paper, 255 for black on white or white on
        black.
    """
    light = grey if polarity == "dark" else as_grey(cv2.bitwise_not(grey))
    reach = 2 * round(_STROKE * min(light.shape) / 2) + 1
    closed = as_grey(cv2.morphologyEx(light, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)))
    return _departure(light, _paper_around(light, np.maximum(closed, DARKEST_PAPER)))


def _paper_around(light: Grey, paper: Grey) -> Grey:
    """Follow light that falls off across one glyph, from a first guess too stiff to follow it.

    What the guess does not take for ink is averaged around each pixel (normalised convolution,
    Knutsson & Westin 1993), from far away where a stroke leaves nothing near; that is the guess
    from which to tell the ink anew.
    """
    near = _AROUND * min(light.shape)
    plain = light.astype(np.float32)
    for _ in range(3):
        ink = _departure(light, paper)
        strong, _ = cv2.threshold(ink, 0, _FULL, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        blank = (ink < strong / 2).astype(np.float32)
        around, weight = (cv2.GaussianBlur(v, (0, 0), near) for v in (plain * blank, blank))
        far, of_far = (cv2.GaussianBlur(v, (0, 0), 4 * near) for v in (plain * blank, blank))
        mixed = (around + 0.02 * far / np.maximum(of_far, 1e-4)) / (weight + 0.02)
        paper = np.clip(np.rint(mixed), DARKEST_PAPER, _FULL).astype(np.uint8)
    return paper


def _departure(light: Grey, paper: Grey) -> Grey:
    """How much darker than its paper each pixel is: 0 as bright or brighter, 255 black."""
    return as_grey(cv2.bitwise_not(cv2.divide(light, paper, scale=TO_FULL)))


def guess_polarity(frame: NDArray[np.uint8]) -> Literal["dark", "bright"]:
    """Say whether the ink of a small picture is darker or brighter than what it is written on.

    Three things tell, added up: what ink is written on reaches the border nearly everywhere,
    however broad the pen and tight the crop; ink is mostly the lesser part, so that grey levels are
    skewed towards it; and narrow strokes depart from the median around them, which light and
    shadow do not. A picture without contrast counts as paper.

    Args:
        frame: uint8 `[h, w]` grey or `[h, w, 3]` BGR.

    Raises:
        InputError: The array is not an 8-bit grey or BGR picture.
    """
    check_frame(frame)
    near = as_grey(cv2.resize(frame, (_NEAR, _NEAR), interpolation=cv2.INTER_AREA))
    if near.ndim == 3:
        # Luminance, since neither the darkest nor the brightest channel is fair to both.
        near = as_grey(cv2.cvtColor(near, cv2.COLOR_BGR2GRAY))
    small = as_grey(cv2.resize(near, (_FAR, _FAR), interpolation=cv2.INTER_AREA))
    grey = small - small.mean(dtype=np.float64)
    deviation = float(grey.std())
    if deviation < _PLAIN:
        return "dark"
    skewness = float((grey**3).mean()) / deviation**3
    border = float(grey.sum() - grey[1:-1, 1:-1].sum()) / (4 * (_FAR - 1)) / deviation
    around = as_grey(cv2.medianBlur(near, _AROUND_STROKES))
    bright, dark = (
        float(cv2.sumElems(without_grain(as_grey(cv2.subtract(one, other)), _GRAIN))[0])
        for one, other in ((near, around), (around, near))
    )
    departing = (bright - dark) / (bright + dark + _FEW)
    return "bright" if skewness + _DEPARTING * departing > _BORDER * border else "dark"


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


def isolate(ink: Grey) -> Grey:
    """Keep the one glyph of a loosely cropped picture: its ink without grain, specks and strays.

    Args:
        ink: uint8 `[h, w]` of one glyph and, perhaps, bits of its neighbours at the borders.

    Returns:
        uint8 `[h, w]`, zero away from the glyph.
    """
    faint, low = np.percentile(ink, (5, 25))
    return _without_strays(without_grain(ink, round(low + 4 * (low - faint))))


def _without_strays(ink: Grey) -> Grey:
    _, strong = cv2.threshold(ink, 0, _FULL, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(strong, connectivity=8)
    if count == 1:
        return ink
    left, top, width, height, areas = stats[1:].T
    bottom, right = ink.shape
    cut = (left == 0) | (top == 0) | (left + width == right) | (top + height == bottom)
    main = int(np.where(cut, areas / 2, areas).argmax())
    # In a picture as tight as its glyph, whatever is part of that meets the border too.
    neighbour = _SPECK_IF_TIGHT if cut[main] else _NEIGHBOUR
    stray = (areas < _SPECK * areas.sum()) | (cut & (areas < neighbour * areas[main]))
    stray[main] = False
    kept = np.isin(labels, 1 + np.flatnonzero(~stray)).astype(np.uint8)
    dropped = np.isin(labels, 1 + np.flatnonzero(stray)).astype(np.uint8)
    # Strokes have soft edges outside the threshold: those kept stay, those of the strays and any
    # grain further off go.
    edge = np.ones((3, 3), np.uint8)
    reach = max(3, 2 * round(_EDGE_OF_STROKE * min(ink.shape)) + 1)
    near = cv2.dilate(kept, np.ones((reach, reach), np.uint8)) > 0
    stray_edge = (cv2.dilate(dropped, edge) > 0) & (cv2.dilate(kept, edge) == 0)
    return np.where(near & ~stray_edge, ink, 0).astype(np.uint8)


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
    canvas = np.zeros((spec.size, spec.size), np.uint8)
    peak = int(ink.max(initial=0))
    if peak == 0:
        return canvas
    left, top, width, height = cv2.boundingRect(
        cv2.threshold(ink, EDGE * peak, _FULL, cv2.THRESH_BINARY)[1]
    )
    scale = spec.box / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # In floats, rounded once at the end: what one processor rounds up and another down would
    # otherwise be magnified with the strength.
    crop = ink[top : top + height, left : left + width].astype(np.float32)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    glyph = np.maximum(cv2.resize(crop, size, interpolation=method).astype(np.float32), 0)
    inked = np.sort(glyph[glyph > EDGE * glyph.max()])
    glyph = np.minimum(glyph * (_FULL / inked[int(SATURATE * len(inked))]), _FULL)
    mass = glyph.sum(dtype=np.float64)
    x = _placed(float(glyph.sum(axis=0) @ np.arange(size[0])) / mass, size[0], spec.size)
    y = _placed(float(glyph.sum(axis=1) @ np.arange(size[1])) / mass, size[1], spec.size)
    canvas[y : y + size[1], x : x + size[0]] = np.rint(glyph)
    return canvas


def _placed(centre: float, length: int, size: int) -> int:
    """Where a glyph starts so that its centre of mass is the canvas's, without leaving it."""
    return min(max(round(size / 2 - centre + TIE), 0), size - length)


def single(picture: NDArray[np.uint8], spec: InkSpec, polarity: Polarity = "auto") -> Grey:
    """Turn a picture of one glyph, however loosely cropped, into what a model expects.

    Args:
        picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
        spec: The model's input.
        polarity: `dark` for ink on paper, `bright` for MNIST-like arrays, `auto` to find out.

    Returns:
        uint8 `[spec.size, spec.size]`.

    Raises:
        InputError: The array is not an 8-bit grey or BGR picture.
    """
    return normalise(of_one_glyph(picture, polarity), spec)


def of_one_glyph(picture: NDArray[np.uint8], polarity: Polarity = "auto") -> Grey:
    """The ink of the one glyph of a picture: uint8 `[h, w]`, zero away from it.

    Arguments and errors are those of `single`.
    """
    if polarity == "auto":
        polarity = guess_polarity(picture)
    grey = to_grey(picture, polarity)
    bright = grey if polarity == "bright" else as_grey(cv2.bitwise_not(grey))
    return _without_strays(bright) if _is_ink(bright) else isolate(find_ink(grey, polarity))


def _is_ink(bright: Grey) -> bool:
    """Whether the ground is exactly blank on every side, as it is in scans and drawings.

    To look for paper in such a picture, often a few pixels wide, can only take from its strokes.
    Light that falls off leaves a side without such pixels, even where the darkest are clipped.
    """
    blank = int(np.count_nonzero(bright == 0))
    faint = int(np.count_nonzero(bright <= _FAINT)) - blank
    sides = (bright[0], bright[-1], bright[:, 0], bright[:, -1])
    return faint <= _FAINT_PIXELS * blank and all(
        bool(np.count_nonzero(side == 0) >= _CLEAN * side.size) for side in sides
    )
