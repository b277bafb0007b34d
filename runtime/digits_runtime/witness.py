"""The page network as a second witness: on a page with little on it, that what was read is there.

Pieces of rules, of a desk's grain and of noise pass for a glyph or two each, the model being sure
of them, for it knows nothing of the page around. The network sees the page.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digits_runtime.contract import DIGITS
from digits_runtime.page_network import Sightings
from digits_runtime.ranks import median
from digits_runtime.reading import UNCERTAIN, Glyph
from digits_runtime.splitting import STROKES

# A page holds little if it has so many glyphs at most; a number so likely right needs no witness,
# one of strokes alone only if it is more likely. Where there is more, less is enough.
_LITTLE, _CERTAIN, _CERTAIN_STROKES, _LIKELY = 12, 0.98, 0.99, 0.9
# A glyph was seen with this probability, in a box that shares this of what both cover; on a page of
# so few glyphs it is to be named as the line has it, with that.
_SEEN, _SAME, _FEW, _NAMED = 0.65, 0.3, 3, 0.55
# From this height on, pixels, there may be writing, though the network does not surely see it; all
# of its glyphs have names then, or so many.
_LOWEST, _CLEAR = 12, 2

Told = tuple[tuple[Glyph, ...], float]  # a line, and how likely it is right


def wanted(told: Sequence[Told]) -> bool:
    """Whether a page's lines are few and none is certain, or none is likely, to ask the network."""
    if sum(len(line) for line, _ in told) > _LITTLE:
        return all(sure < _LIKELY for _, sure in told)
    return bool(told) and not any(
        sure >= (_CERTAIN_STROKES if all(g.label in STROKES for g in line) else _CERTAIN)
        for line, sure in told
    )


def confirmed(told: Sequence[Told], seen: Sightings, scale: float) -> list[Told]:
    """Those lines of a page of which the network saw a glyph, or may well have missed all.

    Where there are few glyphs it must have named one of a line alike: what is seen at all is rather
    much, for the network, too, sees glyphs in letters and scribbles.

    It need not see what is higher than it surely sees, nor what is lower and has names enough, but
    on a page that it saw as it is what is too low for writing, too.

    Args:
        told: The lines, in pixels of the frame.
        seen: By the network.
        scale: Pixels of the frame for one of the page that it saw.
    """
    low, high = seen.boxes[:, :2], seen.boxes[:, :2] + seen.boxes[:, 2:]
    sure = 1 - seen.rows[:, -1] >= _SEEN
    few = sum(len(line) for line, _ in told) <= _FEW
    lowest, highest = seen.sizes
    least = _LOWEST if seen.scale == 1 else 0

    def there(line: Sequence[Glyph]) -> bool:
        boxes = np.array([glyph.box for glyph in line]) / scale
        tall = median(boxes[:, 3])
        named = [glyph.label != UNCERTAIN for glyph in line]
        clear = all(named) or sum(named) >= _CLEAR
        if tall > highest or (least <= tall < lowest and clear):
            return True
        inter = np.minimum(high[:, None], boxes[:, :2] + boxes[:, 2:])
        inter -= np.maximum(low[:, None], boxes[:, :2])
        shared = inter.clip(0).prod(axis=2)
        both = seen.boxes[:, None, 2:].prod(axis=2) + boxes[:, 2:].prod(axis=1) - shared
        same = sure[:, None] & (shared >= _SAME * both)
        if few:
            known = [g.label in DIGITS for g in line]
            places = [DIGITS.index(g.label) if g.label in DIGITS else 0 for g in line]
            same &= known & (seen.rows[:, places] >= _NAMED)
        return bool(same.any())

    return [(line, right) for line, right in told if there(line)]
