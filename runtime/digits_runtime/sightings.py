"""Puts what a page network saw together with the candidates found by their ink.

Where both agree, the candidate's ink is the cleaner; where the network sees several glyphs in one
candidate, or a glyph where there is none, its ink is cut out around what was seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import layout
from digits_runtime.comb_lines import lines_among
from digits_runtime.cutouts import upright
from digits_runtime.ink import Grey, as_grey
from digits_runtime.page import Candidate, Page
from digits_runtime.page_network import Sightings
from digits_runtime.ranks import percentile

# A candidate and a sighting whose boxes share this of what they cover are one; a candidate of which
# more than this is in what was seen is part of a glyph, or several.
_SAME, _PART = 0.5, 0.3
# But not one this high, as a share of what was seen, with less of it in that than so much.
_TALL, _MOSTLY = 0.6, 0.85
# Sightings that are none with this probability do not count.
_DOUBTED = 0.34
# What the network says of a candidate that it did not see but could.
_UNSEEN = 0.004
# A cut reaches so far beyond what was seen, as a share of its longer side, and pixels.
_MARGIN, _MORE = 0.14, 2
# What belongs to a glyph has ink well inside of its box, this share of its own at least, and is
# no speck.
_INSIDE, _OWN, _SPECK = 0.12, 0.2, 0.04
# Percentile of a cut that is paper, and how much stronger a stroke is, as a share of the strongest.
_GRAIN, _STROKE = 50, 0.33
_FEWEST = 12  # pixels of ink
# No hint rules a label out altogether; and the model, that knows nothing of the page around a
# glyph, does not rule out that it is none.
_LEAST_HINT, _MAYBE_NONE = 1e-4, 0.01
# A label has this probability by the model alone at least; one of which the network is as sure as
# that, this.
_LEAST_OWN, _SURELY, _LEAST_BESIDE = 0.2, 0.95, 0.05
_SEVERAL = 2


def joined(
    page: Page,
    ink: Grey,
    seen: Sightings,
    parents: Mapping[int, int] | None = None,
    is_one: Callable[[Candidate], bool] = lambda _: False,
) -> Page:
    """Group into lines what was found by its ink or seen by the network.

    Args:
        page: Without a grid.
        ink: uint8 `[h, w]`, what both were found on.
        seen: By the network.
        parents: Of those that are sure pieces of touching glyphs, by the identity of their ink,
            that of what they were cut from.
        is_one: Whether a candidate in which several were seen is one glyph for sure.

    Returns:
        The page, each candidate with what the network says of it.
    """
    parents = parents or {}
    sure = seen.rows[:, -1] < _DOUBTED
    seen = Sightings(seen.boxes[sure], seen.rows[sure], seen.scale)
    found = [candidate for line in page.lines for candidate in line]
    boxes = np.array([candidate.box for candidate in found], np.float64).reshape(-1, 4)
    inside, inter, shared = _overlaps(seen.boxes, boxes)
    unseen = np.full(seen.rows.shape[1], _UNSEEN / (seen.rows.shape[1] - 1), np.float32)
    unseen[-1] = 1 - _UNSEEN
    lowest, highest = seen.sizes
    heights = boxes[:, 3]
    areas = boxes[:, 2:].prod(axis=1)
    named = np.zeros(len(seen.boxes), np.bool_)
    pieces = np.array([id(candidate.ink) in parents for candidate in found], np.bool_)
    holds = inter > _PART * np.minimum(seen.boxes[:, 2:].prod(axis=1)[:, None], areas)
    # What holds two sure glyphs is none itself, so nothing else is it or a part of it.
    several = (holds & pieces).sum(axis=1) >= _SEVERAL
    kept, rest = [], []
    for index, candidate in enumerate(found):
        best = int(shared[:, index].argmax()) if len(shared) else 0
        if inside[:, index].sum() >= _SEVERAL and not pieces[index] and is_one(candidate):
            named |= inside[:, index]
            kept.append(candidate)
            continue
        single = heights[index] > highest or inside[:, index].sum() < _SEVERAL
        free = single and len(shared) > 0 and not (named[best] or several[best])
        if free and shared[best, index] >= _SAME:
            named[best] = True
            kept.append(replace(candidate, hint=seen.rows[best]))
        else:
            rest.append(index)
    for index in sorted(rest, key=lambda place: not pieces[place]):
        if pieces[index]:
            named |= holds[:, index]
            kept.append(found[index])
            continue
        loops = inside[:, index] & (seen.boxes[:, 3] < heights[index] / 2)
        if heights[index] > highest and (loops == inside[:, index]).all():
            # Too large to be seen whole: its loops may look like glyphs.
            named |= loops
            kept.append(found[index])
            continue
        covered = inter[:, index] / areas[index]
        # Beside a glyph that was seen stands its neighbour, and not a part of it.
        beside = named & (heights[index] >= _TALL * seen.boxes[:, 3]) & (covered < _MOSTLY)
        whole = ~beside & ~several
        if not (whole & (inside[:, index] | (covered > _PART))).any():
            # Too small, or cut by the frame's edge: then it proves nothing that it was not seen.
            blind = heights[index] < lowest or found[index].cut
            kept.append(found[index] if blind else replace(found[index], hint=unseen))
    _, slope = layout.lines_of(np.rint(seen.boxes).astype(np.int64))
    for number in np.flatnonzero(~named).tolist():
        cut = _cut(ink, seen.boxes, number, slope)
        if cut is not None:
            kept.append(replace(cut, hint=seen.rows[number]))
    # Slanting pieces lie above one another, so what was cut stands in its line as it was.
    parts: dict[int, list[Candidate]] = {}
    order = {id(candidate.ink): place for place, candidate in enumerate(found)}
    for candidate in sorted(kept, key=lambda one: order.get(id(one.ink), len(order))):
        parts.setdefault(parents.get(id(candidate.ink), id(candidate.ink)), []).append(candidate)
    units = list(parts.values())
    around = [layout.bounds([candidate.box for candidate in unit]) for unit in units]
    lines, _ = lines_among(np.array(around, np.int64).reshape(-1, 4), page.combs)
    each = [[candidate for index in line for candidate in units[index]] for line in lines]
    return replace(page, lines=each)


def weighed(
    rows: NDArray[np.float32], hints: NDArray[np.float32], threshold: float
) -> NDArray[np.float32]:
    """What model and page network say together: as two witnesses, the product of both.

    The network alone names nothing, does not make a glyph of what the model takes for none, and
    does not unmake one of which the model is sure by not having seen it.

    Args:
        rows: `[n, labels + 1]` of the model.
        hints: The same of the network.
        threshold: The probability from which on the model is sure.
    """
    own_none = rows[:, -1]
    joint = np.column_stack((rows[:, :-1], np.maximum(own_none, _MAYBE_NONE)))
    joint *= np.maximum(hints, _LEAST_HINT)
    joint /= joint.sum(axis=1, keepdims=True)
    best = joint[:, :-1].argmax(axis=1)
    each = np.arange(len(rows))
    least = np.where(hints[each, best] >= _SURELY, _LEAST_BESIDE, _LEAST_OWN)
    alone = (joint[:, -1] < 0.5) & (rows[each, best] < least)
    none = np.maximum(joint[:, -1], own_none)
    joint[:, :-1] *= ((1 - none) / np.maximum(1 - joint[:, -1], _LEAST_HINT))[:, None]
    joint[:, -1] = none
    alone |= (rows[:, :-1].max(axis=1) >= threshold) & (hints[:, -1] > 0.5)
    return np.where(alone[:, None], rows, joint)


def _overlaps(
    seen: NDArray[np.float64], found: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Of each sighting and candidate `[n, m]`: is its middle inside, pixels shared, IoU."""
    low, high = seen[:, None, :2], seen[:, None, :2] + seen[:, None, 2:]
    start, end = found[None, :, :2], found[None, :, :2] + found[None, :, 2:]
    middle = (low + high) / 2
    inside = np.asarray(((middle >= start) & (middle <= end)).all(axis=2))
    inter = (np.minimum(high, end) - np.maximum(low, start)).clip(0).prod(axis=2)
    both = seen[:, None, 2:].prod(axis=2) + found[None, :, 2:].prod(axis=2) - inter
    return inside, inter, inter / np.maximum(both, 1)


