"""Takes the touching glyphs of a page's lines apart, as the model names their pieces.

Or as a network names two of them at once, where no pieces have a sure name or both disagree.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digits_runtime import splitting, verdicts
from digits_runtime.ink import Grey
from digits_runtime.page import Candidate, model_input
from digits_runtime.pairs import PairNames
from digits_runtime.session import Session

# On a page with more lines than this of which nothing is known those are litter.
_MOST_LONE = 6
# Each of two digits named at once has this probability; this where nothing beside them is known, or
# where they are one with more than the last, which alone they are rather than two.
_BOTH, _BOTH_SURELY, _ONE = 0.9, 0.95, 0.3

Row = NDArray[np.float32]  # [classes], probabilities of one candidate
Named = tuple[Candidate, Row]


class Scissors:
    """Cuts the candidates of one page; what was looked at once is known the second time.

    Args:
        session: What tells the pieces.
        pairs: What tells two digits at once; None where the model names others.
    """

    def __init__(self, session: Session, pairs: PairNames | None = None) -> None:
        self._session, self._pairs = session, pairs
        # By the identity of their ink, which is kept, so that no other takes it on.
        self._known: dict[int, tuple[Grey, splitting.Cuts | None, dict[splitting.Span, Named]]] = {}
        self._told: dict[int, NDArray[np.float32]] = {}

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
        labels = self._session.contract.labels

        def look(spans: Sequence[splitting.Span]) -> list[tuple[float, bool]]:
            named = [row[: len(labels)] for row in self._rows(cuts, known, spans)]
            return [(float(row.max()), labels[row.argmax()] in splitting.STROKES) for row in named]

        pieces = [known[span] for span in cuts.likeliest(look, whole, least)]
        beside, rather_one = least == splitting.BESIDE, whole > _ONE
        if self._pairs is None or len(pieces) > 2 or (rather_one and not beside):
            return pieces
        if id(ink) not in self._told:
            self._told[id(ink)] = self._pairs.tell(ink)
        both = self._told[id(ink)]
        names = both[:, : len(labels)].argmax(axis=1).tolist()
        named = [int(row[: len(labels)].argmax()) for _, row in pieces]
        sure = _BOTH if beside and not rather_one else _BOTH_SURELY
        if both[:, : len(labels)].max(axis=1).min() < sure or named == names:
            return pieces
        # Where to cut matters little then; it is where the pieces are likest to their names.
        ends = [((0, cut), (cut, len(cuts.borders) - 1)) for cut in range(1, len(cuts.borders) - 1)]
        rows = self._rows(cuts, known, [span for parts in ends for span in parts])
        like = [rows[2 * n][names[0]] * rows[2 * n + 1][names[1]] for n in range(len(ends))]
        best = ends[int(np.argmax(like))]
        if not all(span in known for span in best):
            return pieces
        return [(known[span][0], row) for span, row in zip(best, both, strict=True)]

    def _rows(
        self,
        cuts: splitting.Cuts,
        known: dict[splitting.Span, Named],
        spans: Sequence[splitting.Span],
    ) -> list[Row]:
        """Probabilities of what lies between some cuts, all 0 where that is no piece."""
        new = [span for span in dict.fromkeys(spans) if span not in known]
        pieces = {span: piece for span in new if (piece := cuts.piece(span)) is not None}
        rows = self._session.probabilities(
            model_input(list(pieces.values()), self._session.contract.ink)
        )
        known.update(zip(pieces, zip(pieces.values(), rows, strict=True), strict=True))
        none = np.zeros(self._session.contract.classes, np.float32)
        return [known[span][1] if span in known else none for span in spans]
