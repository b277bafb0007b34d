from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from digits_runtime import splitting
from digits_runtime.page import Candidate
from digits_runtime.splitting import Cuts, Span

LEAST = 0.9
LEFT, RIGHT = (0, 1), (1, 2)


def _candidate() -> Candidate:
    """A ring and a stroke that a thin line joins."""
    ink = np.zeros((44, 60), np.uint8)
    cv2.circle(ink, (20, 22), 16, 255, 4)
    cv2.line(ink, (36, 22), (44, 22), 255, 2)
    cv2.line(ink, (45, 4), (45, 40), 255, 5)
    x, y, width, height = cv2.boundingRect(ink)
    return Candidate((x, y, width, height), ink[y : y + height, x : x + width], cut=False)


def _halves(*crossed: float, apart: float = 0.0) -> Cuts:
    """Two pieces that meet in one cut through a tenth of the height, or lie between two cuts."""
    ink = _candidate().ink
    height, width = ink.shape
    places = [0.0, width / 2, *([width / 2 + apart * height] if apart else []), width]
    borders = np.repeat(np.array(places)[:, None], height, axis=1)
    return Cuts(ink, (0, 0), borders, (0.0, *(crossed or [0.1] * (len(places) - 2)), 0.0))


def _best(
    cuts: Cuts, told: dict[Span, float], *, bare: bool = False, whole: float = 0.1
) -> list[Span]:
    def look(spans: Sequence[Span]) -> list[tuple[float, bool]]:
        return [(told.get(span, 0.0), bare) for span in spans]

    return cuts.likeliest(look, whole, LEAST)


def test_pieces_that_are_sure_are_taken() -> None:
    assert _best(_halves(), {LEFT: 0.99, RIGHT: 0.99}) == [LEFT, RIGHT]
    assert _best(_halves(), {LEFT: 0.99, RIGHT: 0.85}) == []


def test_only_what_follows_a_sure_piece_is_looked_at() -> None:
    asked: list[Span] = []

    def look(spans: Sequence[Span]) -> list[tuple[float, bool]]:
        asked.extend(spans)
        return [(0.5, False)] * len(spans)

    assert _halves().likeliest(look, 0.1, LEAST) == []
    assert asked == [LEFT]


def test_what_is_rather_one_glyph_stays_whole() -> None:
    assert _best(_halves(), {LEFT: 0.95, RIGHT: 0.95}, whole=0.89) == []


def test_a_bare_stroke_comes_off_only_where_it_barely_touches() -> None:
    sure = {LEFT: 0.99, RIGHT: 0.99}
    assert _best(_halves(), sure, bare=True) == []
    assert _best(_halves(0.05), sure, bare=True) == [LEFT, RIGHT]


def test_no_cut_goes_through_much_ink() -> None:
    assert _best(_halves(0.5), {LEFT: 0.99, RIGHT: 0.99}) == []


@pytest.mark.parametrize(("apart", "taken"), [(0.1, [(0, 2), (1, 3)]), (0.4, [])])
def test_what_joins_two_glyphs_may_belong_to_both(apart: float, taken: list[Span]) -> None:
    assert _best(_halves(apart=apart), {(0, 2): 0.99, (1, 3): 0.99}) == taken


def test_touching_glyphs_are_cut_between_them() -> None:
    candidate = _candidate()
    cuts = splitting.cut(candidate)
    assert cuts is not None
    last = len(cuts.borders) - 1
    pieces = [piece for end in range(1, last) if (piece := cuts.piece((0, end)))]
    left, _, width, _ = candidate.box
    ends = [piece.box[0] + piece.box[2] - left for piece in pieces]
    assert any(abs(end - (width - 7)) <= 3 for end in ends)
    for piece in pieces:
        assert piece.box[2] <= width
        assert piece.box[3] >= 0.65 * candidate.box[3]


def test_nothing_is_cut_out_of_nothing() -> None:
    empty = Candidate((0, 0, 20, 20), np.zeros((20, 20), np.uint8), cut=False)
    assert splitting.cut(empty) is None


def test_hair_thin_and_scattered_ink_is_borne() -> None:
    hair, specks = np.zeros((2, 400, 400), np.uint8)
    hair[:, 200] = specks[0, 100] = specks[399, 300] = 50
    for ink in (hair, specks):
        candidate = Candidate((0, 0, 400, 400), ink, cut=False)
        assert splitting.may_be_several(candidate)
        assert splitting.cut(candidate) is None


def test_a_rule_is_not_several_glyphs() -> None:
    long = Candidate((0, 0, 600, 14), np.full((14, 600), 255, np.uint8), cut=False)
    assert not splitting.may_be_several(long)
    assert splitting.may_be_several(_candidate())
