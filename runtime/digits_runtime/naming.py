"""Decides which lines of a page are writing, by their names and by what they are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from digits_runtime import points
from digits_runtime.contract import Contract
from digits_runtime.named_line import (
    ALIKE,
    AS_STRONG,
    SOLID,
    STRANGE,
    WEAKER,
    NamedLine,
    Row,
)
from digits_runtime.page import Candidate
from digits_runtime.pens import SEVERAL
from digits_runtime.reading import UNCERTAIN, Glyph
from digits_runtime.sums import terms_apart
from digits_runtime.words import words_apart

# So many lines of nothing but strokes are none, but for those with glyphs enough that are more.
_MANY_BARE = 8
# A page of nothing else holds so many lines at most, and so many other pieces of ink; among more of
# those it is the one such line, strong and as tall as this.
_FEW_BARE, _LITTER, _TALL_BARE = 3, 6, 45
# Among more pieces than this, of texture, so large a share of a line must have names; and beside a
# line that is a number for sure, if many have none.
_TEXTURED, _CLEAR = 60, 0.7

# A line with a doubt is no number if it has less than this share of the height of those without
# one; with one doubt, of what is rather a glyph, less than that.
_LOW, _LOWER = 0.6, 0.5

# Beside a number print is lower than this share of its height; in that these are letters.
_SMALL, _LIKE_LETTERS = 0.4, ("0", "1", UNCERTAIN)

# The page network sees the names of a plain number with this probability in the mean. Beside such
# ones those of words have less than this, or of words lower than that share of their height, where
# there is litter, a doubt or a letter, less than that.
_PLAIN, _UNSEEN, _LOWER_CASE, _HARDLY = 0.8, 0.3, 0.75, 0.7

# A number is rather right than wrong; a lone glyph, which litter likes to be, is so likely right.
_LIKELY, _LIKELY_ALONE = 0.5, 0.76


def name_lines(
    lines: Sequence[Sequence[Candidate]],
    rows: Sequence[Sequence[Row]],
    contract: Contract,
    scale: float,
) -> list[tuple[tuple[Glyph, ...], float]]:
    """Name the glyphs of a page's lines, and leave out lines that are no writing.

    A doubtful glyph becomes `?` and stays, since a number short of a digit is another number.
    What is surely no glyph goes from the ends of a line, but within it stays as `?` too. Bare
    strokes are many things beside ones, so a line of nothing else must be like the others.

    Args:
        lines: Of candidates from left to right.
        rows: The probabilities of each.
        contract: Of the model they are from.
        scale: Pixels of the frame for one of the candidates' boxes.

    Returns:
        The glyphs of each line, and how likely all of them are right.
    """
    named = [
        replace(NamedLine.of(line, row, contract, scale), worded=len(parts) > 1)
        for terms in terms_apart(list(zip(lines, rows, strict=True)), contract)
        for term in terms
        for parts in (words_apart(*term, contract),)
        for line, row in parts
    ]
    litter = sum(len(line) for line in lines) - sum(len(line.glyphs) for line in named)
    named = _without_print([line for line in named if line.glyphs and not line.like_text])
    named = _without_words(named, litter)
    textured = litter > _TEXTURED
    if textured or any(line.clear for line in named):
        # Texture, or text beside a number: some of its letters look like digits.
        named = [
            line
            for line in named
            if line.known >= _CLEAR * len(line.glyphs)
            or not (textured or len(line.glyphs) - line.known >= STRANGE)
        ]
    if textured:
        named = _without_small_print(named)
    sure = [line for line in named if line.known >= 2 and not line.bare]
    # Slivers beside a far larger number are none of its hand.
    least = _LOWER * median(line.tall for line in sure) if sure else 0
    bare = sum(line.bare and line.tall >= least for line in named)
    if bare >= _MANY_BARE and bare > 3 * len(sure):
        # Texture, or what is left of squared paper: some of it looks like anything.
        held = _of_one_hand(named)
    else:
        held = _like_the_sure(named, sure, bare, litter)
    told = [line.with_confidence(litter) for line in _without_points(held)]
    told = [(line, right) for line, right in told if len(line) > 1 or right >= _LIKELY_ALONE]
    doubted = any(glyph.label == UNCERTAIN for line, _ in told for glyph in line)
    # Where no number is rather right than wrong, and none admits a doubt, there is no number.
    return told if doubted or any(right >= _LIKELY for _, right in told) else []


def _without_points(lines: list[NamedLine]) -> list[NamedLine]:
    """Lines without the points and commas of others, below which they may stand alone."""
    return [
        line
        for line in lines
        if len(line.glyphs) > 1
        or not any(points.is_of(line.glyphs[0], number.glyphs) for number in lines)
    ]


def _without_print(lines: list[NamedLine]) -> list[NamedLine]:
    """Lines without a form's print: far lower than numbers that hold no doubt, and not clear."""
    clear = [
        line.tall for line in lines if not (line.doubted or line.worded) and line.known >= SEVERAL
    ]
    if not clear:
        return lines
    tall = median(clear)
    return [
        line
        for line in lines
        if not (line.doubted or line.worded)
        or line.tall >= (_LOW if line.letters or line.doubted >= SEVERAL else _LOWER) * tall
    ]


