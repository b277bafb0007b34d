"""How soon and how steadily numbers are announced: `make steady`.

    python tests/field/steady.py [FILMS [RATE]]

Each film is generated: an empty sheet, a number held in the hand, a hand that passes over it, the
same number, another paper (put there at once in half of the films, pushed in from the side in the
others), an empty sheet. Times are those of the film; how fast this machine reads plays no part.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from digits_runtime import Reader, Reading
from digits_runtime.tracking import Tracker
from digits_train.clip import CLIP_SIZE, film
from digits_train.scenes import INKS, Picture, light_on, paper, place, stain, text_of

SHEET, FIRST, HAND, AGAIN, SECOND, EMPTY = "sheet", "first", "hand", "again", "second", "empty"
SECONDS = {SHEET: 0.5, FIRST: 1.5, HAND: 0.7, AGAIN: 1.5, SECOND: 2.0, EMPTY: 2.0}
PUSHED = 0.3  # seconds in which a paper comes in from the side
SPOILT = 0.06  # share of the glyphs that the worse reader misses or misreads
SKIN = np.array([120, 160, 210], np.float32)


@dataclass
class Result:
    """What became of the films; seconds are from the first frame that shows the number whole."""

    first: list[float] = field(default_factory=list)
    second: list[float] = field(default_factory=list)
    gone: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    flickers: int = 0
    exact: int = 0
    frames: int = 0

    def take(self, act: str, text: str, truth: str, after: float) -> None:
        """Count a change of what is announced, so many seconds into an act."""
        if act == HAND:
            self.flickers += 1
        elif text == truth and act == FIRST:
            self.first.append(after)
        elif text == truth and act == SECOND:
            self.second.append(after)
        elif act == EMPTY and not text:
            self.gone.append(after)
        else:
            self.wrong.append(f"{text!r} for {truth!r} in {act}")


def main(films: int = 24, rate: float = 15.0) -> None:
    reader, results = Reader(), [Result(), Result()]
    for seed in range(films):
        _play(seed, rate, reader, results)
        print(".", end="", flush=True, file=sys.stderr)
    print(f"\n{films} films of {sum(SECONDS.values()):.1f} s at {rate:g} frames a second")
    for title, result in zip(("as read", f"{SPOILT:.0%} misread or missed"), results, strict=True):
        print(f"{title}: single readings exact {result.exact} of {result.frames}")
        for name, times in (
            ("a number until it is announced", result.first),
            ("another paper until its number is announced", result.second),
            ("an empty sheet until the number ends", result.gone),
        ):
            spread = f"median {np.median(times):.2f} s, slowest {max(times):.2f}" if times else "-"
            print(f"  {name}: {len(times)} of {films}, {spread}")
        print(f"  wrong announcements: {len(result.wrong)} {result.wrong}")
        print(f"  changes of the announced number while a hand passed: {result.flickers}")


def _play(seed: int, rate: float, reader: Reader, results: list[Result]) -> None:
    rng = np.random.default_rng([seed, 77])
    sheet = paper(rng, CLIP_SIZE, ruled=bool(seed % 3))
    light = light_on(rng, CLIP_SIZE, hard=False)
    written = [_page(sheet, rng) for _ in range(2)]
    texts = [text for _, text in written]
    trackers, announced, time = [Tracker() for _ in results], [""] * len(results), 0
    for act, seconds in SECONDS.items():
        began = time
        for step in range(round(seconds * rate)):
            page = {SHEET: sheet, EMPTY: sheet, SECOND: written[1][0]}.get(act, written[0][0])
            whole = act not in (SHEET, EMPTY, HAND)
            if act == SECOND and seed % 2 and step < PUSHED * rate:
                shown = round(CLIP_SIZE[1] * step / (PUSHED * rate))
                pushed = np.hstack([page[:, CLIP_SIZE[1] - shown :], written[0][0]])
                page, whole, began = pushed[:, : CLIP_SIZE[1]], False, time + 1
            if act == HAND:
                page = _with_hand(page, step / (seconds * rate))
            read = reader.read(film(page, light, time, rng), captured=100 + time / rate)
            truth = texts[act == SECOND]
            for which, reading in enumerate((read, _spoilt(read, rng))):
                result = results[which]
                number = trackers[which].update(reading)
                text = number.text if number else ""
                if whole:
                    result.frames += 1
                    result.exact += reading.text == truth
                if text != announced[which]:
                    result.take(act, text, truth, (time - began + 1) / rate)
                announced[which] = text
            time += 1


def _spoilt(reading: Reading, rng: np.random.Generator) -> Reading:
    """The reading of a worse reader: of its glyphs some are missed, some misread."""
    lines = []
    for line in reading.lines:
        glyphs = [glyph for glyph in line if rng.random() >= SPOILT / 2]
        labels = [str(rng.integers(10)) if rng.random() < SPOILT / 2 else g.label for g in glyphs]
        pairs = zip(glyphs, labels, strict=True)
        lines.append(tuple(replace(glyph, label=label) for glyph, label in pairs))
    return replace(reading, lines=tuple(line for line in lines if line))


def _page(sheet: Picture, rng: np.random.Generator) -> tuple[Picture, str]:
    lines = tuple(
        "".join(str(digit) for digit in rng.integers(0, 10, rng.integers(1, 7)))
        for _ in range(rng.integers(1, 3))
    )
    coverage, placed = place(lines, rng, CLIP_SIZE, int(rng.integers(60, 90)), pen=0.11)
    page = sheet.copy()
    stain(page, coverage, len(INKS) - 1, rng)
    return page, text_of(placed)


def _with_hand(page: Picture, share: float) -> Picture:
    """A hand with four fingers, `share` of its way across the page."""
    mask = np.zeros(page.shape[:2], np.uint8)
    x = round(-200 + share * (page.shape[1] + 400))
    cv2.ellipse(mask, (x, 330), (110, 130), 0, 0, 360, 255, -1)
    for finger in range(4):
        tip = (x - 90 + 60 * finger, 60 + 25 * abs(finger - 1))
        cv2.line(mask, (x - 60 + 40 * finger, 260), tip, 255, 34, cv2.LINE_AA)
    cv2.rectangle(mask, (x - 70, 400), (x + 70, page.shape[0]), 255, -1)
    alpha = cv2.GaussianBlur(mask, (0, 0), 3)[:, :, None] / np.float32(255)
    return np.asarray(page * (1 - alpha) + SKIN * alpha, np.float32)


if __name__ == "__main__":
    main(*[kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)])
