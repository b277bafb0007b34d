"""How likely a line of glyphs is right as a whole, from what is known of it beside its names.

The product of its glyphs' probabilities is no such thing: the classifier says how likely a name is
of one whole glyph, not whether strokes were lost, glyphs touch, or texture was taken for writing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from digits_runtime.reading import UNCERTAIN, Glyph

# A logistic regression on the lines of generated pages, levels 1 to 5 mixed, and of pages without
# any digit, printed by tests/field/confidence.py; fitted with a forerunner of the bundled model.
# In the order of `features`, the constant last.
WEIGHTS = (2.259, 0.800, 0.670, 0.359, -0.359, -0.440, -0.630)
# Odds beyond this say no more.
_SUREST = 1e-4


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a line.

    Attributes:
        glyphs: With their names and probabilities.
        tall: Median height of those named, in pixels of the searched page.
        strength: Of its ink where it is strongest, 0 to 255.
        litter: Pieces of ink on its page that belong to no line.
    """

    glyphs: Sequence[Glyph]
    tall: float
    strength: float
    litter: int


def features(line: Evidence) -> tuple[float, ...]:
    """What the regression weighs: numbers of about the size of one."""
    lowest = min(glyph.probability for glyph in line.glyphs)
    boxes = [glyph.box for glyph in line.glyphs]
    gaps = [b[0] - a[0] - a[2] for a, b in itertools.pairwise(boxes)]
    touching = min(gaps, default=1) <= 0
    return (
        _log_odds(lowest),
        math.log(len(boxes)),
        math.log(max(line.tall, 1) / 32),
        math.log(max(line.strength, 1) / 128),
        math.log1p(line.litter),
        1.0 if touching else 0.0,
    )


def confidence(line: Evidence) -> float:
    """The probability that a line is right, every glyph of it; 0 where one is `?`."""
    if any(glyph.label == UNCERTAIN for glyph in line.glyphs):
        return 0.0
    score = sum(w * v for w, v in zip(WEIGHTS, (*features(line), 1.0), strict=True))
    return 1 / (1 + math.exp(-score))


def _log_odds(probability: float) -> float:
    held = min(max(probability, _SUREST), 1 - _SUREST)
    return math.log(held / (1 - held)) / 4
