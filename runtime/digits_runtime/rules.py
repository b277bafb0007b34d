"""Takes the printed lines of ruled and squared paper off a page."""

from __future__ import annotations

import cv2
import numpy as np

from digits_runtime.ink import Grey, as_grey

# A rule spans this much of the frame and is at most so thick, as a share of its height.
_RULE_WIDE, _RULE_HIGH, _RULE_THICK = 0.3, 0.5, 0.014
# Print weaker than this share of the strongest ink is told from writing by its strength alone.
_FAINT_RULE = 0.6
# Where a printed line falls squarely on pixels, it is this much stronger than in the median.
_RAGGED = 1.5
_LEVEL, _UPRIGHT = 0, 1
_STEP = 4


def without_rules(mask: Grey, ink: Grey, strongest: int) -> Grey:
    """Erase the rules of ruled and squared paper, but not the strokes that cross them.

    Args:
        mask: uint8 `[h, w]`, 255 where there is ink.
        ink: uint8 `[h, w]`, its strength.
        strongest: Strength of the strongest ink on the page.

    Returns:
        uint8 `[h, w]`, the mask without the rules.
    """
    for axis, span in ((_LEVEL, _RULE_WIDE), (_UPRIGHT, _RULE_HIGH)):
        length = mask.shape[1 - axis]
        reach = max(16, length // 20)
        runs = as_grey(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _run(reach, axis)))
        # Labelling is dear; most pages have no run long enough in all their rows together.
        if cv2.countNonZero(cv2.reduce(runs, axis, cv2.REDUCE_MAX)) < 0.5 * span * length:
            continue
        mask = _without_faint_rules(mask, runs, ink, axis, span * length, strongest)
        mask = _without_strong_rules(mask, axis, reach, span * length)
    return mask


def _without_faint_rules(
    mask: Grey, runs: Grey, ink: Grey, axis: int, span: float, strongest: int
) -> Grey:
    """Erase long straight lines that are weaker than the writing, however broken they are.

    A line turned a little against the pixels comes in pieces, a row apart from one to the next.
    """
    joined = cv2.dilate(cv2.dilate(runs, _run(3, 1 - axis)), _run(round(span / 3), axis))
    band = _long(as_grey(joined), axis, span)
    if band is None:
        return mask
    # The median, since strokes along the lines are in the band too.
    level = float(np.median(ink[(runs > 0) & (band > 0)]))
    if level > _FAINT_RULE * strongest:
        return mask
    weak = cv2.threshold(ink, _RAGGED * level, 255, cv2.THRESH_BINARY_INV)[1]
    return as_grey(cv2.bitwise_and(mask, cv2.bitwise_not(cv2.bitwise_and(band, weak))))


def _without_strong_rules(mask: Grey, axis: int, reach: int, span: float) -> Grey:
    """Erase long thin straight lines as strong as the writing.

    What is left of a run-length opening along the line, and is long and thin as a whole, is a
    rule; of it, pixels in a run across the line longer than the rule is thick belong to a stroke.
    """
    thick = max(4.0, _RULE_THICK * mask.shape[0])
    runs = as_grey(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _run(reach, axis)))
    rules = _long(runs, axis, span, thick)
    if rules is None:
        return mask
    # A rule's ragged rim lies just on either side of what the opening found.
    around = cv2.dilate(rules, _run(3, 1 - axis))
    across = cv2.morphologyEx(mask, cv2.MORPH_OPEN, _run(round(thick) + 2, 1 - axis))
    return as_grey(cv2.bitwise_and(mask, cv2.bitwise_or(cv2.bitwise_not(around), across)))


def _run(length: int, axis: int) -> Grey:
    """A kernel one pixel wide along the x axis (0) or the y axis (1)."""
    return np.ones((1, length) if axis == _LEVEL else (length, 1), np.uint8)


def _long(mask: Grey, axis: int, span: float, thick: float = np.inf) -> Grey | None:
    """The components at least `span` long along an axis and `thick` on average, or None.

    Every run in the mask is longer than the step, so labelling each fourth pixel along the axis,
    at a quarter of the cost, finds the same ones; their ends may be off by less than a step.
    """
    few = mask[:, ::_STEP] if axis == _LEVEL else mask[::_STEP]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(few), connectivity=8
    )
    length = _STEP * stats[:, cv2.CC_STAT_HEIGHT if axis == _UPRIGHT else cv2.CC_STAT_WIDTH]
    chosen = (length >= span) & (_STEP * stats[:, cv2.CC_STAT_AREA] <= thick * length)
    chosen[0] = False
    if not chosen.any():
        return None
    found = (chosen.astype(np.uint8) * 255)[labels]
    return as_grey(np.repeat(found, _STEP, 1 - axis)[: mask.shape[0], : mask.shape[1]] & mask)
