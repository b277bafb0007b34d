from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.page import Candidate, model_input
from digits_runtime.pairs import PairNames
from digits_runtime.session import Session
from digits_runtime.touching import Scissors
from digits_train import synth


class _Counting(Session):
    """How many glyphs the model was asked about; `deaf`, it names none of them."""

    asked = 0
    deaf = False

    def probabilities(self, glyphs: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked += len(glyphs)
        if self.deaf:
            return np.full((len(glyphs), 11), 1 / 11, np.float32)
        return super().probabilities(glyphs)


def _drawn(*labels: str) -> Candidate:
    """Glyphs that touch: each begins two pixels before the last one ends."""
    rng = np.random.default_rng(0)
    glyphs = [synth.glyph(label, rng) for label in labels]
    glyphs = [glyph[:, np.flatnonzero(glyph.max(axis=0) > 40)] for glyph in glyphs]
    high = max(map(len, glyphs))
    page = np.zeros((high + 4, sum(glyph.shape[1] for glyph in glyphs) + 4), np.uint8)
    x = 2
    for glyph in glyphs:
        spot = page[2 : 2 + len(glyph), x : x + glyph.shape[1]]
        np.maximum(spot, glyph, out=spot)
        x += glyph.shape[1] - 2
    return Candidate((50, 50, x, high), page[:, : x + 4], cut=False)


@pytest.fixture
def session() -> _Counting:
    return _Counting(provider="cpu")


def test_touching_glyphs_become_their_pieces_in_order(session: _Counting) -> None:
    line = [_drawn("3"), _drawn("8", "5")]
    rows = list(session.probabilities(model_input(line, session.contract.ink)))
    (units,) = Scissors(session).apart([line], [rows])
    assert [len(unit) for unit in units] == [1, 2]
    assert units[0][0][0] is line[0]
    names = [int(row[:10].argmax()) for unit in units for _, row in unit]
    assert names == [3, 8, 5]


class _Saying(PairNames):
    """Says of everything that it is two digits, each with so much probability."""

    def __init__(self, left: int, right: int, sure: float) -> None:
        super().__init__(provider="cpu")
        self.asked = 0
        self.rows = np.full((2, 11), (1 - sure) / 10, np.float32)
        self.rows[0, left] = self.rows[1, right] = sure

    def tell(self, ink: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.asked += 1
        return self.rows


@pytest.mark.parametrize(
    ("said", "sure", "named"),
    [((8, 6), 0.92, [8, 6]), ((8, 6), 0.6, [8, 5]), ((8, 5), 0.99, [8, 5])],
)
def test_what_is_named_at_once_for_sure_goes_before_its_pieces(
    session: _Counting, said: tuple[int, int], sure: float, named: list[int]
) -> None:
    line = [_drawn("3"), _drawn("8", "5")]
    rows = list(session.probabilities(model_input(line, session.contract.ink)))
    pairs = _Saying(*said, sure)
    scissors = Scissors(session, pairs)
    for _ in range(2):
        (units,) = scissors.apart([line], [rows])
        assert [int(row[:10].argmax()) for _, row in units[1]] == named
        assert len(units[0]) == 1
    assert pairs.asked == 1
    left, right = (piece.box for piece, _ in units[1])
    assert left[0] < right[0] <= left[0] + left[2] + 3


@pytest.mark.parametrize(
    ("sure", "beside", "pieces"), [(0.92, True, 2), (0.92, False, 1), (0.97, False, 2)]
)
def test_what_no_pieces_have_names_for_may_be_named_at_once(
    session: _Counting, sure: float, beside: bool, pieces: int
) -> None:
    blot = Candidate((60, 50, 44, 44), _drawn("8", "5").ink, cut=False)
    nameless = np.full(11, 0.02, np.float32)
    nameless[-1] = 0.8
    named = np.full(11, 0.0, np.float32)
    named[3] = 1.0
    line = [_drawn("3"), blot] if beside else [blot]
    session.deaf = True
    scissors = Scissors(session, _Saying(8, 6, sure))
    (units,) = scissors.apart([line], [[named, nameless] if beside else [nameless]])
    assert len(units[-1]) == pieces


@pytest.mark.parametrize(
    ("sure", "beside", "pieces"), [(0.92, True, 1), (0.97, True, 2), (0.99, False, 1)]
)
def test_what_is_rather_one_glyph_is_two_only_beside_others_and_for_sure(
    session: _Counting, sure: float, beside: bool, pieces: int
) -> None:
    rather = np.full(11, 0.05, np.float32)
    rather[0] = 0.5
    named = np.full(11, 0.0, np.float32)
    named[3] = 1.0
    session.deaf = True
    line, rows = [_drawn("3"), _drawn("8", "5")], [named, rather]
    if not beside:
        line, rows = line[1:], rows[1:]
    (units,) = Scissors(session, _Saying(8, 6, sure)).apart([line], [rows])
    assert len(units[-1]) == pieces


def test_three_glyphs_are_not_asked_for_as_two(session: _Counting) -> None:
    line = [_drawn("3"), _drawn("8", "5", "2")]
    rows = list(session.probabilities(model_input(line, session.contract.ink)))
    (units,) = Scissors(session, _Saying(8, 6, 0.99)).apart([line], [rows])
    assert [int(row[:10].argmax()) for _, row in units[1]] == [8, 5, 2]


def test_where_there_is_nothing_to_cut_nobody_is_asked(session: _Counting) -> None:
    empty = Candidate((60, 50, 40, 40), np.zeros((40, 40), np.uint8), cut=False)
    line = [_drawn("3"), empty]
    rows = list(session.probabilities(model_input(line, session.contract.ink)))
    pairs = _Saying(8, 6, 0.99)
    (units,) = Scissors(session, pairs).apart([line], [rows])
    assert [len(unit) for unit in units] == [1, 1]
    assert pairs.asked == 0


def test_what_was_looked_at_once_is_not_looked_at_again(session: _Counting) -> None:
    line = [_drawn("3"), _drawn("8", "5")]
    rows = list(session.probabilities(model_input(line, session.contract.ink)))
    scissors, before = Scissors(session), session.asked
    first = scissors.apart([line], [rows])
    asked = session.asked
    assert asked > before
    again = scissors.apart([line], [rows])
    assert session.asked == asked
    assert [[piece.box for piece, _ in unit] for unit in again[0]] == [
        [piece.box for piece, _ in unit] for unit in first[0]
    ]


def test_a_line_of_which_nothing_is_known_is_left_among_many(session: _Counting) -> None:
    blots = [
        Candidate((0, 40 * n, 30, 30), np.full((30, 30), 200, np.uint8), False) for n in range(8)
    ]
    none = np.eye(11, dtype=np.float32)[-1]
    units = Scissors(session).apart([[blot] for blot in blots], [[none]] * 8)
    assert [[[piece for piece, _ in unit] for unit in line] for line in units] == [
        [[blot]] for blot in blots
    ]
    assert session.asked == 0
