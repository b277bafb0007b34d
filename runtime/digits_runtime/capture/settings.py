"""What is asked of a camera, and what is done to each of its pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError

Rotation = Literal[0, 90, 180, 270]

# What a camera is asked for where the user asks for nothing.
USUAL_SIZE, USUAL_RATE = (640, 480), 30.0

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_LONGEST_SIDE = 16_384


@dataclass(frozen=True, slots=True)
class Settings:
    """How a source is opened and its pictures are cut.

    Attributes:
        size: Width and height to ask the camera for, in pixels; it gives the nearest it has. For
            raw standard input, what it is.
        rate: Frames a second to ask for.
        pixel_format: Four characters, as the camera names them (`MJPG`, `YUYV`); for raw standard
            input one of `pipes.RAW`.
        rotate: Degrees clockwise.
        crop: x, y, width and height in pixels of the picture as the camera gives it.
        timeout: Seconds of silence after which a live source counts as lost.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    pixel_format: str | None = None
    rotate: Rotation = 0
    crop: tuple[int, int, int, int] | None = None
    timeout: float = 5.0

    def fit(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cut and turn a picture `[h, w, 3]`; a view of it where nothing is turned.

        Raises:
            InputError: The region to cut out lies outside the picture.
        """
        if self.crop is not None:
            x, y, width, height = self.crop
            part = image[y : y + height, x : x + width]
            if part.shape[:2] != (height, width):
                raise InputError(
                    f"the crop {x},{y},{width},{height} is not inside the picture, which is "
                    f"{image.shape[1]}x{image.shape[0]}; give x,y,width,height within it"
                )
            image = part
        if self.rotate:
            image = np.asarray(cv2.rotate(image, _TURNS[self.rotate]), np.uint8)
        return image


def parse_size(text: str) -> tuple[int, int]:
    """Read `640x480`.

    Raises:
        InputError: It is no size.
    """
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    if match is not None:
        width, height = int(match[1]), int(match[2])
        if 0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE:
            return width, height
    raise InputError(f"{text!r} is no size; give width x height in pixels, such as 640x480")


def parse_rotation(degrees: int) -> Rotation:
    """Check that a picture can be turned so.

    Raises:
        InputError: It can only be turned by right angles.
    """
    for rotation in get_args(Rotation):
        if degrees == rotation:
            return rotation  # type: ignore[no-any-return]
    raise InputError(f"a picture can be turned by 0, 90, 180 or 270 degrees, not by {degrees}")


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """Read `x,y,width,height`.

    Raises:
        InputError: It is no region.
    """
    match = re.fullmatch(r"(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})", text.replace(" ", ""))
    if match is not None:
        x, y, width, height = (int(number) for number in match.groups())
        if width and height:
            return x, y, width, height
    raise InputError(f"{text!r} is no region; give x,y,width,height in pixels, such as 0,0,320,240")
