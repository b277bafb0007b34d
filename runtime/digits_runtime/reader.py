"""`Reader`: a frame in, a `Reading` out."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink, lone, paper, pictures, rivals, turning
from digits_runtime.contract import DIGITS
from digits_runtime.page_network import PageNetwork
from digits_runtime.page_reading import PageReader, PageReading
from digits_runtime.pairs import PairNames
from digits_runtime.reading import Reading
from digits_runtime.session import BUNDLED, Provider, Session

Denoise = Literal["none", "median", "nlm"]

# Strength of non-local means, grey levels.
_NLM = 10
# Longer side, in pixels, at which pages are searched: larger frames shrink, thumbnails grow.
_WORKING_SIDE, _LEAST_SIDE = 1280, 112
# Where nothing is read, one glyph is a number if it is as high as this share of the picture's
# shorter side.
_LARGE = 0.25
# A page without a line but with so many pieces of ink is read again, as one in doubt is, its ink
# smoothed by these deviations, pixels of a page that is so many long: enough for a pencil's grain,
# and for noise.
_STREWN, _SMOOTHED, _LONG = 20, (1.25, 0.6), 640


class Reader:
    """Reads all numbers of a frame; of one in doubt, with a second look by the page network.

    Args:
        model: An ONNX file that keeps the contract, or its bytes; by default the bundled digits.
        provider: Where it must run.
        threads: Of the model.
        oriented: Turn pictures from files and bytes upright as their EXIF says.
        upside_down: The pages lie upside down: read them from the other side.
        denoise: Before anything else, take the median of 3x3 pixels, or average patches alike
            (non-local means, Buades et al. 2005; hundreds of times as slow).

    Raises:
        InputError: The model cannot be used, or not on this provider.
    """

    def __init__(
        self,
        model: Path | str | bytes = BUNDLED,
        *,
        provider: Provider = "auto",
        threads: int = 1,
        oriented: bool = True,
        upside_down: bool = False,
        denoise: Denoise = "none",
    ) -> None:
        self.oriented, self.upside_down, self.denoise = oriented, upside_down, denoise
        self.session = Session(model, provider=provider, threads=threads)
        contract = self.session.contract
        # Both networks know digits; other glyphs they would take for none, or for several.
        fits = contract.rejects and contract.labels == DIGITS
        network = PageNetwork(provider=provider, threads=threads) if fits else None
        pairs = PairNames(provider=provider, threads=threads) if fits else None
        self.pages = PageReader(self.session, network, pairs)

    def read(
        self,
        frame: NDArray[np.uint8] | Path | str | bytes,
        *,
        source: str = "",
        number: int = 0,
        captured: float | None = None,
    ) -> Reading:
        """Read one frame.

        Args:
            frame: uint8 `[h, w]` grey or `[h, w, 3]` BGR; or a picture's path or encoded bytes.
            source: Where the frame came from, for the record.
            number: Its number there.
            captured: When it was captured, seconds since the epoch.

        Raises:
            InputError: The picture is missing or does not decode, or the array is of no such kind.
        """
        started = time.perf_counter()
        if isinstance(frame, str | Path):
            source = source or str(frame)
            picture = pictures.load(Path(frame), oriented=self.oriented)
        elif isinstance(frame, bytes):
            name = source or "the picture"
            picture = pictures.decode(frame, name, oriented=self.oriented)
        else:
            picture = frame
        decoded = time.perf_counter()
        ink.check_frame(picture)
        if self.upside_down:
            picture = picture[::-1, ::-1]
        told = self._page(picture)
        named, confidences, grid = told.lines, told.confidences, told.grid
        if self.upside_down:
            named = [turning.turned_round(line, picture.shape) for line in named]
            grid = grid and tuple(
                tuple(turning.turned_round(cell, picture.shape) for cell in row) for row in grid
            )
        now = time.time()
        return Reading(
            lines=tuple(line for line in named if line),
            grid=grid,
            confidences=confidences,
            source=source,
            frame=number,
            time=captured,
            age=None if captured is None else now - captured,
            durations={"decode": 1e3 * (decoded - started), **told.durations},
        )

    def _page(self, picture: NDArray[np.uint8]) -> PageReading:
        """Read a page; where something is in doubt, or nothing is for sure, in other ways, too.

        What a page holds looked at the wrong way is a lone digit at most.
        """
        started = time.perf_counter()
        shrunk, scale = _shrunk(picture, self.denoise)
        polarity = paper.judge_polarity(shrunk)
        inked = paper.find_ink(ink.to_grey(shrunk, polarity), polarity)
        spent = 1e3 * (time.perf_counter() - started)
        told = self.pages.read(picture, inked, scale)
        told.durations["find"] += spent
        if rivals.doubted_grid(told):
            lines = self.pages.read(picture, inked, scale, least=rivals.NUMBER)
            told = rivals.grid_or_lines(told, lines)
        told = self._smoothed(told, picture, inked, scale)
        if told.grid is not None or rivals.surely_written(told):
            return told
        if not told.lines and (alone := lone.read(picture, self.session)) is not None:
            return replace(told, lines=[(alone[0],)], confidences=(alone[1],))
        if told.left_out and not told.lines:
            other = self.pages.read(picture, inked, scale, faint=True, least=rivals.NUMBER)
            told = rivals.rather(told, other)
        if told.candidates and not rivals.may_be_a_number(told):
            started = time.perf_counter()
            polarity = "dark" if polarity == "bright" else "bright"
            inked = paper.find_ink(ink.to_grey(shrunk, polarity), polarity)
            told.durations["find"] += 1e3 * (time.perf_counter() - started)
            least = rivals.NUMBER if told.lines else 1
            other = self.pages.read(picture, inked, scale, least=least)
            told = rivals.rather(told, other, _LARGE * min(picture.shape[:2]))
        return told

    def _smoothed(
        self, told: PageReading, picture: NDArray[np.uint8], inked: ink.Grey, scale: float
    ) -> PageReading:
        """A reading, or where it is in doubt one of the ink smoothed, if more of that is sure.

        A pencil's grain parts strokes, and noise their edges: smoothed they are whole.
        """
        strewn = not told.lines and told.candidates >= _STREWN
        for deviation in _SMOOTHED:
            if told.grid is not None or not (strewn or rivals.doubted(told)):
                return told
            strewn = False
            started = time.perf_counter()
            breadth = deviation * max(inked.shape) / _LONG
            smooth = ink.as_grey(cv2.GaussianBlur(inked, (0, 0), breadth))
            told.durations["find"] += 1e3 * (time.perf_counter() - started)
            if told.lines:
                told = rivals.surer(told, self.pages.read(picture, smooth, scale))
            else:
                other = self.pages.read(picture, smooth, scale, least=rivals.NUMBER)
                told = rivals.rather(told, other)
        return told


def _shrunk(picture: NDArray[np.uint8], denoise: Denoise) -> tuple[NDArray[np.uint8], float]:
    """A picture at the size at which it is searched, and how many of its pixels one there is."""
    longer = max(picture.shape[:2])
    scale = longer / min(max(longer, _LEAST_SIDE), _WORKING_SIDE)
    if scale != 1:
        height, width = (max(1, round(side / scale)) for side in picture.shape[:2])
        size = (width, height)
        kernel = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, size, interpolation=kernel), np.uint8)
    if denoise == "median":
        picture = np.asarray(cv2.medianBlur(picture, 3), np.uint8)
    elif denoise == "nlm":
        picture = np.asarray(cv2.fastNlMeansDenoising(picture, None, _NLM), np.uint8)
    return picture, scale
