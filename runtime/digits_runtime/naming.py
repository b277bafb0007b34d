"""Decides what the classifier's probabilities say of a line or a cell: names, doubts, omissions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import Contract
from digits_runtime.page import Candidate
from digits_runtime.reading import UNCERTAIN, Glyph

Row = NDArray[np.float32]  # [classes], probabilities of one candidate

# From this probability on, "not a glyph" means it; in a cell, which may well be empty, from that.
_SURELY_NONE, _NONE_IN_CELL = 0.9, 0.5
# A glyph that goes on beyond the frame has fellows at most this much taller or shorter.
_ALIKE = 1.6


def name_line(
    line: Sequence[Candidate], rows: Sequence[Row], contract: Contract, scale: float
) -> tuple[Glyph, ...]:
    """Name the glyphs of a line; empty if it is no writing.

    A doubtful glyph becomes `?` and stays, since a number short of a digit is another number.
    What is surely no glyph goes from the ends of a line, but within it stays as `?` too.

    Args:
        line: Its candidates from left to right.
        rows: The probabilities of each.
        contract: Of the model they are from.
        scale: Pixels of the frame for one of the candidates' boxes.
    """
    tall = float(np.median([candidate.box[3] for candidate in line if not candidate.cut] or [0]))
    glyphs, none = [], []
    for candidate, row in zip(line, rows, strict=True):
        glyphs.append(_glyph(candidate, row, contract, scale))
        height = candidate.box[3]
        stray = candidate.cut and not tall / _ALIKE <= height <= tall * _ALIKE
        none.append(stray or _none(row, contract) >= _SURELY_NONE)
    kept = [index for index, empty in enumerate(none) if not empty]
    if not kept:
        return ()
    whole = glyphs[kept[0] : kept[-1] + 1]
    known = sum(glyph.label != UNCERTAIN for glyph in whole)
    return tuple(whole) if 2 * known >= len(whole) else ()


def name_cell(
    cell: Sequence[Candidate], rows: Sequence[Row], contract: Contract, scale: float
) -> tuple[Glyph, ...]:
    """Name the glyphs of a cell; what is rather no glyph is what is left of a rule."""
    return tuple(
        _glyph(candidate, row, contract, scale)
        for candidate, row in zip(cell, rows, strict=True)
        if _none(row, contract) < _NONE_IN_CELL
    )


def _none(row: Row, contract: Contract) -> float:
    return float(row[-1]) if contract.rejects else 0.0


def _glyph(candidate: Candidate, row: Row, contract: Contract, scale: float) -> Glyph:
    best = int(row[: len(contract.labels)].argmax())
    probability = float(row[best])
    sure = probability >= contract.threshold and not candidate.cut
    x, y, width, height = (round(value * scale) for value in candidate.box)
    label = contract.labels[best] if sure else UNCERTAIN
    return Glyph(label, probability, (x, y, width, height))
