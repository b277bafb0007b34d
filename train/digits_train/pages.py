"""Photographed pages in five levels of difficulty, and pages without any digit, with exact truth.

Level 1 is a clean page from straight above. 2 adds ruled paper, coloured ink, a small turn and
worse light; 3 angles, boards, pencil, touching digits and a weak camera; 4 the desk around the
sheet, fingers, litter, show-through, columns and turns to 25 degrees; 5 all at once and more of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train import camera, printed, scenes, synth
from digits_train.camera import Picture
from digits_train.scenes import PlacedGlyph, Scene

SIZE = (480, 640)
_FULL = 255
_FEWEST_PIXELS = 12  # of a glyph's height in the frame
_LETTERS = "AEFHKMNRWX"  # no hand makes them look like digits


@dataclass(frozen=True)
class Level:
    """How hard a page is: shares are chances, pairs are ranges.

    Attributes:
        lines: The most lines of writing.
        heights: Of glyphs, pixels of the sheet.
        turn: The most the page is turned, degrees.
        tilt: The most a corner moves in perspective, as a share of the frame.
        zooms: Pixels of the frame for one of the sheet.
        ruled: On ruled or squared paper.
        rules: Share of the light that printed rulings take.
        touching: Of neighbouring digits.
        inks: How many of `scenes.INKS` are used.
        contrasts: Share of the full strength of the ink.
        board: Chalk on a board instead of ink on paper.
        shaded: Light falls unevenly.
        dims: Share of full light.
        clutter: For the desk, a finger, litter and show-through, each.
        columns: Two columns instead of one.
        blurs: Sigma, pixels.
        noises: Deviation, grey levels.
        qualities: Of the JPEG.
    """

    lines: int
    heights: tuple[int, int]
    turn: float
    tilt: float
    zooms: tuple[float, float]
    ruled: float
    rules: tuple[float, float]
    touching: float
    inks: int
    contrasts: tuple[float, float]
    board: float
    shaded: float
    dims: tuple[float, float]
    clutter: float
    columns: float
    blurs: tuple[float, float]
    noises: tuple[float, float]
    qualities: tuple[int, int]


LEVELS = (
    Level(
        3, (32, 110), 0, 0, (1, 1), 0, (0.1, 0.2), 0, 2, (0.9, 1),
        0, 0, (0.9, 1), 0, 0, (0.4, 0.8), (1, 3), (85, 96),
    ),
    Level(
        4, (28, 110), 4, 0.01, (0.95, 1.05), 0.5, (0.1, 0.25), 0, 4, (0.75, 1),
        0, 1, (0.7, 1), 0, 0, (0.4, 1.0), (1, 5), (65, 95),
    ),
    Level(
        4, (26, 120), 12, 0.04, (0.8, 1), 0.5, (0.1, 0.35), 0.04, 4, (0.55, 1),
        0.2, 1, (0.6, 1), 0.2, 0, (0.5, 1.3), (2, 8), (45, 92),
    ),
    Level(
        5, (26, 130), 25, 0.06, (0.7, 0.95), 0.5, (0.1, 0.4), 0.06, 4, (0.5, 1),
        0.2, 1, (0.5, 1), 0.5, 0.2, (0.6, 1.6), (2, 10), (40, 90),
    ),
    Level(
        6, (22, 140), 25, 0.1, (0.55, 0.9), 0.6, (0.15, 0.6), 0.12, 4, (0.35, 1),
        0.25, 1, (0.35, 1), 0.7, 0.3, (0.8, 2.2), (4, 16), (25, 80),
    ),
)  # fmt: skip


def page(level: int, seed: int, size: tuple[int, int] = SIZE) -> Scene:
    """Photograph a page of numbers.

    Args:
        level: 1 to 5.
        seed: Equal seeds give equal scenes.
        size: Height and width of the frame, pixels.

    Returns:
        The scene; every glyph is in the frame whole and at least 12 pixels high.
    """
    hard = LEVELS[level - 1]
    rng = np.random.default_rng((level, seed))
    while True:
        at = camera.view(rng, size, turn=hard.turn, tilt=hard.tilt, zoom=rng.uniform(*hard.zooms))
        coverage, lines = _writing(hard, rng, size)
        glyphs = [glyph for line in lines for glyph in line]
        if glyphs and all(
            at.shows(glyph.box) and at.of_box(glyph.box)[3] >= _FEWEST_PIXELS for glyph in glyphs
        ):
            break
    framed = tuple(
        tuple(PlacedGlyph(glyph.label, at.of_box(glyph.box)) for glyph in line) for line in lines
    )
    return Scene(_photographed(hard, coverage, at, rng), framed)


def empty(seed: int, size: tuple[int, int] = SIZE) -> Scene:
    """Photograph a page on which there is anything but a digit.

    Blank, ruled and squared paper and boards at every level of difficulty; tables, scribbles,
    arrows and letters that no hand makes look like digits.
    """
    rng = np.random.default_rng((6, seed))
    hard = LEVELS[seed % len(LEVELS)]
    at = camera.view(rng, size, turn=hard.turn, tilt=hard.tilt, zoom=rng.uniform(*hard.zooms))
    coverage = np.zeros(size, np.uint8)
    kind = rng.random()
    if kind < 0.15:
        _table(coverage, rng)
    elif kind < 0.3:
        _scribble(coverage, rng)
    elif kind < 0.45:
        _letters(coverage, rng)
    return Scene(_photographed(hard, coverage, at, rng), ())


def _writing(
    hard: Level, rng: np.random.Generator, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[tuple[PlacedGlyph, ...], ...]]:
    """Lines of numbers in one column or two, as many as fit; none if they do not.

    Those of two columns share rows, and are told row by row.
    """
    columns = 2 if rng.random() < hard.columns else 1
    coverage = np.zeros(size, np.uint8)
    written: list[list[tuple[PlacedGlyph, ...]]] = []
    pen, height = rng.uniform(0.06, 0.14), int(rng.integers(*hard.heights, endpoint=True))
    # Columns are further apart than the digits of one number.
    width = size[1] if columns == 1 else (size[1] - 2 * height) // 2
    count = min(
        int(rng.integers(1, hard.lines, endpoint=True)), int(0.8 * size[0] / (1.3 * height))
    )
    longest = min(10, int(0.9 * width / (1.2 * height)))
    if count < 1 or longest < 1:
        return coverage, ()
    for column in range(columns):
        texts = [
            "".join(rng.choice(list("0123456789"), int(rng.integers(1, longest, endpoint=True))))
            for _ in range(count)
        ]
        try:
            part, placed = scenes.place(
                texts, rng, (size[0], width), height, pen, touching=hard.touching
            )
        except InputError:
            return coverage, ()
        left = column * (size[1] - width)
        coverage[:, left : left + width] = part
        written.append(
            [
                tuple(
                    PlacedGlyph(glyph.label, (glyph.box[0] + left, *glyph.box[1:]))
                    for glyph in line
                )
                for line in placed
            ]
        )
    return coverage, tuple(line for row in zip(*written, strict=True) for line in row)


def _photographed(
    hard: Level, coverage: NDArray[np.uint8], at: camera.View, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Put ink on paper or chalk on a board, the sheet on a desk, and photograph it."""
    size = at.size
    sheet = scenes.paper(rng, size, rng.random() < hard.ruled, rng.uniform(*hard.rules))
    board = rng.random() < hard.board
    if board:
        sheet = _board(rng, size)
        chalk = rng.uniform(190, 250, 3).astype(np.float32)
        share = coverage[:, :, None] / np.float32(_FULL) * np.float32(rng.uniform(0.7, 0.95))
        sheet += (chalk - sheet) * share
    else:
        if rng.random() < hard.clutter:
            _show_through(sheet, rng)
        if rng.random() < hard.clutter:
            camera.litter(sheet, rng, coverage)
        weak = (coverage * rng.uniform(*hard.contrasts)).astype(np.uint8)
        scenes.stain(sheet, weak, hard.inks, rng)
    around = camera.desk(rng, size)
    if rng.random() >= hard.clutter:
        # The sheet goes on beyond the frame.
        around = np.broadcast_to(np.float32(np.median(sheet, axis=(0, 1))), sheet.shape)
    seen = camera.seen(sheet, around, at)
    if rng.random() < hard.clutter:
        _finger_beside(seen, coverage, at, rng)
    seen = seen * np.float32(rng.uniform(*hard.dims))
    if rng.random() < hard.shaded:
        seen *= scenes.light_on(rng, size)[:, :, None]
    return camera.photograph(
        seen,
        rng,
        blur=rng.uniform(*hard.blurs),
        noise=rng.uniform(*hard.noises),
        quality=int(rng.integers(*hard.qualities)),
    )


