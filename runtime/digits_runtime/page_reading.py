"""Reads one page of ink: finds its glyphs, names them, and looks twice at what is in doubt."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digits_runtime import alike, layout, page, turning, verdicts, witness
from digits_runtime.doubts import LOOKS, agreed, looks
from digits_runtime.edges import off_the_sheet, without_edges
from digits_runtime.ink import Grey
from digits_runtime.named_line import name_cell
from digits_runtime.naming import name_lines
from digits_runtime.page import Candidate
from digits_runtime.page_network import PageNetwork, Sightings
from digits_runtime.pairs import PairNames
from digits_runtime.ranks import median
from digits_runtime.reading import Cells, Glyph
from digits_runtime.reading_order import in_order
from digits_runtime.session import Session
from digits_runtime.sightings import joined, weighed
from digits_runtime.touching import Scissors

# So many glyphs without a sure name are looked at again.
_MOST_DOUBTS = 24
# A straight stem and a loop are one glyph, though the page network sees two, if the model names it
# with this probability, and it is no two that touch with that.
_STEMMED, _ONE, _NO_PAIR = ("6", "9"), 0.98, 0.9


@dataclass(frozen=True, slots=True)
class PageReading:
    """What is written on a page.

    Attributes:
        lines: Top to bottom, each of glyphs from left to right; of a grid, its rows.
        confidences: Of each line, how likely it is right; empty with a grid.
        grid: Of a ruled one, its rows of cells; None without one.
        candidates: How many things on the page were looked at.
        left_out: Whether weaker ink was left out, taken for faint rules.
        durations: Milliseconds spent in each stage.
    """

    lines: list[tuple[Glyph, ...]]
    confidences: tuple[float, ...]
    grid: Cells | None
    candidates: int
    left_out: bool
    durations: dict[str, float]


class PageReader:
    """Reads pages with one model, and of one in doubt with the page network.

    Args:
        session: What names the glyphs.
        network: What finds all digits of a page at once; None where the model names others.
        pairs: What names two digits that touch; None where the model names others.
    """

    def __init__(
        self, session: Session, network: PageNetwork | None, pairs: PairNames | None
    ) -> None:
        self.session, self.network, self.pairs = session, network, pairs

    def read(
        self,
        picture: NDArray[np.uint8],
        inked: Grey,
        scale: float,
        *,
        faint: bool = False,
        least: int = 0,
    ) -> PageReading:
        """Read a page.

        Args:
            picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR.
            inked: uint8 `[h, w]`, its ink, from `paper.find_ink`.
            scale: How many pixels of the picture one of the ink's is.
            faint: Whether writing may be far weaker than what else stands out.
            least: So many glyphs, in no grid, must have a sure name at once, or there is nothing.
        """
        started = time.perf_counter()
        found = page.find_page(inked, grids=least == 0, faint=faint)
        left_out = found.left_out
        combs = found.combs
        inked = inked if found.cleaned is None else found.cleaned
        searched = time.perf_counter()
        contract = self.session.contract
        glyphs = page.model_input(found.candidates, contract.ink)
        normalised = time.perf_counter()
        rows = self.session.probabilities(glyphs)
        classified = time.perf_counter()
        if int(verdicts.sure(rows, contract).sum()) < least:
            found, glyphs, rows = page.Page([]), glyphs[:0], rows[:0]
        turns = 0
        if found.cells is not None:
            turns, rows = turning.upright(glyphs, rows, self.session)
            if not verdicts.filled_in(rows, contract):
                turns, found = 0, page.find_page(inked, grids=False, faint=faint)
                combs = found.combs
                inked = inked if found.cleaned is None else found.cleaned
                glyphs, rows = self._told(found.candidates)
        if found.cells is None and verdicts.strewn(rows, contract):
            stronger = page.find_page(inked, grids=False, strewn=True, faint=faint, combs=combs)
            again = self._told(stronger.candidates)
            if verdicts.sure(again[1], contract).any():
                lost = verdicts.lost(
                    found.candidates, rows, stronger.candidates, again[1], contract
                )
                found = page.with_more(stronger, lost)
                before, (glyphs, rows) = stronger.candidates, again
                glyphs, rows = self._anew(found.candidates, before, glyphs, rows)
        scissors = Scissors(self.session, self.pairs)
        seen: Sightings | None = None
        if (
            self.network is not None
            and found.cells is None
            and (
                verdicts.in_doubt(rows, contract) or verdicts.hesitant(found.lines, rows, contract)
            )
        ):
            found, glyphs, rows, parents = self._cut(found, glyphs, rows, scissors)
            before = found.candidates
            seen = self.network.look(inked, verdicts.tall(before, rows, contract))
            each_row = {id(one.ink): row for one, row in zip(before, rows, strict=True)}

            def is_one(candidate: Candidate) -> bool:
                return self._is_one(candidate, each_row[id(candidate.ink)])

            found = joined(found, inked, seen, parents, is_one)
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
            if self.network is not None and witness.wanted(told):
                seen = seen or self.network.look(inked)
                tall = median([glyph.box[3] / scale for line, _ in told for glyph in line])
                if tall > seen.sizes[1]:
                    seen = self.network.look(inked, tall, large=True)
                told = witness.confirmed(told, seen, scale)
            order = in_order([[glyph.box for glyph in line] for line, _ in told])
            told = [told[index] for index in order]
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
        named_at = time.perf_counter()
        return PageReading(
            lines=named,
            confidences=confidences,
            grid=grid,
            candidates=len(candidates),
            left_out=left_out,
            durations={
                "find": 1e3 * (searched - started),
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
        apart = replace(
            found, lines=[[piece for unit in line for piece, _ in unit] for line in lines]
        )
        pieces = [named for line in lines for unit in line if len(unit) > 1 for named in unit]
        before = [*found.candidates, *(piece for piece, _ in pieces)]
        drawn = page.model_input(before[len(rows) :], self.session.contract.ink)
        told = np.array([row for _, row in pieces], np.float32).reshape(-1, rows.shape[1])
        glyphs, rows = np.concatenate((glyphs, drawn)), np.concatenate((rows, told))
        return apart, *self._anew(apart.candidates, before, glyphs, rows), parents

    def _is_one(self, candidate: Candidate, row: NDArray[np.float32]) -> bool:
        """Whether what looks like a 1 and a 0 is one digit, as the model is sure, and no two."""
        labels = self.session.contract.labels
        name = labels[int(row[: len(labels)].argmax())]
        if self.pairs is None or name not in _STEMMED or float(row[labels.index(name)]) < _ONE:
            return False
        return bool(self.pairs.tell(candidate.ink)[:, -1].min() >= _NO_PAIR)

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
