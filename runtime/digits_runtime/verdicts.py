"""What a model says of all candidates of a page tells of the page: a grid, texture, doubt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digits_runtime import layout
from digits_runtime.contract import Contract
from digits_runtime.page import Candidate
from digits_runtime.ranks import median
from digits_runtime.splitting import STROKES

Rows = NDArray[np.float32]  # [n, classes], probabilities of the candidates

# Of a grid's glyphs this share has a sure name, and that share is more than a stroke, too.
_NAMED, _SOLID = 0.65, 0.3
# Of so many candidates at most, one that is rather a glyph may be one, though no name is sure.
_FEW, _RATHER = 12, 0.5
# Of more candidates than this, less than that share has a sure name where most of them is texture.
_MANY, _GLYPHS = 80, 0.3
# Ones are at most so many times as high as a page's other glyphs, or as much lower.
_ALIKE = 2
# A glyph that went with the texture has this probability, and a height within so many times; or it
# has a sure name, and stands beside one that is left, at most so many of its heights away. It and
# what is left and has a name lie in each other with this share of either box at most.
_CERTAIN, _AS_HIGH, _BESIDE, _OTHER = 0.98, 1.6, 0.6, 0.3


def sure(rows: Rows, contract: Contract) -> NDArray[np.bool_]:
    """Which candidates have a sure name: `[n]`."""
    best = rows[:, : len(contract.labels)].max(axis=1)
    return np.asarray(best >= contract.threshold, np.bool_)


def tall(candidates: Sequence[Candidate], rows: Rows, contract: Contract) -> float:
    """How high a page's glyphs are; infinite where none has a sure name.

    Slivers of a sheet's edge pass for ones of any height.
    """
    known = sure(rows, contract)
    heights = np.array([one.box[3] for one in candidates])
    strokes = [place for place, label in enumerate(contract.labels) if label in STROKES]
    solid = known & ~np.isin(rows[:, : len(contract.labels)].argmax(axis=1), strokes)
    if solid.any():
        usual = median(heights[solid])
        known &= solid | ((heights >= usual / _ALIKE) & (heights <= usual * _ALIKE))
    return median(heights[known]) if known.any() else np.inf


def in_doubt(rows: Rows, contract: Contract) -> bool:
    """Whether a page has glyphs with a sure name, and something without; or little, unsure of name.

    Where all is sure a page network adds nothing, and where nothing of much is it would invent.
    """
    known = sure(rows, contract)
    if not known.any() and 0 < len(rows) <= _FEW:
        return bool((rows[:, : len(contract.labels)].max(axis=1) >= _RATHER).any())
    return bool(known.any() and not known.all())


def hesitant(lines: Sequence[Sequence[Candidate]], rows: Rows, contract: Contract) -> bool:
    """Whether a page of a few lone glyphs has one with a sure name, which is not certain.

    Args:
        lines: Candidates of the page from left to right.
        rows: The probabilities of all of them, line by line.
        contract: Of the model.
    """
    if len(rows) > _FEW:
        return False
    best = iter(rows[:, : len(contract.labels)].max(axis=1).tolist())
    each = [[next(best) for _ in line] for line in lines]
    named = [[one for one in line if one >= contract.threshold] for line in each]
    return max(map(len, named), default=0) == 1 and any(
        len(line) == 1 and line[0] < _CERTAIN for line in named
    )


def filled_in(rows: Rows, contract: Contract) -> bool:
    """Whether what a grid's cells hold are glyphs, and not bits of squared paper's rules."""
    told = rows[:, : len(contract.labels)]
    held = told[told.sum(axis=1) >= 0.5]
    solid = [label not in STROKES for label in contract.labels]
    known = held >= contract.threshold
    named, firm = int(known.sum()), int((known & solid).sum())
    return named >= _NAMED * len(held) and firm >= _SOLID * len(held)


def strewn(rows: Rows, contract: Contract) -> bool:
    """Whether there is so much on a page, and so little that is a glyph, that it is texture."""
    return len(rows) > _MANY and int(sure(rows, contract).sum()) < _GLYPHS * len(rows)


def lost(
    candidates: Sequence[Candidate],
    rows: Rows,
    left: Sequence[Candidate],
    told: Rows,
    contract: Contract,
) -> list[Candidate]:
    """Glyphs that went with a page's texture, but are as high as those left, and certain or beside.

    Or of which strokes went, so that what is left has no name. Bits of rules pass for ones, so
    strokes are not among them.

    Args:
        candidates: Before the texture was taken off.
        rows: Their probabilities.
        left: After that; of some the name is sure.
        told: Their probabilities.
        contract: Of the model.
    """
    known = [left[place] for place in np.flatnonzero(sure(told, contract)).tolist()]
    tall = median([candidate.box[3] for candidate in known])
    named = rows[:, : len(contract.labels)]
    return [
        candidate
        for candidate, best, row in zip(candidates, named.argmax(axis=1), named, strict=True)
        if (
            row[best] >= _CERTAIN
            or (row[best] >= contract.threshold and _stands_beside(candidate, known))
        )
        and contract.labels[best] not in STROKES
        and tall / _AS_HIGH <= candidate.box[3] <= tall * _AS_HIGH
        and not any(max(layout.shares(other.box, candidate.box)) > _OTHER for other in known)
    ]


def _stands_beside(candidate: Candidate, known: Sequence[Candidate]) -> bool:
    x, y, width, height = candidate.box
    for left, top, wide, high in (other.box for other in known):
        level = y < top + high / 2 < y + height and top < y + height / 2 < top + high
        if level and max(left - x - width, x - left - wide) <= _BESIDE * high:
            return True
    return False
