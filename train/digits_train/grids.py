"""Photographed sudoku pages and tables, printed and filled in by hand, with every cell's truth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_train import camera, printed, scenes, synth
from digits_train.camera import Picture
from digits_train.scenes import PlacedGlyph, Scene
from digits_train.strokes import render

_FULL = 255
_INKS = np.array([(40, 32, 30), (140, 60, 30), (45, 35, 175), (88, 86, 84)], np.float32)
_PRINTS = np.array([(30, 30, 30), (60, 60, 60), (90, 90, 90)], np.float32)
# Sheets and frames as a phone holds them: upright or across.
_SIZES = ((1280, 960), (960, 1280), (1000, 1000), (480, 640))


def grid(seed: int) -> Scene:
    """Photograph a page with one ruled grid.

    Two of three are sudokus of nine by nine with their boxes ruled thicker; the others are tables
    of 3 to 10 rows and columns. Some digits are printed, some written, some cells empty; there is
    text around the grid, the paper bends, and the camera looks from where it likes.

    Returns:
        The scene, of which `grid` holds the rows, `0` for an empty cell.
    """
    rng = np.random.default_rng((7, seed))
    size = _SIZES[int(rng.choice(len(_SIZES), p=[0.4, 0.2, 0.25, 0.15]))]
    sudoku = rng.random() < 2 / 3
    rows, columns = (9, 9) if sudoku else (int(v) for v in rng.integers(3, 11, 2))
    share = rng.uniform(0.65, 0.92)
    cell_w = share * size[1] / columns
    cell_h = share * size[0] / rows
    if sudoku or rng.random() < 0.5:
        cell_w = cell_h = min(cell_w, cell_h)
    cell_w = min(cell_w, 2.5 * cell_h)
    cell_h = min(cell_h, 1.6 * cell_w)
    cell = np.array([cell_w, cell_h])
    whole = cell * (columns, rows)
    origin = np.array([rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)]) * (
        np.array([size[1], size[0]]) - whole
    )
    white = scenes.paper(rng, size, ruled=False) * np.float32(rng.uniform(0.75, 1.0))
    lines = _rules(rng, size, origin, cell, (rows, columns), boxes=sudoku)
    _stain(white, lines, _PRINTS[rng.integers(3)], rng.uniform(0.6, 1.0))
    if sudoku and rng.random() < 0.15:
        _shade(white, origin, cell)
    cells, placed = _fill(white, rng, origin, cell, (rows, columns))
    if rng.random() < 0.6:
        _text_around(white, rng, origin, whole)
    _bend(white, rng)
    at = camera.view(rng, size, turn=rng.choice([3.0, 12.0]), tilt=rng.choice([0.02, 0.08]))
    corners = origin + np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * whole
    seen = at.of_points(corners)
    margin = 0.02 * min(size)
    if seen.min() < margin or (seen > np.array([size[1], size[0]]) - margin).any():
        # Step back until all of the grid is in the frame.
        back = camera.view(rng, size, turn=3.0, tilt=0.02, zoom=0.85)
        at = camera.View(back.homography, size)
    frame = camera.seen(white, camera.desk(rng, size), at)
    frame = frame * scenes.light_on(rng, size)[:, :, None] * np.float32(rng.uniform(0.6, 1.0))
    picture = camera.photograph(
        frame,
        rng,
        blur=rng.uniform(0.4, 1.5) * min(size) / 960,
        noise=rng.uniform(1, 7),
        quality=int(rng.integers(50, 95)),
    )
    framed = tuple(
        tuple(PlacedGlyph(glyph.label, at.of_box(glyph.box)) for glyph in line) for line in placed
    )
    return Scene(picture, framed, tuple("".join(row) for row in cells))


def _rules(
    rng: np.random.Generator,
    size: tuple[int, int],
    origin: NDArray[np.float64],
    cell: NDArray[np.float64],
    shape: tuple[int, int],
    *,
    boxes: bool,
) -> NDArray[np.uint8]:
    """The ruled lines: uint8 coverage."""
    sheet = np.zeros(size, np.uint8)
    thin = max(1, round(float(cell.min()) * rng.uniform(0.01, 0.04)))
    thick = max(thin + 1, round(thin * rng.uniform(1.5, 3.0)))
    faint = int(rng.uniform(110, 255))
    for axis, count in ((0, shape[1]), (1, shape[0])):
        for number in sorted(range(count + 1), key=lambda n: n % 3 == 0 or n == count):
            bold = number in (0, count) or (boxes and number % 3 == 0)
            start = origin.copy()
            start[axis] += number * cell[axis]
            end = start.copy()
            end[1 - axis] += shape[axis] * cell[1 - axis]
            ends = np.rint(np.stack((start, end))).astype(int).tolist()
            cv2.line(sheet, ends[0], ends[1], _FULL if bold else faint, thick if bold else thin)
    return sheet


def _fill(
    page: Picture,
    rng: np.random.Generator,
    origin: NDArray[np.float64],
    cell: NDArray[np.float64],
    shape: tuple[int, int],
) -> tuple[list[list[str]], list[tuple[PlacedGlyph, ...]]]:
    """Print and write digits into cells, in place: each cell's truth, and the glyphs by row."""
    print_in = _PRINTS[rng.integers(2)]
    write_in = _INKS[rng.integers(len(_INKS))] * rng.uniform(0.8, 1.1)
    face = printed.HELD_OUT[int(rng.integers(len(printed.HELD_OUT)))]
    of_print = rng.choice([0.0, 0.35, 0.6, 1.0], p=[0.15, 0.35, 0.3, 0.2])
    filled = rng.uniform(0.3, 1.0)
    tall = float(cell[1]) * rng.uniform(0.5, 0.72)
    cells: list[list[str]] = []
    placed = []
    for row in range(shape[0]):
        line, texts = [], []
        for column in range(shape[1]):
            if rng.random() > filled:
                texts.append("0")
                continue
            label = str(rng.integers(1, 10))
            by_hand = rng.random() >= of_print
            if by_hand:
                height = max(12, round(tall * rng.uniform(0.8, 1.15)))
                pen = rng.uniform(0.06, 0.12)
                ink = render(synth.draw(label, rng), height=height, pen=pen, margin=0, rng=rng)
                wander = rng.normal(0, 0.05, 2)
            else:
                ink = printed.glyph(label, face, rng, height=max(12, round(tall)))[2:-2, 2:-2]
                wander = rng.normal(0, 0.01, 2)
            middle = origin + (np.array([column, row]) + 0.5 + wander) * cell
            x, y = (int(v) for v in middle - np.array(ink.shape[::-1]) / 2)
            spot = page[y : y + ink.shape[0], x : x + ink.shape[1]]
            share = (ink / _FULL * (rng.uniform(0.8, 1.0) if by_hand else 1.0))[:, :, None]
            spot += ((write_in if by_hand else print_in) - spot) * share.astype(np.float32)
            line.append(PlacedGlyph(label, (x, y, ink.shape[1], ink.shape[0])))
            texts.append(label)
        cells.append(texts)
        placed.append(tuple(line))
    return cells, placed


