"""Tells by the strength and the breadth of strokes what may be of the number that it stands beside.

Of what the picture's border cuts only a part is seen, and touching glyphs are none to the model:
neither is told by its shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import cv2
import numpy as np

from digits_runtime.ink import Grey
from digits_runtime.page import Candidate

# So many known glyphs show what another has to be like.
SEVERAL = 2
# A stroke so many times as long as broad may be a 1, or anything.
_SLENDER = 3.0
# A glyph that the border cuts is as strong as its fellows, to this share, and of strokes at most so
# many times as broad.
_AS_STRONG, _AS_BROAD = 0.7, 1.6
# Touching glyphs at a number's end: ranges of their strength, the breadth of their strokes and
# their height as shares of its glyphs', of their width as a share of their height; and how far off
# they are at most, as a share of its glyphs' height.
_STRENGTHS, _BREADTHS, _HEIGHTS, _WIDTHS, _GAP = (0.8, 1.5), (0.55, 2), (0.7, 1.5), (0.5, 1.6), 0.6
# Letters on both sides of what looks like a digit: ranges of their height and strength, the others
# the same; but of a letter cut in two their own height says how far off they are.
_LETTERS_HIGH, _LETTERS_STRONG = (0.5, 2), (0.6, 2)
# What is at a number's end and weaker than this share of the rest shows through from the back; a
# single stroke that is weaker than that, and further off than this share of the rest's height, is a
# crease, or a sheet's edge.
_FAINT, _FAINT_STROKE, _OFF = 0.45, 0.6, 0.5


def slender(candidate: Candidate) -> bool:
    """Whether a candidate is a single straight stroke, whichever way it leans."""
    strokes = cv2.threshold(candidate.ink, candidate.ink.max() / 4, 255, cv2.THRESH_BINARY)[1]
    # Of the outlines alone: the same rectangle as of all pixels, at a seventh of the time.
    outlines, _ = cv2.findContours(strokes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    sides = cv2.minAreaRect(np.concatenate(outlines))[1]
    return bool(max(sides) >= _SLENDER * min(sides))


def of_one_pen(cut: Grey, fellows: Sequence[Grey]) -> bool:
    """Whether what the picture's border cuts may be a glyph of a line.

    Args:
        cut: uint8 `[h, w]`, its ink alone.
        fellows: The ink of the glyphs of that line; one at least.
    """
    strong = median([int(ink.max()) for ink in fellows])
    if int(cut.max()) < _AS_STRONG * strong:
        return False
    return _breadth(cut) <= _AS_BROAD * median([_breadth(ink) for ink in fellows])


def without_faint_ends(
    line: Sequence[Candidate], strengths: Sequence[int], strokes: Sequence[bool], inside: slice
) -> slice:
    """What of a line is written, without what is far weaker at its ends.

    Args:
        line: From left to right.
        strengths: Of the ink of each where it is strongest.
        strokes: What of it are single strokes.
        inside: What of it is written.
    """
    start, stop = inside.start, inside.stop

    def faint(end: int, others: range) -> bool:
        share = _FAINT
        if strokes[end]:
            nearest = min(others, key=lambda place: abs(place - end))
            left, right = (line[place].box for place in sorted((end, nearest)))
            tall = median(line[place].box[3] for place in others)
            if right[0] - left[0] - left[2] > _OFF * tall:
                share = _FAINT_STROKE
        return strengths[end] < share * median(strengths[place] for place in others)

    while stop - start > 1 and faint(start, range(start + 1, stop)):
        start += 1
    while stop - start > 1 and faint(stop - 1, range(start, stop - 1)):
        stop -= 1
    return slice(start, stop)


def goes_on(beside: Candidate, last: Candidate, known: Sequence[Candidate]) -> bool:
    """Whether what stands beside a number's end, and is no glyph, is rather touching ones of it.

    Args:
        beside: What stands there.
        last: The glyph at that end.
        known: The glyphs of the number that have a name; one at least.
    """
    tall = median([glyph.box[3] for glyph in known])
    if not _like_known(beside, last, known, _HEIGHTS, _STRENGTHS, tall):
        return False
    broad = _breadth(beside.ink) / median([_breadth(glyph.ink) for glyph in known])
    return _BREADTHS[0] <= broad <= _BREADTHS[1]


def next_in_a_word(beside: Candidate, last: Candidate, known: Sequence[Candidate]) -> bool:
    """Whether what is no glyph may be the letter next to one that only looks like a digit.

    Arguments are those of `goes_on`.
    """
    tall = max(beside.box[3], *(glyph.box[3] for glyph in known))
    return _like_known(beside, last, known, _LETTERS_HIGH, _LETTERS_STRONG, tall)


def _like_known(
    beside: Candidate,
    last: Candidate,
    known: Sequence[Candidate],
    heights: tuple[float, float],
    strengths: tuple[float, float],
    whole: float,
) -> bool:
    """Whether what stands close beside a glyph is broad as one, and like those that are known.

    Close is `_GAP` of `whole`, pixels; the other arguments are those of `goes_on`, and ranges.
    """
    tall = median([glyph.box[3] for glyph in known])
    x, _, width, height = beside.box
    apart = max(last.box[0] - x - width, x - last.box[0] - last.box[2])
    shares = (
        (height / tall, heights),
        (width / height, _WIDTHS),
        (int(beside.ink.max()) / median([int(glyph.ink.max()) for glyph in known]), strengths),
    )
    return apart <= _GAP * whole and all(low <= share <= high for share, (low, high) in shares)


def _breadth(ink: Grey) -> float:
    """Half of how broad the broadest stroke is, pixels."""
    roomy = cv2.copyMakeBorder(ink, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    strokes = cv2.threshold(roomy, int(ink.max()) / 3, 255, cv2.THRESH_BINARY)[1]
    return float(cv2.distanceTransform(strokes, cv2.DIST_L2, 3).max())