def _finger_beside(
    seen: Picture, coverage: NDArray[np.uint8], at: camera.View, rng: np.random.Generator
) -> None:
    """Lay a finger over the frame's rim unless it would cover writing."""
    covered = seen.copy()
    camera.finger(covered, rng)
    ink = cv2.warpPerspective(coverage, at.homography, at.size[::-1])
    near = cv2.dilate(ink, np.ones((9, 9), np.uint8)) > _FULL // 4
    if not (np.abs(covered - seen).max(axis=2)[near] > 4).any():
        seen[:] = covered


def _board(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """A black or green board with the clouds that wiping leaves."""
    colour = np.array([[65, 65, 65], [90, 115, 75], [60, 85, 60]][int(rng.integers(3))], np.float32)
    clouds = cv2.GaussianBlur(rng.standard_normal(size, np.float32), (0, 0), rng.uniform(15, 50))
    clouds = clouds * (rng.uniform(2, 7) / max(float(clouds.std()), 1e-6))
    return np.asarray(colour + clouds[:, :, None], np.float32)


def _show_through(sheet: Picture, rng: np.random.Generator) -> None:
    """What is written on the other side: mirrored, soft and faint, in place."""
    size = (sheet.shape[0], sheet.shape[1])
    text = "".join(rng.choice(list("0123456789"), int(rng.integers(2, 6))))
    height = int(rng.integers(30, min(size) // 6))
    behind, _ = scenes.place([text, text[::-1]], rng, size, height, 0.12)
    soft = cv2.GaussianBlur(behind[:, ::-1], (0, 0), rng.uniform(1.5, 3.0))
    sheet *= (1 - soft[:, :, None] / _FULL * rng.uniform(0.03, 0.09)).astype(np.float32)


def _table(coverage: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """An empty ruled table."""
    height, width = coverage.shape
    left, top = (int(v) for v in rng.uniform(0.1, 0.25, 2) * (width, height))
    right, bottom = (int(v) for v in rng.uniform(0.75, 0.9, 2) * (width, height))
    pen = int(rng.integers(1, 4))
    for x in np.linspace(left, right, int(rng.integers(3, 11))).astype(int):
        cv2.line(coverage, (x, top), (x, bottom), _FULL, pen, cv2.LINE_AA)
    for y in np.linspace(top, bottom, int(rng.integers(3, 11))).astype(int):
        cv2.line(coverage, (left, y), (right, y), _FULL, pen, cv2.LINE_AA)


def _scribble(coverage: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Waves, arrows and crossings out."""
    height, width = coverage.shape
    for _ in range(int(rng.integers(1, 4))):
        middle = rng.uniform(0.25, 0.75, 2) * (width, height)
        if rng.random() < 0.5:
            x = np.linspace(-0.2, 0.2, 80) * width
            y = np.sin(x / rng.uniform(4, 12)) * rng.uniform(4, 20)
            way = np.stack((x, y + rng.uniform(-0.2, 0.2) * x), 1) + middle
        else:
            way = middle + rng.normal(0, 0.09, (int(rng.integers(12, 30)), 2)) * (width, height)
        points = np.rint(way).astype(np.int32)
        cv2.polylines(coverage, [points], False, _FULL, int(rng.integers(2, 6)), cv2.LINE_AA)


def _letters(coverage: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """A few letters, by hand or in print."""
    height = int(rng.integers(24, 80))
    x, y = 40, int(rng.integers(30, coverage.shape[0] - 120))
    face = printed.HELD_OUT[int(rng.integers(len(printed.HELD_OUT)))]
    by_hand = rng.random() < 0.5
    for letter in rng.choice(list(_LETTERS), int(rng.integers(3, 8))).tolist():
        if by_hand:
            ink = synth.glyph(letter, rng, height=height)
        else:
            ink = printed.glyph(letter, face, rng, height=height)
        if x + ink.shape[1] > coverage.shape[1] - 40:
            break
        spot = coverage[y : y + ink.shape[0], x : x + ink.shape[1]]
        np.maximum(spot, ink, out=spot)
        x += ink.shape[1] + int(0.25 * height)