def _without_small_print(lines: list[NamedLine]) -> list[NamedLine]:
    """Lines of a page of text without what is far lower than a number and could be letters.

    Of print, whose o and l are like 0 and 1, most of what has names has those.
    """
    named = [line for line in lines if line.known == len(line.glyphs) >= SEVERAL and not line.bare]
    tall = max((line.tall for line in named), default=0)

    def other(line: NamedLine) -> int:
        return sum(glyph.label not in _LIKE_LETTERS for glyph in line.glyphs)

    return [line for line in lines if line.tall >= _SMALL * tall or other(line) >= SEVERAL]


def _without_words(lines: list[NamedLine], litter: int) -> list[NamedLine]:
    """Lines without those that the page network hardly sees, beside others that it does.

    Print and names hold letters like digits, or none but such. What is as tall as a number and
    named all along may be one that the network is blinded to, by a line through it; and a stroke is
    a letter's where there are letters.
    """
    plain = [line for line in lines if line.seen >= _PLAIN and line.known >= SOLID]
    plain = [line for line in plain if not line.doubted]
    if not plain:
        return lines
    tall = median(line.tall for line in plain)
    return [line for line in lines if line in plain or not _like_a_word(line, tall, litter)]


def _like_a_word(line: NamedLine, tall: float, litter: int) -> bool:
    """Whether a line beside plain numbers, so tall in the middle, is rather print or a name.

    Beside so many pieces of ink that are in no line.
    """
    if line.strange >= max(SEVERAL, line.known / 2):
        return True
    low = line.tall < _LOWER_CASE * tall
    stroke = line.bare and litter > _LITTER
    other = low or stroke or line.doubted or line.around
    company = litter > _LITTER or line.doubted or line.letters or line.around
    return (line.seen < _UNSEEN and bool(other)) or (line.seen < _HARDLY and low and bool(company))


def _like_the_sure(
    named: Sequence[NamedLine], sure: Sequence[NamedLine], bare: int, litter: int
) -> list[NamedLine]:
    """Of lines those that are numbers for sure, and what could be one and is like them.

    Args:
        named: The lines.
        sure: Those that are.
        bare: How many are nothing but strokes.
        litter: How many pieces of the page are in no line.
    """
    # Several lone glyphs tell as much of the page's hand as a number does, and more than specks
    # that pass for one.
    lone = [line for line in named if not line.bare and line.fits(None, 0)]
    if len(lone) >= SEVERAL:
        strength = median(line.strength for line in lone)
        sure = [line for line in sure if line.strength >= WEAKER * strength]
        if not sure:
            named = [line for line in named if line.certain or not line.bare]
            sure = [line for line in lone if line.strength >= WEAKER * strength]
    tall = median(line.tall for line in sure) if sure else None
    strength = median(line.strength for line in sure) if sure else 0.0
    if not sure:
        named = [line for line in named if not line.scattered]
    if not sure and (bare > _FEW_BARE or litter > _LITTER):
        named = [line for line in named if not line.bare or (bare == 1 and line.tall >= _TALL_BARE)]
    return [line for line in named if line in sure or line.fits(tall, strength)]


def _of_one_hand(lines: Sequence[NamedLine]) -> list[NamedLine]:
    """Of lines among many that are none, those with many solid glyphs, and others like them."""
    solid = [line for line in lines if line.solid >= SOLID]
    if not solid:
        return []
    tall = median(line.tall for line in solid)
    strength = median(line.strength for line in solid)

    def alike(line: NamedLine) -> bool:
        many = line.known >= 2 and not line.bare
        return many and line.like(tall, strength, ALIKE, AS_STRONG)

    return [line for line in lines if line in solid or alike(line)]
