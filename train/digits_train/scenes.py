"""Whole camera pictures of handwriting with exact truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train import synth
from digits_train.camera import Picture, photograph
from digits_train.strokes import render

_FULL = 255
_VISIBLE = 64  # coverage from which ink counts as seen
_EDGE = 0.04  # of the frame's smaller side, left free of ink all round
_SMALLEST = 16  # pixels of glyph height that a camera still shows legibly
# Blue-black, blue, red and pencil, BGR.
INKS = ((40, 32, 30), (120, 50, 25), (45, 35, 165), (88, 86, 84))


@dataclass(frozen=True)
class PlacedGlyph:
    """One glyph and the frame pixels its visible ink spans: x, y, width, height."""

    label: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """A picture and what is written in it.

    Attributes:
        frame: uint8 `[h, w, 3]` BGR.
        lines: Top to bottom, each of glyphs from left to right.
        grid: Of a ruled grid its rows, a character a cell, `0` where it is empty.
    """

    frame: NDArray[np.uint8]
    lines: tuple[tuple[PlacedGlyph, ...], ...]
    grid: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The labels, a line of writing a line of text."""
        return text_of(self.lines)


def compose(
    lines: Sequence[str],
    rng: np.random.Generator,
    *,
    size: tuple[int, int] = (480, 640),
    glyph_height: int | None = None,
    ruled: bool = False,
) -> Scene:
    """Write lines of glyphs on paper and photograph it.

    Args:
        lines: What to write, top to bottom, of `synth.LABELS`; none for an empty page.
        rng: Decides writing, pen, paper, light and camera.
        size: Height and width of the frame in pixels.
        glyph_height: Pixels of a glyph's longer side; by default whatever fits.
        ruled: Print faint rulings, lines or squares, on the paper.

    Returns:
        The scene. Glyphs neither touch one another nor the frame's border.

    Raises:
        InputError: The text does not fit, a line is empty, or a character is not a label.
    """
    coverage, placed = place(lines, rng, size, glyph_height, pen=rng.uniform(0.05, 0.15))
    page = paper(rng, size, ruled)
    stain(page, coverage, len(INKS), rng)
    page *= light_on(rng, size)[:, :, None]
    blur, noise, quality = rng.uniform(0.4, 1.1), rng.uniform(1.0, 5.0), int(rng.integers(60, 95))
    return Scene(photograph(page, rng, blur=blur, noise=noise, quality=quality), placed)


def text_of(lines: Sequence[Sequence[PlacedGlyph]]) -> str:
    """The labels of lines, a line of writing a line of text."""
    return "\n".join("".join(glyph.label for glyph in line) for line in lines)


def place(
    lines: Sequence[str],
    rng: np.random.Generator,
    size: tuple[int, int],
    glyph_height: int | None,
    pen: float,
    touching: float = 0.0,
) -> tuple[NDArray[np.uint8], tuple[tuple[PlacedGlyph, ...], ...]]:
    """Write lines on nothing: the ink's coverage, uint8 `size`, and where each glyph is.

    Of neighbours, `touching` is the share that just touch or overlap a little.
    """
    coverage = np.zeros(size, np.uint8)
    if not lines:
        return coverage, ()
    if not all(lines):
        raise InputError("a line to write is empty; leave it out")
    margin = max(2, round(_EDGE * min(size)))
    room = size[1] - 2 * margin
    pitch = (size[0] - 2 * margin) // len(lines)
    if glyph_height is None:
        # A glyph is at most as wide as its longer side, and half that is the widest gap.
        fitting = min(0.75 * pitch, room / (1.5 * max(len(line) for line in lines)), 160.0)
        glyph_height = max(_SMALLEST, int(fitting * rng.uniform(0.65, 1.0)))
    if glyph_height < _SMALLEST:
        raise InputError(f"glyphs {glyph_height} pixels high cannot be read; make them {_SMALLEST}")
    if 1.15 * glyph_height > pitch:
        raise InputError(
            f"{len(lines)} lines of glyphs {glyph_height} pixels high do not fit a frame "
            f"{size[0]} pixels high; write fewer lines or take a larger frame"
        )

    placed = []
    for row, line in enumerate(lines):
        inks = []
        for label in line:
            height = max(_SMALLEST, round(glyph_height * rng.uniform(0.85, 1.0)))
            strokes = synth.draw(label, rng)
            inks.append(render(strokes, height=height, pen=pen, margin=0, rng=rng))
        gaps = np.ceil(rng.uniform(0.2, 0.45, len(line)) * glyph_height).astype(int)
        if touching:
            meeting = rng.random(len(line)) < touching
            gaps[meeting] = -np.round(rng.uniform(0.0, 1.0, meeting.sum()) * pen * glyph_height)
        gaps[0] = 0
        length = int(gaps.sum()) + sum(ink.shape[1] for ink in inks)
        if length > room:
            raise InputError(
                f"the line {line!r} is {length} pixels long at a glyph height of {glyph_height} "
                f"and does not fit the {room} free in the frame; write less or smaller"
            )
        placed.append(
            _write(
                coverage,
                line,
                inks,
                gaps,
                rng,
                left=margin + int(rng.integers(0, room - length + 1)),
                top=margin + row * pitch,
                bottom=margin + (row + 1) * pitch,
            )
        )
    return coverage, tuple(placed)