def _stain(
    page: Picture, coverage: NDArray[np.uint8], ink: NDArray[np.float32], strength: float
) -> None:
    page += (ink - page) * (coverage[:, :, None] / np.float32(_FULL) * np.float32(strength))


def _shade(page: Picture, origin: NDArray[np.float64], cell: NDArray[np.float64]) -> None:
    """Grey every other box of a sudoku, in place."""
    for box in range(1, 9, 2):
        left, top = (int(v) for v in origin + np.array([box % 3, box // 3]) * 3 * cell)
        width, height = (int(v) for v in 3 * cell)
        page[top : top + height, left : left + width] *= 0.87


def _text_around(
    page: Picture,
    rng: np.random.Generator,
    origin: NDArray[np.float64],
    whole: NDArray[np.float64],
) -> None:
    """Print words above and below the grid, in place."""
    height = max(10, round(page.shape[0] * rng.uniform(0.012, 0.03)))
    face = printed.HELD_OUT[int(rng.integers(len(printed.HELD_OUT)))]
    above, below = float(origin[1]) - 2.2 * height, float((origin + whole)[1]) + 1.2 * height
    for top in (above, below):
        if not 4 < top < page.shape[0] - 2 * height:
            continue
        x = int(rng.uniform(0.05, 0.3) * page.shape[1])
        for letter in rng.choice(list(synth.LABELS + "    "), int(rng.integers(6, 30))).tolist():
            if letter != " ":
                ink = printed.glyph(letter, face, rng, height=height)
                if x + ink.shape[1] > page.shape[1] - 4:
                    break
                spot = page[int(top) : int(top) + ink.shape[0], x : x + ink.shape[1]]
                spot *= 1 - 0.85 * ink[:, :, None].astype(np.float32) / _FULL
            x += int(0.75 * height)


def _bend(page: Picture, rng: np.random.Generator) -> None:
    """Bend or crumple the paper a little, in place: its lines become arcs or waves."""
    height, width = page.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pace = rng.uniform(2, 9, 2)
    # The shorter the waves, the shallower.
    reach = rng.uniform(0, 0.01, 2) * min(height, width) * np.minimum(4 / pace, 1)
    phase = rng.uniform(0, 6.3, 2)
    moved_x = x + reach[0] * np.sin(pace[0] * y / height + phase[0] + 0.8 * x / width)
    moved_y = y + reach[1] * np.sin(pace[1] * x / width + phase[1] + 0.8 * y / height)
    page[:] = cv2.remap(
        page,
        moved_x.astype(np.float32),
        moved_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
