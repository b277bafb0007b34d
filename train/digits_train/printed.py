"""Printed characters, as forms and sudoku pages have them, in faces that anyone may use.

The faces are those that come with matplotlib (DejaVu, STIX, Computer Modern), whose every 1 stands
on a foot, and Roboto, Manrope and Hanken Grotesk, whose 1 has none, drawn by Pillow. Each print is
stretched, slanted, turned and weighted anew. Some faces are held out, so that what was learnt of
print is measured on faces never seen.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train.synth import LABELS

Image = NDArray[np.uint8]

FACES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralBolIta", "cmr10", "cmb10"),
    *("Roboto-Regular", "Roboto-Light", "Roboto-Bold", "Roboto-Italic"),
    *("Manrope-Regular", "Manrope-Bold"),
)
HELD_OUT = (
    *("DejaVuSansMono-Bold", "DejaVuSerif-Bold", "STIXGeneralItalic", "cmss10", "cmtt10"),
    *("HankenGrotesk-Regular", "HankenGrotesk-Bold"),
)
# Families that have a package of their own, and how their files end.
_PACKAGES = {
    "Roboto": ("font_roboto", "ttf"),
    "Manrope": ("font_manrope", "ttf"),
    "HankenGrotesk": ("font_hanken_grotesk", "otf"),
}
_DRAWN = 120  # pixels of a face's size when first drawn


def glyph(label: str, face: str, rng: np.random.Generator, *, height: int = 48) -> Image:
    """Print one character once.

    Args:
        label: One of `synth.LABELS`.
        face: One of FACES or HELD_OUT.
        rng: Decides how it is stretched, slanted, turned and how heavy it is.
        height: Pixels of the ink's longer side.

    Returns:
        uint8 `[h, w]`, bright ink on dark, two dark pixels around it.

    Raises:
        InputError: The label is not one of `synth.LABELS`.
    """
    if label not in LABELS:
        raise InputError(f"no such label: {label!r}; there are {LABELS}")
    drawn = _drawn(label, face)
    stretch, slant = rng.uniform(0.75, 1.2), rng.uniform(-0.05, 0.12)
    turn = rng.normal(0.0, 0.04)
    matrix = np.array([[stretch, -slant], [0.0, 1.0]])
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ matrix
    corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]) * np.array([drawn.shape[1::-1]]).T
    reach = matrix @ corners
    pad = _DRAWN // 10
    shift = pad - reach.min(axis=1)
    width, tall = (int(v) + 2 * pad for v in np.ptp(reach, axis=1))
    ink = cv2.warpAffine(drawn, np.column_stack((matrix, shift)), (width, tall))
    # The heavier or lighter print of another press: the edge of the ink lies elsewhere.
    soft = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.8, 2.2))
    level = rng.uniform(50, 150)
    ink = np.clip((soft.astype(np.float32) - level) * 8 + 128, 0, 255).astype(np.uint8)
    left, top, width, tall = cv2.boundingRect(ink)
    scale = height / max(width, tall)
    size = (max(1, round(width * scale)), max(1, round(tall * scale)))
    small = cv2.resize(
        ink[top : top + tall, left : left + width], size, interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_CONSTANT), np.uint8)


def generate(
    labels: Sequence[str], count: int, seed: int, faces: Sequence[str] = FACES
) -> tuple[list[Image], NDArray[np.str_]]:
    """Print `count` characters, each label as often as the others but for one.

    Args:
        labels: The labels wanted, each one of `synth.LABELS`.
        count: How many characters in all.
        seed: Equal seeds give equal characters.
        faces: What to print them in, of FACES and HELD_OUT.

    Returns:
        The glyphs, uint8 `[h, w]`, bright on dark, and their labels `[count]`, shuffled.

    Raises:
        InputError: A label is not of `synth.LABELS`.
    """
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.resize(np.array(list(labels), dtype=np.str_), count))
    return [glyph(str(label), faces[int(rng.integers(len(faces)))], rng) for label in truth], truth


@functools.cache
def _drawn(label: str, face: str) -> Image:
    """A character as its face has it: uint8, cut to its ink."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    picture = Pillow.new("L", (2 * _DRAWN, 2 * _DRAWN))
    font = ImageFont.truetype(str(_file(face)), _DRAWN)
    ImageDraw.Draw(picture).text((_DRAWN // 3, _DRAWN // 3), label, font=font, fill=255)
    canvas = np.asarray(picture)
    left, top, width, height = cv2.boundingRect(canvas)
    return canvas[top : top + height, left : left + width]


def _file(face: str) -> Path:
    family = face.split("-")[0]
    if family in _PACKAGES:
        package, ending = _PACKAGES[family]
        return Path(str(importlib.resources.files(package))) / "files" / f"{face}.{ending}"
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"