def _write(
    coverage: NDArray[np.uint8],
    line: str,
    inks: list[NDArray[np.uint8]],
    gaps: NDArray[np.int_],
    rng: np.random.Generator,
    *,
    left: int,
    top: int,
    bottom: int,
) -> tuple[PlacedGlyph, ...]:
    """Set one line's glyphs on a baseline that climbs or falls a little between top and bottom."""
    tallest = max(ink.shape[0] for ink in inks)
    slack = bottom - top - tallest
    base = top + tallest + slack * rng.uniform(0.3, 0.7)
    slope = rng.uniform(-0.05, 0.05)
    middle = left + (int(gaps.sum()) + sum(ink.shape[1] for ink in inks)) / 2.0
    glyphs = []
    x = left
    for label, ink, gap in zip(line, inks, gaps, strict=True):
        x += int(gap)
        height, width = ink.shape
        foot = base + slope * (x - middle) + rng.normal(0.0, 0.03) * tallest
        y = min(max(round(foot) - height, top), bottom - height)
        spot = coverage[y : y + height, x : x + width]
        np.maximum(spot, ink, out=spot)
        seen = cv2.boundingRect(cv2.threshold(ink, _VISIBLE, _FULL, cv2.THRESH_BINARY)[1])
        glyphs.append(PlacedGlyph(label, (x + seen[0], y + seen[1], seen[2], seen[3])))
        x += width
    return tuple(glyphs)


def paper(
    rng: np.random.Generator, size: tuple[int, int], ruled: bool, strength: float | None = None
) -> Picture:
    """Empty paper in even light; its rulings take this share of the light, by default a little."""
    white = rng.uniform(205.0, 245.0)
    tint = np.array([rng.uniform(0.9, 1.0), rng.uniform(0.97, 1.0), 1.0])
    fibres = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), rng.uniform(0.8, 2.0))
    grey = white + fibres * (rng.uniform(1.0, 3.0) / max(float(fibres.std()), 1e-6))
    page: Picture = (grey[:, :, None] * tint).astype(np.float32)
    if ruled:
        rules = _rulings(rng, size) * (strength or rng.uniform(0.12, 0.22))
        # Blue-grey print: it takes the most from red, the least from blue.
        page *= 1.0 - rules[:, :, None] * np.array([0.6, 0.8, 1.0], np.float32)
    return page


def _rulings(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Where a ruled or squared sheet is printed: 0 to 1, float32 `size`."""
    sheet = np.zeros(size, np.uint8)
    squared = rng.random() < 0.35
    pitch = rng.uniform(22.0, 30.0) if squared else rng.uniform(30.0, 46.0)
    turn = np.deg2rad(rng.uniform(-1.5, 1.5))
    reach = float(max(size)) * 2.0
    for angle in (turn, turn + np.pi / 2.0)[: 1 + squared]:
        along = np.array([np.cos(angle), np.sin(angle)])
        across = np.array([-along[1], along[0]])
        for step in np.arange(-reach, reach, pitch) + rng.uniform(0.0, pitch):
            ends = [step * across - reach * along, step * across + reach * along]
            line = np.rint(np.array(ends) * 16.0).astype(np.int32)
            cv2.polylines(sheet, [line], False, _FULL, 1, cv2.LINE_AA, 4)
    return np.asarray(sheet / _FULL, np.float32)


def stain(page: Picture, coverage: NDArray[np.uint8], inks: int, rng: np.random.Generator) -> None:
    """Put the ink of a pen, one of the first `inks`, on the page, in place."""
    ink = np.array(INKS[rng.integers(inks)], np.float32) * rng.uniform(0.8, 1.2)
    share = (coverage / np.float32(_FULL))[:, :, None] * rng.uniform(0.88, 1.0)
    page += (ink - page) * share.astype(np.float32)


def light_on(
    rng: np.random.Generator, size: tuple[int, int], *, hard: bool = True
) -> NDArray[np.float32]:
    """Uneven light: a fall-off, a vignette, a soft shadow and, if `hard`, at times a sharp one.

    Returns float32 `size`, the share of full light.
    """
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    y, x = y / size[0] - 0.5, x / size[1] - 0.5
    angle = rng.uniform(0.0, 2.0 * np.pi)
    light = rng.uniform(0.78, 1.0) + rng.uniform(0.0, 0.3) * (np.cos(angle) * x + np.sin(angle) * y)
    light *= 1.0 - rng.uniform(0.0, 0.5) * (x**2 + y**2)
    px, py = rng.uniform(-0.6, 0.6, 2)
    spread = rng.uniform(0.15, 0.4)
    light *= 1.0 - rng.uniform(0.0, 0.35) * np.exp(-((x - px) ** 2 + (y - py) ** 2) / spread**2)
    if hard and rng.random() < 0.3:
        angle = rng.uniform(0.0, 2.0 * np.pi)
        beyond = np.cos(angle) * x + np.sin(angle) * y - rng.uniform(-0.25, 0.25)
        # From lit to shaded within a few pixels.
        shade = 1.0 / (1.0 + np.exp(-np.clip(beyond * size[1] / rng.uniform(1.0, 3.0), -30, 30)))
        light *= 1.0 - rng.uniform(0.15, 0.4) * shade
    return np.asarray(light, np.float32)
