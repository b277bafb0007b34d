"""Tells the words of a page from its numbers, and parts a line between the two."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import Contract
from digits_runtime.page import Candidate
from digits_runtime.pens import SEVERAL, next_in_a_word, slender
from digits_runtime.reading import Box

Row = NDArray[np.float32]  # [classes], probabilities of one candidate

# Between words there is a gap of this share of the height of what is written, and so many times the
# usual one.
_GAP, _WIDER = 0.45, 1.5
# A word has so many letters without a name; one may be a piece of a rule.
_LETTERS = 2
# So many letters before so few glyphs, or so many after them, make a word of them; one or two may
# be a unit.
_BEFORE, _FEW, _AFTER = 2, 2, 3
# A letter is none with this probability, and has this share of that height; a dash has not.
_SURELY_NONE, _HIGH = 0.9, 0.5


def words_apart(
    line: Sequence[Candidate], rows: Sequence[Row], contract: Contract
) -> list[tuple[Sequence[Candidate], Sequence[Row]]]:
    """Part a line where a gap as between words has letters on one side alone, all names beyond.

    Args:
        line: From left to right.
        rows: The probabilities of each.
        contract: Of the model they are from.

    Returns:
        The parts, from left to right, and their probabilities; the whole line where there is none.
    """
    if len(line) <= 2 or not contract.rejects:
        return [(line, rows)]
    tall = median(candidate.box[3] for candidate in line)
    strange = [
        float(row[-1]) >= _SURELY_NONE and candidate.box[3] >= _HIGH * tall
        for candidate, row in zip(line, rows, strict=True)
    ]
    if not any(strange):
        return [(line, rows)]
    known = [float(row[: len(contract.labels)].max()) >= contract.threshold for row in rows]
    ends = itertools.pairwise(candidate.box for candidate in line)
    gaps = [right[0] - left[0] - left[2] for left, right in ends]
    least = max(_GAP * tall, _WIDER * median(gaps))
    borders = [0, *(place + 1 for place, gap in enumerate(gaps) if gap >= least), len(line)]
    words = [slice(start, stop) for start, stop in itertools.pairwise(borders)]
    starts = [0]
    for before, after in itertools.pairwise(words):
        letters = [
            any(strange[word]) and known[word].count(False) >= _LETTERS for word in (before, after)
        ]
        number = before if letters[1] else after
        if letters[0] != letters[1] and all(known[number]):
            starts.append(after.start)
    parts = [slice(start, stop) for start, stop in itertools.pairwise([*starts, len(line)])]
    return [(line[part], rows[part]) for part in parts]


def ends_a_word(inside: slice, boxes: Sequence[Box], none: Sequence[bool]) -> bool:
    """Whether what was taken for a number goes on as letters: a word's end, or its beginning.

    Args:
        inside: Where in the line that is.
        boxes: Of the line's glyphs, from left to right.
        none: Of each, whether it is surely none.
    """
    if not 0 < inside.stop - inside.start <= _FEW:
        return False
    tall = median(box[3] for box in boxes[inside])

    def letters(outwards: Sequence[int], last: int) -> int:
        count = 0
        for place in outwards:
            left, right = sorted((boxes[place], boxes[last]))
            if right[0] - left[0] - left[2] > _GAP * tall:
                break
            count += none[place] and boxes[place][3] >= _HIGH * tall
            last = place
        return count

    before = letters(range(inside.start)[::-1], inside.start)
    return before >= _BEFORE or letters(range(inside.stop, len(boxes)), inside.stop - 1) >= _AFTER


def in_a_word(inside: slice, line: Sequence[Candidate], names: Sequence[bool]) -> bool:
    """Whether a named glyph, or two, stand among others of that hand that are none: letters.

    Args:
        inside: What of the line was taken for a number.
        line: From left to right.
        names: Which of it have a name.
    """
    start, stop = inside.start, inside.stop
    known = [line[place] for place in range(start, stop) if names[place]]
    before, after = line[:start][::-1], line[stop:]
    if not known or stop - start > SEVERAL or not (before or after):
        return False
    if not before or not after:
        # At a word's end there is a stroke beside a doubt, as of a letter cut in two; a name alone
        # may be a number with its unit.
        letters, last = (before, line[start]) if before else (after, line[stop - 1])
        cut = len(known) == 1 and stop - start == SEVERAL and slender(known[0])
        return cut and len(letters) >= SEVERAL and _letters(letters[:SEVERAL], last, known)
    if len(known) == SEVERAL and max(len(before), len(after)) == 1:
        # Rather a number's ends that touch.
        return False
    return _letters(before[:1], line[start], known) and _letters(after[:1], line[stop - 1], known)


def _letters(beside: Sequence[Candidate], last: Candidate, known: Sequence[Candidate]) -> bool:
    """Whether what follows a glyph, outwards, and is none, may be letters that go on with it.

    What the border cuts is none: it may be a number's end.
    """
    return all(
        not one.cut and next_in_a_word(one, inner, known)
        for one, inner in zip(beside, (last, *beside), strict=False)
    )
