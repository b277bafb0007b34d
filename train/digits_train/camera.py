"""What stands between a sheet of paper and its picture: the desk, the angle, hands, the camera."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]  # [h, w, 3] BGR, 0 to 255

_FULL = 255


@dataclass(frozen=True)
class View:
    """From where a sheet is seen.

    Attributes:
        homography: float64 `[3, 3]`, sheet pixels to frame pixels.
        size: Height and width of the frame.
    """

    homography: NDArray[np.float64]
    size: tuple[int, int]

    def of_box(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """The upright box around where a box of the sheet comes to lie."""
        x, y, w, h = box
        corners = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float64)
        seen = self.of_points(corners)
        low, high = np.floor(seen.min(axis=0)).astype(int), np.ceil(seen.max(axis=0)).astype(int)
        return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])

    def of_points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points `[n, 2]` of the sheet come to lie."""
        seen = np.column_stack((points, np.ones(len(points)))) @ self.homography.T
        return np.asarray(seen[:, :2] / seen[:, 2:])

    def shows(self, box: tuple[int, int, int, int]) -> bool:
        """Whether a box of the sheet is in the frame whole, two pixels from its border at least."""
        x, y, w, h = self.of_box(box)
        return x >= 2 and y >= 2 and x + w <= self.size[1] - 2 and y + h <= self.size[0] - 2


def view(
    rng: np.random.Generator, size: tuple[int, int], *, turn: float, tilt: float, zoom: float = 1.0
) -> View:
    """Look at a sheet of the frame's own size, turned and tilted at random.

    Args:
        rng: Decides the angles.
        size: Height and width of the frame in pixels.
        turn: The most it is turned, degrees either way.
        tilt: The most a corner moves in perspective, as a share of the frame's sides.
        zoom: Pixels of the frame for one of the sheet.
    """
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    middle = np.array([width / 2, height / 2])
    angle = np.deg2rad(rng.uniform(-turn, turn))
    spin = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved = (corners - middle) * zoom * (1 + rng.uniform(-tilt, tilt, (4, 2)))
    moved = moved @ spin + middle
    homography = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return View(np.asarray(homography, np.float64), size)


def seen(sheet: Picture, desk: Picture, at: View) -> Picture:
    """The sheet on the desk, from a view; float32 `[h, w, 3]`."""
    size = at.size[::-1]
    framed = cv2.warpPerspective(sheet, at.homography, size, flags=cv2.INTER_LINEAR)
    whole = np.ones(sheet.shape[:2], np.float32)
    inside = cv2.warpPerspective(whole, at.homography, size, flags=cv2.INTER_LINEAR)
    return np.asarray(framed + desk * (1 - inside[:, :, None]), np.float32)


def desk(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    """What a sheet lies on: a dark or a light table, plain or of wood."""
    colour = np.array([rng.uniform(30, 150), rng.uniform(40, 170), rng.uniform(60, 200)])
    along, across = rng.uniform(3, 40), rng.uniform(1, 3)
    noise = rng.standard_normal(size, np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), sigmaX=along, sigmaY=across)
    grain = grain * (rng.uniform(0.0, 0.15) / max(float(grain.std()), 1e-6))
    return np.asarray(np.clip(colour * (1 + grain[:, :, None]), 5, 250), np.float32)


def finger(page: Picture, rng: np.random.Generator) -> None:
    """Lay a finger over the frame's rim, its shadow beside it, in place."""
    height, width = page.shape[:2]
    side = int(rng.integers(4))
    along = rng.uniform(0.1, 0.9)
    tip = np.array([along * width, rng.uniform(0.88, 0.95) * height])
    root = tip + np.array([rng.uniform(-0.1, 0.1) * width, 0.4 * height])
    if side == 1:
        tip[1], root[1] = height - tip[1], height - root[1]
    elif side > 1:
        tip = np.array([rng.uniform(0.9, 0.96) * width, along * height])
        root = tip + np.array([0.4 * width, rng.uniform(-0.1, 0.1) * height])
        if side == 3:
            tip[0], root[0] = width - tip[0], width - root[0]
    thick = int(rng.uniform(0.07, 0.12) * height)
    skin = np.array([90, 120, 180]) * rng.uniform(0.5, 1.2)
    ends = [tuple(int(v) for v in point) for point in (tip, root)]
    shape = np.zeros(page.shape[:2], np.uint8)
    cv2.line(shape, ends[0], ends[1], _FULL, thick, cv2.LINE_AA)
    shadow = cv2.GaussianBlur(np.roll(shape, 6, axis=(0, 1)), (0, 0), 5)[:, :, None] / 255
    page *= (1 - 0.3 * shadow).astype(np.float32)
    cover = (cv2.GaussianBlur(shape, (0, 0), 1.5)[:, :, None] / 255).astype(np.float32)
    page += (skin.astype(np.float32) - page) * cover


def litter(page: Picture, rng: np.random.Generator, clear: NDArray[np.uint8]) -> None:
    """Specks, blots, hairs and a staple on a sheet, away from what is written, in place.

    Args:
        page: The sheet.
        rng: Decides.
        clear: uint8 `[h, w]`, not 0 where nothing may lie.
    """
    height, width = page.shape[:2]
    litter = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 12))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        kind = rng.random()
        if kind < 0.7:
            axes = tuple(int(v) for v in rng.integers(1, 4, 2))
            cv2.ellipse(litter, (x, y), axes, rng.uniform(0, 180), 0, 360, _FULL, -1, cv2.LINE_AA)
        elif kind < 0.9:
            turns = np.cumsum(rng.normal(0, 0.25, 24)) + rng.uniform(0, 6.3)
            steps = np.stack((np.cos(turns), np.sin(turns)), 1) * rng.uniform(1, 3)
            way = np.cumsum(steps, axis=0)
            hair = np.rint(way + np.array([x, y])).astype(np.int32)
            cv2.polylines(litter, [hair], False, 160, 1, cv2.LINE_AA)
        else:
            reach = int(rng.integers(8, 24))
            end = (x + reach, y + int(rng.integers(-6, 7)))
            cv2.line(litter, (x, y), end, _FULL, int(rng.integers(2, 4)), cv2.LINE_AA)
    litter[cv2.dilate(clear, np.ones((31, 31), np.uint8)) > 0] = 0
    share = (litter[:, :, None] / _FULL * rng.uniform(0.4, 0.9)).astype(np.float32)
    page += (np.float32(50) - page) * share


def blocky(frame: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """A frame as a JPEG of this quality shows it."""
    packed = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def photograph(
    page: Picture, rng: np.random.Generator, *, blur: float, noise: float, quality: int
) -> NDArray[np.uint8]:
    """See a lit page through a camera.

    Args:
        page: float32 `[h, w, 3]` BGR, 0 to 255.
        rng: Decides the noise.
        blur: Sigma of the lens, in pixels.
        noise: Deviation of the sensor, in grey levels.
        quality: Of the JPEG.
    """
    blurred = cv2.GaussianBlur(page, (0, 0), blur) if blur > 0 else page
    grain = rng.standard_normal(page.shape, np.float32) * np.float32(noise)
    return blocky(np.clip(np.rint(blurred + grain), 0, _FULL).astype(np.uint8), quality)
