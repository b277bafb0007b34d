"""Takes the touching glyphs of a page's lines apart, as the model names their pieces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digits_runtime import splitting, verdicts
from digits_runtime.ink import Grey
from digits_runtime.page import Candidate, model_input
from digits_runtime.session import Session

# On a page with more lines than this of which nothing is known those are litter.
_MOST_LONE = 6

Row = NDArray[np.float32]  # [classes], probabilities of one candidate
Named = tuple[Candidate, Row]


class Scissors:
    """Cuts the candidates of one page; what was looked at once is known the second time.

    Args:
        session: What tells the pieces.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        # By the identity of their ink, which is kept, so that no other takes it on.
        self._known: dict[int, tuple[Grey, splitting.Cuts | None, dict[splitting.Span, Named]]] = {}

    def apart(
        self, lines: Sequence[Sequence[Candidate]], rows: Sequence[Sequence[Row]]
    ) -> list[list[list[Named]]]:
        """Cut what the model does not know where it knows the pieces.

        Args:
            lines: Candidates of each line.
            rows: Of each line, the probabilities of each candidate.

        Returns:
            Of each line, of each of its candidates the pieces, or itself, with their rows.
        """
        sure = [int(verdicts.sure(np.stack(part), self._session.contract).sum()) for part in rows]
        lone = sure.count(0)
        return [
            self._split(line, part, count)
            if count or lone <= _MOST_LONE
            else [[named] for named in zip(line, part, strict=True)]
            for line, part, count in zip(lines, rows, sure, strict=True)
        ]

    def _split(
        self, line: Sequence[Candidate], rows: Sequence[Row], sure: int
    ) -> list[list[Named]]:
        """Take touching glyphs of a line apart, of which so many glyphs are known."""
        contract = self._session.contract
        # Beside known glyphs there are glyphs; alone, or among much else, there may be anything.
        least = splitting.BESIDE if sure else splitting.ALONE
        whole = [[named] for named in zip(line, rows, strict=True)]
        if 2 * sure < len(line) and len(line) > 2:
            return whole
        for place, ((candidate, row),) in enumerate(whole):
            best = float(row[: len(contract.labels)].max())
            if best < contract.threshold and splitting.may_be_several(candidate):
                whole[place] = self._cut(candidate, best, least) or whole[place]
        return whole

    def _cut(self, candidate: Candidate, whole: float, least: float) -> list[Named]:
        """The pieces of a candidate with their probabilities; none if it is one glyph."""
        ink = candidate.ink
        if id(ink) not in self._known:
            self._known[id(ink)] = (ink, splitting.cut(candidate), {})
        _, cuts, known = self._known[id(ink)]
        if cuts is None:
            return []
        contract = self._session.contract

        def look(spans: Sequence[splitting.Span]) -> list[tuple[float, bool]]:
            new = [span for span in spans if span not in known]
            pieces = {span: piece for span in new if (piece := cuts.piece(span)) is not None}
            rows = self._session.probabilities(model_input(list(pieces.values()), contract.ink))
            known.update(zip(pieces, zip(pieces.values(), rows, strict=True), strict=True))
            told = []
            for span in spans:
                named = known[span][1][: len(contract.labels)] if span in known else np.zeros(1)
                best = int(named.argmax())
                told.append((float(named[best]), contract.labels[best] in splitting.STROKES))
            return told

        return [known[span] for span in cuts.likeliest(look, whole, least)]
