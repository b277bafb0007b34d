"""Readings over time to one steady answer.

Every glyph is followed from reading to reading, wherever the page moves, and its label is what
most of its last readings say. A number is announced once the text of all has stood for a while.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from digits_runtime.reading import Box, Glyph, Reading

# So many of a glyph's last readings have a vote in what it is.
_MEMORY = 9
# A label once given is held against others with less than this share of the votes.
_TAKES_OVER = 0.6
# A text is announced after so many readings in a row and so many seconds without a change.
_READINGS, _SECONDS = 3, 0.3
# So much longer if it has lost what was announced, or changed little of it: a hand passes.
_DOUBTED = 1.0
# Where nobody knows the time of a frame, it counts so much; a gap in time counts at most so much.
_FRAME, _LONGEST_GAP = 0.1, 0.5
# A glyph is near its track within this share of its size.
_NEAR = 0.6
# How far the page moved is looked for with at most so many tracks.
_ANCHORS = 12
# A shift by which this share of them meets its like needs no better.
_WELL = 0.75


@dataclass(frozen=True, slots=True)
class Stable:
    """A number that has stood still long enough to be announced.

    Attributes:
        text: Its lines, joined by newlines, with `?` where a glyph stays uncertain.
        confidence: That all of it is right, 0 to 1, by the last readings.
        since: When it was announced, in the seconds of `Reading.time`. Two announcements of equal
            text, with an empty page between them, differ in it.
    """

    text: str
    confidence: float
    since: float


@dataclass(eq=False, slots=True)
class _Track:
    """One glyph of the page over time."""

    box: Box
    label: str = ""
    seen: deque[Glyph | None] = field(default_factory=lambda: deque(maxlen=_MEMORY))

    @property
    def gone(self) -> int:
        """For how many readings it has not been seen."""
        last = next((at for at, glyph in enumerate(reversed(self.seen)) if glyph is not None), None)
        return _MEMORY if last is None else last

    @property
    def present(self) -> bool:
        """Whether at least half of the last readings have it."""
        return 2 * sum(glyph is not None for glyph in self.seen) >= len(self.seen)

    @property
    def settled(self) -> bool:
        """Whether one of the very last readings that have it still says what its label is."""
        glyphs = [glyph for glyph in self.seen if glyph is not None]
        return any(glyph.label == self.label for glyph in glyphs[-_READINGS:])

    @property
    def probability(self) -> float:
        """Of its label: the mean over the readings that have the glyph, 0 where they differ."""
        glyphs = [glyph for glyph in self.seen if glyph is not None]
        agreeing = sum(glyph.probability for glyph in glyphs if glyph.label == self.label)
        return agreeing / max(len(glyphs), 1)

    def take(self, glyph: Glyph | None) -> None:
        """Count one more reading, with this glyph or without one."""
        self.seen.append(glyph)
        if glyph is None:
            return
        self.box = glyph.box
        votes = Counter(seen.label for seen in self.seen if seen is not None)
        leader, count = votes.most_common(1)[0]
        if self.label not in votes or count >= _TAKES_OVER * votes.total():
            self.label = leader


class Tracker:
    """Turns readings, one after the other, into the number that is announced.

    A number is announced once three readings in a row and 0.3 s agree on it. It then stands until
    another does, or until the page has been empty for 1 s; what changes less than half of it is
    doubted for 1 s too, so that a hand may pass.
    """

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._shift = np.zeros(2)
        self._disagreed = False
        self._clock = 0.0
        self._time: float | None = None
        self._candidate, self._began, self._count = "", 0.0, 0
        self._announced: Stable | None = None
        self._held: list[tuple[_Track, str]] = []

    def update(self, reading: Reading) -> Stable | None:
        """Take the next reading; return the number that stands now, None where none does."""
        self._tick(reading.time)
        rows = self._follow(reading)
        text = _text(reading, rows)
        tracks = [track for row in rows for track in row]
        if text != self._candidate or not all(track.settled for track in tracks):
            self._candidate, self._began, self._count = text, self._clock, 0
        self._count += 1
        standing = "" if self._announced is None else self._announced.text
        confidence = float(np.prod([track.probability for track in tracks]))
        if text == standing:
            if self._announced is not None:
                self._held = [(track, track.label) for track in tracks]
                self._announced = replace(self._announced, confidence=confidence)
        elif self._count >= _READINGS and self._clock - self._began >= self._patience(tracks):
            since = self._clock if reading.time is None else reading.time
            self._announced = Stable(text, confidence, since) if text else None
            self._held = [(track, track.label) for track in tracks]
        return self._announced

    def _tick(self, time: float | None) -> None:
        """Go on by the time since the last reading; clocks that jump do no harm."""
        passed = _FRAME if time is None or self._time is None else time - self._time
        self._clock += min(passed, _LONGEST_GAP) if passed >= 0 else _FRAME
        self._time = time

    def _patience(self, tracks: Sequence[_Track]) -> float:
        """Seconds for which these glyphs must stand before they replace the number announced."""
        if self._announced is None:
            return _SECONDS
        kept = {id(track) for track, label in self._held if track.present and track.label == label}
        old = sum(id(track) in kept for track in tracks)
        return _DOUBTED if 2 * old >= len(tracks) or 2 * len(kept) > len(self._held) else _SECONDS

    def _follow(self, reading: Reading) -> list[list[_Track]]:
        """Give each glyph its track, and return the tracks of the page line by line."""
        glyphs = [glyph for line in reading.lines for glyph in line]
        shift = self._page_shift(glyphs)
        owners = _owners(self._tracks, glyphs, shift)
        for track in self._tracks:
            x, y, width, height = track.box
            track.box = (round(x + shift[0]), round(y + shift[1]), width, height)
        self._forget_other_page(glyphs, owners)
        tracks = [
            _Track(g.box) if owner is None else owner
            for g, owner in zip(glyphs, owners, strict=True)
        ]
        taken = {id(track) for track in tracks}
        missing = [track for track in self._tracks if id(track) not in taken]
        for track in missing:
            track.take(None)
        for track, glyph in zip(tracks, glyphs, strict=True):
            track.take(glyph)
        held = {id(track) for track, _ in self._held}
        self._tracks = tracks + [t for t in missing if any(t.seen) or id(t) in held]
        following = iter(tracks)
        rows = [[next(following) for _ in line] for line in reading.lines]
        rows = [[track for track in row if track.present] for row in rows]
        return _with(missing, rows)

    def _page_shift(self, glyphs: Sequence[Glyph]) -> NDArray[np.float64]:
        """Pixels right and down that the page has moved since the last reading.

        Of all ways to lay a track on a glyph the one by which most tracks meet a glyph, those of
        the same label twice as much; none at all, or as it moved before, where that does as well.
        """
        anchors = [track for track in self._tracks if track.present]
        anchors = anchors[:: -(-len(anchors) // _ANCHORS) or 1]
        if not anchors or not glyphs:
            self._shift = np.zeros(2)
            return self._shift
        places, sizes = _places(anchors), _sizes(anchors)
        targets = _places(glyphs)
        labels = np.array([glyph.label for glyph in glyphs])
        same = np.array([track.label for track in anchors])[:, None] == labels
        apart = targets[None, :, :] - places[:, None, :]
        best, score = _best_shift(np.stack([np.zeros(2), self._shift]), apart, sizes, same)
        if score < _WELL * 2 * len(anchors):
            likely = apart[same] if same.any() else apart.reshape(-1, 2)
            found, higher = _best_shift(likely, apart, sizes, same)
            if higher > score + 1:
                best = found
        nearest = np.abs(apart - best).max(axis=2)
        close = nearest < _NEAR * sizes[:, None]
        self._shift = np.median(apart[close], axis=0) if close.any() else np.zeros(2)
        return self._shift

    def _forget_other_page(self, glyphs: Sequence[Glyph], owners: Sequence[_Track | None]) -> None:
        """Where most labels differ twice running, what was seen before was another page."""
        pairs = zip(owners, glyphs, strict=True)
        followed = [(t, glyph) for t, glyph in pairs if t is not None and len(t.seen) > 1]
        differing = sum(track.label != glyph.label for track, glyph in followed)
        disagrees = 2 * differing > len(followed)
        if disagrees and self._disagreed:
            for track, _ in followed:
                last = track.seen[-1]
                track.seen.clear()
                track.seen.append(last)
        self._disagreed = disagrees


def _text(reading: Reading, rows: Sequence[Sequence[_Track]]) -> str:
    """The reading's text with each glyph's label as its track has it."""
    lines = tuple(tuple(Glyph(t.label, t.probability, t.box) for t in row) for row in rows)
    grid = reading.grid
    if grid is not None:
        voted = {glyph.box: glyph for line in lines for glyph in line}
        grid = tuple(
            tuple(tuple(voted[g.box] for g in cell if g.box in voted) for cell in row)
            for row in grid
        )
    return replace(reading, lines=lines, grid=grid).text


def _best_shift(
    shifts: NDArray[np.float64],
    apart: NDArray[np.float64],
    sizes: NDArray[np.float64],
    same: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], float]:
    """Of shifts `[s, 2]` the one by which most tracks meet a glyph, and its score.

    Args:
        shifts: To choose from.
        apart: `[t, g, 2]`, from each track to each glyph.
        sizes: `[t]`, of the tracks.
        same: `[t, g]`, where their labels are equal: counts twice.
    """
    missed = np.abs(apart[None] - shifts[:, None, None, :]).max(axis=3)
    met = (missed < _NEAR * sizes[:, None]) * (1.0 + same)
    scores = met.max(axis=2).sum(axis=1)
    best = int(scores.argmax())
    return shifts[best], float(scores[best])


def _owners(
    tracks: Sequence[_Track], glyphs: Sequence[Glyph], shift: NDArray[np.float64]
) -> list[_Track | None]:
    """The track of each glyph once the page has moved by `shift`: the nearest of about its size."""
    owners: list[_Track | None] = [None] * len(glyphs)
    if not tracks or not glyphs:
        return owners
    sizes, others = _sizes(tracks)[:, None], _sizes(glyphs)[None, :]
    larger = np.maximum(sizes, others)
    apart = np.abs(_places(tracks)[:, None] + shift - _places(glyphs)[None]).max(axis=2) / larger
    apart[2 * np.minimum(sizes, others) < larger] = np.inf
    while apart.min() < _NEAR:
        track, glyph = np.unravel_index(apart.argmin(), apart.shape)
        owners[glyph] = tracks[track]
        apart[track, :] = apart[:, glyph] = np.inf
    return owners


def _with(missing: Sequence[_Track], rows: list[list[_Track]]) -> list[list[_Track]]:
    """Put the tracks that this one reading left out in their places among the rows.

    Of another page are those that most glyphs of now were never seen together with.
    """
    ages = [len(track.seen) for row in rows for track in row]
    for track in missing:
        if not track.present or 2 * sum(age > track.gone for age in ages) < len(ages):
            continue
        x, y, _, height = track.box
        beside = [min(row, key=lambda other: abs(other.box[0] - x)) for row in rows if row]
        rows = [row for row in rows if row]
        off = [abs(o.box[1] + o.box[3] / 2 - y - height / 2) for o in beside]
        if off and min(off) < height / 2:
            row = rows[off.index(min(off))]
            row.append(track)
            row.sort(key=lambda other: other.box[0])
        else:
            rows.append([track])
            rows.sort(key=lambda row: row[0].box[1])
    return [row for row in rows if row]


def _places(boxes: Sequence[_Track] | Sequence[Glyph]) -> NDArray[np.float64]:
    """Centres, `[n, 2]`, x and y."""
    found = np.array([item.box for item in boxes], np.float64).reshape(-1, 4)
    return found[:, :2] + found[:, 2:] / 2


def _sizes(boxes: Sequence[_Track] | Sequence[Glyph]) -> NDArray[np.float64]:
    """The longer sides, `[n]`."""
    return np.array([max(item.box[2:]) for item in boxes], np.float64)