def _cut(ink: Grey, boxes: NDArray[np.float64], number: int, slope: float) -> Candidate | None:
    """Cut out what was seen: its ink alone, without its neighbours'; None if there is none."""
    x, y, w, h = (float(value) for value in boxes[number])
    margin = _MARGIN * max(w, h) + _MORE
    left, top = int(max(0, x - margin)), int(max(0, y - margin))
    part = ink[top : int(max(0, y + h + margin)) + 1, left : int(max(0, x + w + margin)) + 1].copy()
    if part.size == 0:
        return None
    grain = percentile(part, _GRAIN)
    _leave_out_neighbours(part, boxes, number, (left, top))
    inked = part[part > 0]
    if len(inked) < _FEWEST:
        return None
    strongest = percentile(inked, 97)
    smooth = as_grey(cv2.GaussianBlur(part, (0, 0), max(0.6, 0.018 * h)))
    strong = (smooth > grain + _STROKE * max(strongest - grain, 1)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(strong, connectivity=8)
    rows = slice(max(int(y + _INSIDE * h) - top, 0), int(y + (1 - _INSIDE) * h) - top + 1)
    columns = slice(max(int(x + _INSIDE * w) - left, 0), int(x + (1 - _INSIDE) * w) - left + 1)
    within = np.bincount(labels[rows, columns].ravel(), minlength=count)
    areas = stats[:, cv2.CC_STAT_AREA]
    own = (within > 0) & (within >= _OWN * areas)
    own[0] = False
    own &= areas >= _SPECK * areas[own].max(initial=0)
    if not own.any():
        return None
    mask = own[labels].astype(np.uint8)
    around = as_grey(cv2.dilate(mask * np.uint8(255), np.ones((3, 3), np.uint8)))
    floor = np.uint8(grain + 0.1 * (strongest - grain))
    clean = as_grey(cv2.bitwise_and(cv2.subtract(part, np.full_like(part, floor)), around))
    bx, by, bw, bh = cv2.boundingRect(mask)
    near = clean[max(by - 2, 0) : by + bh + 2, max(bx - 2, 0) : bx + bw + 2]
    glyph = as_grey(cv2.copyMakeBorder(near, 1, 1, 1, 1, cv2.BORDER_CONSTANT))
    box = (left + bx, top + by, bw, bh)
    cut = box[0] == 0 or box[1] == 0
    cut = cut or box[0] + bw == ink.shape[1] or box[1] + bh == ink.shape[0]
    return Candidate(box, upright(glyph, slope), cut)


def _leave_out_neighbours(
    part: Grey, boxes: NDArray[np.float64], number: int, corner: tuple[int, int]
) -> None:
    """Blank, in place, what is nearer to another glyph, measured by the size of each."""
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    reach = boxes[:, 2:] + 0.3 * boxes[:, :1:-1]
    far = np.abs(middles - middles[number]) > 0.75 * (boxes[:, 2:] + boxes[number, 2:]) + 4
    y, x = np.mgrid[: part.shape[0], : part.shape[1]].astype(np.float32)
    x += corner[0] + 0.5
    y += corner[1] + 0.5

    def distance(of: int) -> NDArray[np.float32]:
        across, down = (x - middles[of, 0]) / reach[of, 0], (y - middles[of, 1]) / reach[of, 1]
        return np.asarray(across**2 + down**2, np.float32)

    own = distance(number)
    for other in np.flatnonzero(~far.any(axis=1)).tolist():
        if other != number:
            part[distance(other) < own] = 0
