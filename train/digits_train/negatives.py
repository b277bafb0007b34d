"""What is ink but not a glyph: what a page finder hands over by mistake, or should not hand over.

Pairs of touching glyphs, dashes, specks, crossings of ruled lines, scribbles, and the letters
that no one takes for one of the classes. Trained as one more class, they let the reader leave out
what it would otherwise have to name.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.ink import normalise
from digits_runtime.pairs import PAIRS, squeezed
from digits_train import synth

Image = NDArray[np.uint8]

# Letters that no hand makes look like a digit, and those that are more than a digit and mostly
# unlike two.
UNLIKE_DIGITS, UNLIKE_PAIRS = "AEFHKMNRWX", "ABDEFGHKMNPRUVWXY"
_SIDE = 64


def make(
    glyphs: NDArray[np.uint8],
    labels: Sequence[str],
    count: int,
    spec: InkSpec,
    seed: int,
    letters: Sequence[NDArray[np.uint8]] = (),
) -> NDArray[np.uint8]:
    """Draw things that are not glyphs of the classes.

    Args:
        glyphs: uint8 `[n, 1, size, size]`, training glyphs that pairs are made of.
        labels: The classes; letters among them are not used as negatives.
        count: How many to draw.
        spec: The model's input.
        seed: Same seed, same images.
        letters: Pictures of those that are `unlike` the classes, bright on dark, in real hands, to
            use beside the project's own.

    Returns:
        uint8 `[count, 1, size, size]`.
    """
    rng = np.random.default_rng(seed)
    letters_of = unlike(labels)
    # What is two of a network's classes may be one of them where those are pairs.
    several = _three if _are_pairs(labels) else _pair
    kinds = [several, several, _dash, _speck, _crossing, _scribble, _ruled, _fragment]
    images = np.empty((count, 1, spec.size, spec.size), np.uint8)
    for image in images:
        choice = int(rng.integers(len(kinds) + (4 if letters_of else 0)))
        if choice < len(kinds):
            drawn = kinds[choice](glyphs, rng)
        else:
            if letters and rng.random() < 0.6:
                drawn = letters[int(rng.integers(len(letters)))]
            else:
                drawn = synth.glyph(letters_of[int(rng.integers(len(letters_of)))], rng)
            if _are_pairs(labels):
                drawn = squeezed(drawn)
        image[0] = normalise(drawn, spec)
    return images


def unlike(labels: Sequence[str]) -> list[str]:
    """Letters that are not among some classes, and that hardly a hand makes look like one."""
    letters = UNLIKE_PAIRS if _are_pairs(labels) else UNLIKE_DIGITS
    return [letter for letter in letters if letter not in labels]


def _are_pairs(labels: Sequence[str]) -> bool:
    return tuple(labels) == PAIRS


def _pair(glyphs: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Two neighbours that touch, or nearly."""
    left, right = (_columns(glyphs[int(i), 0]) for i in rng.integers(len(glyphs), size=2))
    return _beside(left, right, rng)


def _three(glyphs: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Three neighbours that touch, or nearly."""
    last = _columns(glyphs[int(rng.integers(len(glyphs))), 0])
    return _beside(_pair(glyphs, rng), last, rng)


def _beside(left: Image, right: Image, rng: np.random.Generator) -> Image:
    """Two pictures side by side on one, their middles about level."""
    start = max(1, left.shape[1] - int(rng.integers(0, 4)))
    drop = int(rng.integers(-4, 5)) + (left.shape[0] - right.shape[0]) // 2
    canvas = np.zeros((left.shape[0] + 8, start + max(right.shape[1], 4)), np.uint8)
    canvas[4 : 4 + left.shape[0], : left.shape[1]] = left
    part = canvas[4 + drop : 4 + drop + right.shape[0], start : start + right.shape[1]]
    np.maximum(part, right, out=part)
    return canvas


def _columns(glyph: Image) -> Image:
    """A glyph without the empty columns on either side: uint8 `[size, w]`."""
    inked = np.flatnonzero(glyph.max(axis=0) > 64)
    return glyph[:, inked[0] : inked[-1] + 1] if len(inked) else glyph[:, :1]


def _canvas() -> Image:
    return np.zeros((_SIDE, _SIDE), np.uint8)


def _dash(_: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """A stroke too level for a 1: a minus, a rule, the rim of a page."""
    angle = rng.uniform(-0.5, 0.5)
    reach = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(8, 26)
    ends = np.round(_SIDE / 2 + np.stack((-reach, reach))).astype(np.int32)
    return _line(_canvas(), ends, int(rng.integers(1, 9)))


def _speck(_: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """A dot, a blot, a grain of dirt: no stroke in it."""
    count = int(rng.integers(5, 11))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = rng.uniform(8, 24) * rng.uniform(0.7, 1.1, count)
    squash = np.array([1, rng.uniform(0.5, 1)])[rng.permutation(2)]
    points = _SIDE / 2 + np.stack((np.cos(angles), np.sin(angles)), 1) * radii[:, None] * squash
    return np.asarray(
        cv2.fillPoly(_canvas(), [np.round(points).astype(np.int32)], 255, cv2.LINE_AA), np.uint8
    )


def _crossing(_: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Where the lines of a table meet, and corners of frames."""
    image = _canvas()
    pen = int(rng.integers(1, 6))
    low, high = 8, _SIDE - 8
    # With the upright near one end, it would be a 7 or an L.
    x, y = (int(v) for v in rng.integers(low + 16, high - 16, size=2))
    top = low if rng.random() < 0.5 else y
    image = _line(image, np.array([[x, top], [x, high]]), pen)
    return _line(image, np.array([[low, y], [high, y]]), pen)


def _ruled(_: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Rules of a page side by side, with what a page finder left of their ends."""
    image = _canvas()
    pitch, pen = int(rng.integers(10, 24)), int(rng.integers(1, 4))
    drop = int(rng.integers(-3, 4))
    for y in range(int(rng.integers(4, pitch)), _SIDE - 4, pitch):
        start, end = (int(v) for v in rng.integers((2, 40), (24, _SIDE - 2)))
        image = _line(image, np.array([[start, y], [end, y + drop]]), pen)
    return image if rng.random() < 0.5 else np.ascontiguousarray(image.T)


def _fragment(glyphs: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """What the frame's edge leaves of a glyph: its top or bottom, broader than high."""
    glyph = _columns(glyphs[int(rng.integers(len(glyphs))), 0])
    inked = np.flatnonzero(glyph.max(axis=1) > 64)
    if len(inked) < 2:
        return _speck(glyphs, rng)
    rows = max(2, round(len(inked) * rng.uniform(0.12, 0.3)))
    top = glyph[inked[0] : inked[0] + rows]
    return top if rng.random() < 0.5 else glyph[inked[-1] + 1 - rows : inked[-1] + 1]


def _scribble(_: NDArray[np.uint8], rng: np.random.Generator) -> Image:
    """Something struck out or tried out with a pen."""
    points = rng.uniform(4, _SIDE - 4, (int(rng.integers(7, 14)), 2))
    return _line(_canvas(), np.round(points).astype(np.int32), int(rng.integers(1, 5)))


def _line(image: Image, points: NDArray[np.signedinteger], pen: int) -> Image:
    drawn = cv2.polylines(image, [points.astype(np.int32)], False, 255, pen, cv2.LINE_AA)
    return np.asarray(drawn, np.uint8)
