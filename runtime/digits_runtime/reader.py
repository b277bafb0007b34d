"""`Reader`: a frame in, a `Reading` out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink, page, pictures
from digits_runtime.page import Candidate
from digits_runtime.reading import UNCERTAIN, Glyph, Reading
from digits_runtime.session import BUNDLED, Provider, Session

# Longer side, in pixels, at which pages are searched: larger frames shrink, thumbnails grow.
_WORKING_SIDE, _LEAST_SIDE = 1280, 112
# From this probability on, "not a glyph" means it.
_SURELY_NONE = 0.9
# A glyph that goes on beyond the frame has fellows at most this much taller or shorter.
_ALIKE = 1.6


class Reader:
    """Reads all numbers of a frame with one run of one model.

    Args:
        model: An ONNX file that keeps the contract, or its bytes; by default the bundled digits.
        provider: Where it must run.
        threads: Of the model.

    Raises:
        InputError: The model cannot be used, or not on this provider.
    """

    def __init__(
        self, model: Path | str | bytes = BUNDLED, *, provider: Provider = "auto", threads: int = 1
    ) -> None:
        self.session = Session(model, provider=provider, threads=threads)

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
            picture = pictures.load(Path(frame))
        elif isinstance(frame, bytes):
            picture = pictures.decode(frame, source or "the picture")
        else:
            picture = frame
        decoded = time.perf_counter()
        lines, scale = _find(picture)
        found = time.perf_counter()
        spec = self.session.contract.ink
        candidates = [candidate for line in lines for candidate in line]
        glyphs = np.zeros((len(candidates), 1, spec.size, spec.size), np.uint8)
        for glyph, candidate in zip(glyphs, candidates, strict=True):
            glyph[0] = ink.normalise(candidate.ink, spec)
        normalised = time.perf_counter()
        rows = iter(self.session.probabilities(glyphs))
        classified = time.perf_counter()
        named = [self._name(line, [next(rows) for _ in line], scale) for line in lines]
        now = time.time()
        return Reading(
            lines=tuple(line for line in named if line),
            source=source,
            frame=number,
            time=captured,
            age=None if captured is None else now - captured,
            durations={
                "decode": 1e3 * (decoded - started),
                "find": 1e3 * (found - decoded),
                "normalise": 1e3 * (normalised - found),
                "classify": 1e3 * (classified - normalised),
            },
        )

    def _name(
        self, line: Sequence[Candidate], rows: Sequence[NDArray[np.float32]], scale: float
    ) -> tuple[Glyph, ...]:
        """Name the glyphs of a line; empty if it is no writing.

        A doubtful glyph becomes `?` and stays, since a number short of a digit is another number.
        What is surely no glyph goes from the ends of a line, but within it stays as `?` too.
        """
        contract = self.session.contract
        tall = float(
            np.median([candidate.box[3] for candidate in line if not candidate.cut] or [0])
        )
        glyphs, none = [], []
        for candidate, row in zip(line, rows, strict=True):
            best = int(row[: len(contract.labels)].argmax())
            probability = float(row[best])
            sure = probability >= contract.threshold and not candidate.cut
            glyphs.append(
                Glyph(
                    contract.labels[best] if sure else UNCERTAIN,
                    probability,
                    _in_frame(candidate.box, scale),
                )
            )
            height = candidate.box[3]
            stray = candidate.cut and not tall / _ALIKE <= height <= tall * _ALIKE
            none.append(stray or (contract.rejects and float(row[-1]) >= _SURELY_NONE))
        kept = [index for index, empty in enumerate(none) if not empty]
        if not kept:
            return ()
        whole = glyphs[kept[0] : kept[-1] + 1]
        known = sum(glyph.label != UNCERTAIN for glyph in whole)
        return tuple(whole) if 2 * known >= len(whole) else ()


def _find(picture: NDArray[np.uint8]) -> tuple[list[list[Candidate]], float]:
    """Candidates of a picture, and how many frame pixels one of theirs is."""
    ink.check_frame(picture)
    longer = max(picture.shape[:2])
    scale = longer / min(max(longer, _LEAST_SIDE), _WORKING_SIDE)
    if scale != 1:
        height, width = (max(1, round(side / scale)) for side in picture.shape[:2])
        size = (width, height)
        kernel = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
        picture = np.asarray(cv2.resize(picture, size, interpolation=kernel), np.uint8)
    polarity = ink.guess_polarity(picture)
    return page.find_lines(ink.find_ink(ink.to_grey(picture, polarity), polarity)), scale


def _in_frame(box: tuple[int, int, int, int], scale: float) -> tuple[int, int, int, int]:
    x, y, width, height = (round(value * scale) for value in box)
    return x, y, width, height
