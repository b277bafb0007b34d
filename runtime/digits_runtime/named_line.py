"""Names the glyphs of one line or cell, and tells what the line is like."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from digits_runtime import layout, points
from digits_runtime.confidence import Evidence, confidence
from digits_runtime.contract import Contract
from digits_runtime.page import Candidate
from digits_runtime.pens import SEVERAL, goes_on, of_one_pen, slender, without_faint_ends
from digits_runtime.reading import UNCERTAIN, Glyph
from digits_runtime.splitting import STROKES
from digits_runtime.words import ends_a_word, in_a_word

Row = NDArray[np.float32]  # [classes], probabilities of one candidate

# From this probability on, "not a glyph" means it; in a cell, which may well be empty, from that.
_SURELY_NONE, _NONE_IN_CELL = 0.9, 0.5
# A glyph that goes on beyond the frame has fellows at most this much taller or shorter.
ALIKE = 1.6
# Lines of one hand differ by this much in height, and the weaker is at least that share as strong;
# of strokes and other lines that could be anything, which must differ no more than `ALIKE`, this.
_UNLIKE, WEAKER, AS_STRONG = 4.0, 0.4, 0.6
# Strokes so far apart for their height are no ones of a number.
_STROKES_APART = 0.6
# So many glyphs of a line that are more than a stroke are enough.
SOLID = 3
# A line with so many glyphs within that are surely none, and so large a share of them, is text.
STRANGE, _TEXT = 3, 0.25
# A lone glyph is named with this probability, and is so strong and so tall, in levels of ink and
# pixels; a bare stroke more so.
_LONE, _FAINT, _SMALL, _BARE, _SMALL_BARE = 0.98, 28, 11, 90, 24
# What is rather none has that probability, and this share of the height of what has a name. So many
# letters make a word of a line if there are fewer names, or names that the page network gives less
# than this in the mean; a single one, if it gives less than that. So does a word beside it, if it
# gives less than the first.
_RATHER_NONE, _AS_HIGH = 0.5, 0.65
_LETTERS, _SEEN, _HARDLY_SEEN = 2, 0.8, 0.5


@dataclass(frozen=True, slots=True, eq=False)
class NamedLine:
    """A line with its names.

    Attributes:
        glyphs: From left to right; none if it is no writing.
        known: How many have a name.
        solid: How many of those are more than a single stroke, counted up to `SOLID`.
        tall: Height of its glyphs, pixels of the candidates' boxes.
        strength: Of its ink where it is strongest.
        letters: How many glyphs of its height, in it or both before and after it, are rather none.
        seen: How likely its names are by the page network, in the mean; what it was not asked for
            counts as unlikely where there is a doubt or a letter. 1 where it was asked for nothing.
        strange: How many of its glyphs are surely none.
        around: How many glyphs of its height before or after it are rather none.
        worded: Whether a word stands beside it.
    """

    glyphs: tuple[Glyph, ...]
    known: int
    solid: int
    tall: float
    strength: float
    letters: int = 0
    seen: float = 1.0
    strange: int = 0
    around: int = 0
    worded: bool = False

    @property
    def clear(self) -> bool:
        """Whether it is a number for sure."""
        return self.known == len(self.glyphs) >= SOLID == self.solid

    @property
    def doubted(self) -> int:
        """How many of its glyphs have no name."""
        return len(self.glyphs) - self.known

    @property
    def like_text(self) -> bool:
        """Whether it is rather a word of which some letters look like digits.

        It holds a doubt then, or what was taken for a number beside a word is none.
        """
        if self.worded and self.seen < _SEEN:
            return True
        if not self.doubted or not self.letters:
            return False
        several = self.letters >= _LETTERS and (self.letters > self.known or self.seen < _SEEN)
        return several or self.seen < _HARDLY_SEEN

    @property
    def bare(self) -> bool:
        """Whether all that are named are single strokes."""
        return self.solid == 0

    @property
    def scattered(self) -> bool:
        """Whether it is nothing but strokes, further apart than ones of a number."""
        ends = itertools.pairwise(glyph.box for glyph in self.glyphs)
        gaps = [right[0] - left[0] - left[2] for left, right in ends]
        highest = max(glyph.box[3] for glyph in self.glyphs)
        return self.bare and max(gaps, default=0) > _STROKES_APART * highest

    @property
    def certain(self) -> bool:
        """Whether all that are named are named with hardly a doubt."""
        return all(g.probability >= _LONE for g in self.glyphs if g.label != UNCERTAIN)

    @classmethod
    def of(
        cls, line: Sequence[Candidate], rows: Sequence[Row], contract: Contract, scale: float
    ) -> NamedLine:
        """Name the glyphs of a line, but for points between them.

        Args:
            line: From left to right.
            rows: The probabilities of each.
            contract: Of the model they are from.
            scale: Pixels of the frame for one of the candidates' boxes.
        """
        sure = [max(row[: len(contract.labels)]) >= contract.threshold for row in rows]
        low = points.among([candidate.box for candidate in line], sure)
        line = [one for one, point in zip(line, low, strict=True) if not point]
        rows = [one for one, point in zip(rows, low, strict=True) if not point]
        whole = [candidate.box[3] for candidate in line if not candidate.cut]
        tall = median(whole or [0])
        glyphs, none = [], []
        told: list[list[float]] = [row.tolist() for row in rows]  # plain numbers are faster
        beside = [
            candidate
            for row, candidate in zip(told, line, strict=True)
            if max(row[: len(contract.labels)]) >= contract.threshold and not candidate.cut
        ]
        for candidate, row in zip(line, told, strict=True):
            glyphs.append(_glyph(candidate, row, contract, scale, beside=bool(beside)))
            alike = tall / ALIKE <= candidate.box[3] <= tall * ALIKE
            if beside and candidate.cut:
                alike = alike and of_one_pen(candidate.ink, [known.ink for known in beside])
            stray = candidate.cut and not alike
            none.append(stray or _none(row, contract) >= _SURELY_NONE)
        inside = _written(none, [glyph.label != UNCERTAIN for glyph in glyphs])
        strengths = [int(candidate.ink.max()) for candidate in line]
        if in_a_word(inside, line, [glyph.label != UNCERTAIN for glyph in glyphs]):
            return cls((), 0, 0, 0, 0)
        if ends_a_word(inside, [candidate.box for candidate in line], none):
            return cls((), 0, 0, 0, 0)
        strokes = [glyph.label in STROKES for glyph in glyphs]
        inside = _going_on(without_faint_ends(line, strengths, strokes, inside), line, beside)
        whole_line, candidates = tuple(glyphs[inside]), line[inside]
        names = [glyph.label != UNCERTAIN for glyph in whole_line]
        known = sum(names)
        strange = sum(none[inside])
        if (
            not known
            or 2 * known < len(whole_line)
            or strange >= max(STRANGE, _TEXT * len(whole_line))
        ):
            return cls((), 0, 0, 0, 0)
        named = [c for c, name in zip(candidates, names, strict=True) if name]
        each = (g for g in whole_line if g.label != UNCERTAIN)
        # More of them would tell nothing more.
        solid = sum(
            itertools.islice((1 for c, g in zip(named, each, strict=True) if _solid(c, g)), SOLID)
        )
        strength = median(s for s, name in zip(strengths[inside], names, strict=True) if name)
        high = median(c.box[3] for c in named)
        letters = [
            _none(row, contract) >= _RATHER_NONE and candidate.box[3] >= _AS_HIGH * high
            for candidate, row in zip(line, told, strict=True)
        ]
        # After a number there may be its unit, before it a sign.
        outside = min(sum(letters[: inside.start]), sum(letters[inside.stop :]))
        among = sum(letters[inside]) + outside
        around = sum(letters) - sum(letters[inside])
        asked = [
            float(candidate.hint[contract.labels.index(glyph.label)])
            for candidate, glyph in zip(candidates, whole_line, strict=True)
            if candidate.hint is not None and glyph.label != UNCERTAIN
        ]
        # What it was not asked for may be a half of two digits that touch, or of a letter.
        plain = known == len(whole_line) and not (among or around)
        seen = sum(asked) / (len(asked) if plain else known) if asked else 1.0
        return cls(whole_line, known, solid, high, strength, among, seen, strange, around)

    def with_confidence(self, litter: int) -> tuple[tuple[Glyph, ...], float]:
        """Its glyphs, and how likely all of them are right beside so many pieces of litter."""
        evidence = Evidence(self.glyphs, self.tall, self.strength, litter)
        return self.glyphs, confidence(evidence)

    def fits(self, tall: float | None, strength: float) -> bool:
        """Whether a line that may be none is like those that are for sure, if there are any."""
        if tall is None:
            least, small = (_BARE, _SMALL_BARE) if self.bare else (_FAINT, _SMALL)
            return self.certain and self.strength >= least and self.tall >= small
        return self.like(tall, strength, *((ALIKE, AS_STRONG) if self.bare else (_UNLIKE, WEAKER)))

    def like(self, tall: float, strength: float, times: float, share: float) -> bool:
        """Whether it is about as tall, within so many times, and as strong, to such a share."""
        return tall / times <= self.tall <= tall * times and self.strength >= share * strength


def name_cell(
    cell: Sequence[Candidate], rows: Sequence[Row], contract: Contract, scale: float
) -> tuple[Glyph, ...]:
    """Name the glyphs of a cell; what is rather no glyph is what is left of a rule."""
    told: list[list[float]] = [row.tolist() for row in rows]
    return tuple(
        _glyph(candidate, row, contract, scale, beside=True)
        for candidate, row in zip(cell, told, strict=True)
        if _none(row, contract) < _NONE_IN_CELL
    )


def _written(none: Sequence[bool], names: Sequence[bool]) -> slice:
    """What of a line is written: without what is surely none at its ends, or beyond two of those.

    Args:
        none: Of each of its glyphs, whether it is surely none.
        names: Whether it has a name.
    """
    kept = [index for index, empty in enumerate(none) if not empty]
    named = [index for index, name in enumerate(names) if name]
    if not named:
        return slice(0, 0)
    before, after = range(named[0] - 1, kept[0], -1), range(named[-1] + 1, kept[-1])
    start = next((i + 1 for i in before if none[i] and none[i - 1]), kept[0])
    stop = next((i for i in after if none[i] and none[i + 1]), kept[-1] + 1)
    return slice(start, stop)


def _going_on(inside: slice, line: Sequence[Candidate], known: Sequence[Candidate]) -> slice:
    """What of a line is written, and what is last beyond its ends and may be glyphs that touch."""
    start, stop = inside.start, inside.stop
    if len(known) < SEVERAL:
        return inside
    before = start == 1 and not line[0].cut and goes_on(line[0], line[1], known)
    after = (
        stop == len(line) - 1 and not line[stop].cut and goes_on(line[stop], line[stop - 1], known)
    )
    return slice(start - before, stop + after)


def _solid(candidate: Candidate, glyph: Glyph) -> bool:
    """Whether a named candidate is more than a bare stroke, which nothing but a 1 is for sure."""
    certain = glyph.probability >= _LONE and glyph.label not in STROKES
    return certain or not slender(candidate)


def _none(row: Sequence[float], contract: Contract) -> float:
    return float(row[-1]) if contract.rejects else 0.0


def _glyph(
    candidate: Candidate, row: Sequence[float], contract: Contract, scale: float, *, beside: bool
) -> Glyph:
    probability = max(row[: len(contract.labels)])
    doubt = 1 - contract.threshold
    # Beside glyphs that are sure there are glyphs: where only which of them is in doubt, twice of
    # it is allowed.
    allowed = 2 * doubt if beside and _none(row, contract) < doubt / 2 else doubt
    sure = 1 - probability <= allowed and not candidate.cut
    label = contract.labels[row.index(probability)] if sure else UNCERTAIN
    return Glyph(label, probability, layout.scaled(candidate.box, scale))
