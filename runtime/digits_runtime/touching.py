"""Takes the touching glyphs of a page's lines apart, as the model names their pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digits_runtime import splitting
from digits_runtime.page import Candidate, model_input
from digits_runtime.session import Session

# On a page with more lines than this of which nothing is known those are litter.
_MOST_LONE = 6

Rows = Sequence[NDArray[np.float32]]


def taken_apart(
    lines: Sequence[Sequence[Candidate]], rows: Sequence[Rows], session: Session
) -> list[tuple[list[Candidate], list[NDArray[np.float32]]]]:
    """Cut what the model does not know where it knows the pieces.

    Args:
        lines: Candidates of each line.
        rows: Of each line, the probabilities of each candidate, float32 `[classes]`.
        session: What told them, and tells those of pieces.

    Returns:
        Lines and rows, pieces in place of what was cut.
    """
    known = [_known(part, session) for part in rows]
    lone = known.count(0)
    return [
        _split(line, part, count, session)
        if count or lone <= _MOST_LONE
        else (list(line), list(part))
        for line, part, count in zip(lines, rows, known, strict=True)
    ]


def _known(rows: Rows, session: Session) -> int:
    """How many glyphs of a line have a sure name."""
    contract = session.contract
    labels = len(contract.labels)
    return sum(float(row[:labels].max()) >= contract.threshold for row in rows)


def _split(
    line: Sequence[Candidate], rows: Rows, known: int, session: Session
) -> tuple[list[Candidate], list[NDArray[np.float32]]]:
    """Take touching glyphs of a line apart, of which so many glyphs are known."""
    contract = session.contract
    wholes = [float(row[: len(contract.labels)].max()) for row in rows]
    # Beside known glyphs there are glyphs; alone, or among much else, there may be anything.
    least = splitting.BESIDE if known else splitting.ALONE
    if 2 * known < len(line) and len(line) > 2:
        return list(line), list(rows)
    candidates, named = [], []
    for candidate, row, whole in zip(line, rows, wholes, strict=True):
        pieces = [(candidate, row)]
        if whole < contract.threshold and splitting.may_be_several(candidate):
            pieces = _cut(candidate, whole, least, session) or pieces
        candidates += [piece for piece, _ in pieces]
        named += [told for _, told in pieces]
    return candidates, named


def _cut(
    candidate: Candidate, whole: float, least: float, session: Session
) -> list[tuple[Candidate, NDArray[np.float32]]]:
    """The pieces of a candidate with their probabilities; none if it is one glyph."""
    cuts, contract = splitting.cut(candidate), session.contract
    if cuts is None:
        return []
    known: dict[splitting.Span, tuple[Candidate, NDArray[np.float32]]] = {}

    def look(spans: Sequence[splitting.Span]) -> list[tuple[float, bool]]:
        pieces = {span: piece for span in spans if (piece := cuts.piece(span)) is not None}
        rows = session.probabilities(model_input(list(pieces.values()), contract.ink))
        known.update(zip(pieces, zip(pieces.values(), rows, strict=True), strict=True))
        told = []
        for span in spans:
            named = known[span][1][: len(contract.labels)] if span in known else np.zeros(1)
            best = int(named.argmax())
            told.append((float(named[best]), contract.labels[best] in splitting.STROKES))
        return told

    return [known[span] for span in cuts.likeliest(look, whole, least)]
