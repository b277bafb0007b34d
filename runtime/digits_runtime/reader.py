"""`Reader`: a frame in, a `Reading` out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import alike, ink, layout, lone, page, paper, pictures, turning, verdicts
from digits_runtime.contract import DIGITS
from digits_runtime.doubts import LOOKS, agreed, looks
from digits_runtime.edges import off_the_sheet, without_edges
from digits_runtime.naming import name_cell, name_lines
from digits_runtime.page import Candidate
from digits_runtime.page_network import PageNetwork
from digits_runtime.reading import Cells, Reading
from digits_runtime.session import BUNDLED, Provider, Session
from digits_runtime.sightings import joined, weighed
from digits_runtime.touching import Scissors

Denoise = Literal["none", "median", "nlm"]

# Strength of non-local means, grey levels.
_NLM = 10
# Longer side, in pixels, at which pages are searched: larger frames shrink, thumbnails grow.
_WORKING_SIDE, _LEAST_SIDE = 1280, 112
# So many glyphs without a sure name are looked at again.
_MOST_DOUBTS = 24


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
        # The network knows digits; other glyphs it would take for none, or for several.
        fits = contract.rejects and contract.labels == DIGITS
        self.network = PageNetwork(provider=provider, threads=threads) if fits else None

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
        inked, scale = _inked(picture, self.denoise)
        found = page.find_page(inked)
        searched = time.perf_counter()
        contract = self.session.contract
        glyphs = page.model_input(found.candidates, contract.ink)
        normalised = time.perf_counter()
        rows = self.session.probabilities(glyphs)
        classified = time.perf_counter()
        turns = 0
        if found.cells is not None:
            turns, rows = turning.upright(glyphs, rows, self.session)
            if not verdicts.filled_in(rows, contract):
                turns, found = 0, page.find_page(inked, grids=False)
                glyphs, rows = self._told(found.candidates)
        if found.cells is None and verdicts.strewn(rows, contract):
            stronger = page.find_page(inked, grids=False, strewn=True)
            again = self._told(stronger.candidates)
            if verdicts.sure(again[1], contract).any():
                lost = verdicts.lost(
                    found.candidates, rows, stronger.candidates, again[1], contract
                )
                found = page.with_more(stronger, lost)
                before, (glyphs, rows) = stronger.candidates, again
                glyphs, rows = self._anew(found.candidates, before, glyphs, rows)
        scissors = Scissors(self.session)
        if self.network is not None and found.cells is None and verdicts.in_doubt(rows, contract):
            found, glyphs, rows, parents = self._cut(found, glyphs, rows, scissors)
            before = found.candidates
            found = joined(found, inked, self.network.look(inked), parents)
            glyphs, rows = self._anew(found.candidates, before, glyphs, rows)
        looked = time.perf_counter()
        candidates = found.candidates
        rows = self._hinted(candidates, self._looked_twice(candidates, rows))
        if self.network is not None:
            rows = alike.settled(rows, glyphs, len(contract.labels), contract.threshold)
        groups = found.groups
        each = iter(rows)
        parts = [[next(each) for _ in group] for group in groups]
        grid: Cells | None = None
        confidences: tuple[float, ...] = ()
        if found.cells is None:
            each_line = [
                [
                    named
                    for unit in line
                    for named in unit
                    if not _off_the_sheet(named[0], picture, scale)
                ]
                for line in scissors.apart(groups, parts)
            ]
            groups = [[glyph for glyph, _ in line] for line in each_line]
            parts = [[row for _, row in line] for line in each_line]
            told = [
                (tuple(left), sure)
                for glyphs, sure in name_lines(groups, parts, contract, scale)
                if (left := without_edges(picture, glyphs))
            ]
            if not told and (alone := lone.read(picture, self.session)) is not None:
                told = [((alone[0],), alone[1])]
            named, confidences = [line for line, _ in told], tuple(sure for _, sure in told)
        else:
            named = [
                name_cell(cell, part, contract, scale)
                for cell, part in zip(groups, parts, strict=True)
            ]
            columns = len(found.cells[0])
            cells = [named[start : start + columns] for start in range(0, len(named), columns)]
            grid = turning.turned_cells(cells, turns)
            named = [tuple(glyph for cell in row for glyph in cell) for row in grid]
        if self.upside_down:
            named = [turning.turned_round(line, picture.shape) for line in named]
            grid = grid and tuple(
                tuple(turning.turned_round(cell, picture.shape) for cell in row) for row in grid
            )
        named_at = time.perf_counter()
        now = time.time()
        return Reading(
            lines=tuple(line for line in named if line),
            grid=grid,
            confidences=confidences,
            source=source,
            frame=number,
            time=captured,
            age=None if captured is None else now - captured,
            durations={
                "decode": 1e3 * (decoded - started),
                "find": 1e3 * (searched - decoded),
                "normalise": 1e3 * (normalised - searched),
                "classify": 1e3 * (classified - normalised + named_at - looked),
                "look": 1e3 * (looked - classified),
            },
        )

    def _cut(
        self,
        found: page.Page,
        glyphs: NDArray[np.uint8],
        rows: NDArray[np.float32],
        scissors: Scissors,
    ) -> tuple[page.Page, NDArray[np.uint8], NDArray[np.float32], dict[int, int]]:
        """Take a page's touching glyphs apart; of two the network often sees but one.

        Returns:
            The page, its glyphs and their probabilities; and of each piece, by the identity of its
            ink, that of what it was cut from.
        """
        each = iter(rows)
        parts = [[next(each) for _ in line] for line in found.lines]
        lines = scissors.apart(found.lines, parts)
        parents = {
            id(piece.ink): id(whole.ink)
            for line, units in zip(found.lines, lines, strict=True)
            for whole, unit in zip(line, units, strict=True)
            for piece, _ in unit
            if len(unit) > 1
        }
        apart = page.Page([[piece for unit in line for piece, _ in unit] for line in lines])
        return apart, *self._anew(apart.candidates, found.candidates, glyphs, rows), parents

    def _anew(
        self,
        candidates: Sequence[Candidate],
        before: Sequence[Candidate],
        glyphs: NDArray[np.uint8],
        rows: NDArray[np.float32],
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Glyphs and probabilities of candidates, taken over from those that were known before."""
        held = {id(candidate.ink): number for number, candidate in enumerate(before)}
        places = [held.get(id(candidate.ink), -1) for candidate in candidates]
        new = [candidate for candidate, at in zip(candidates, places, strict=True) if at < 0]
        drawn, told = self._told(new)
        glyphs, rows = np.concatenate((glyphs, drawn)), np.concatenate((rows, told))
        fresh = iter(range(len(before), len(glyphs)))
        order = [at if at >= 0 else next(fresh) for at in places]
        return glyphs[order], rows[order]

    def _told(
        self, candidates: Sequence[Candidate]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Candidates as the model sees them, and what it says of them."""
        glyphs = page.model_input(candidates, self.session.contract.ink)
        return glyphs, self.session.probabilities(glyphs)

    def _looked_twice(
        self, candidates: Sequence[Candidate], rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Look again at the glyphs that have no sure name, but are not surely none."""
        contract = self.session.contract
        best = rows[:, : len(contract.labels)].max(axis=1)
        none = rows[:, -1] if contract.rejects else np.zeros(len(rows))
        doubtful = np.flatnonzero((best < contract.threshold) & (none < 0.5))[:_MOST_DOUBTS]
        if len(doubtful) == 0:
            return rows
        seen = np.concatenate([looks(candidates[i].ink, contract.ink) for i in doubtful.tolist()])
        told = self.session.probabilities(seen).reshape(len(doubtful), LOOKS, -1)
        rows = rows.copy()
        for index, again in zip(doubtful.tolist(), told, strict=True):
            rows[index] = agreed([rows[index], *again])
        return rows

    def _hinted(
        self, candidates: Sequence[Candidate], rows: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Join what the model says of glyphs and what the page network says of them."""
        asked = {n: c.hint for n, c in enumerate(candidates) if c.hint is not None}
        if asked:
            rows = rows.copy()
            hints = np.stack(list(asked.values()))
            rows[list(asked)] = weighed(rows[list(asked)], hints, self.session.contract.threshold)
        return rows


def _off_the_sheet(candidate: Candidate, picture: NDArray[np.uint8], scale: float) -> bool:
    return candidate.cut and off_the_sheet(picture, layout.scaled(candidate.box, scale))


def _inked(picture: NDArray[np.uint8], denoise: Denoise) -> tuple[ink.Grey, float]:
    """The ink of a picture, and how many frame pixels one of its pixels is."""
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
    polarity = paper.guess_polarity(picture)
    return paper.find_ink(ink.to_grey(picture, polarity), polarity), scale
