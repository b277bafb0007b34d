"""Sees all glyphs of a page at once: where, how large, and which, by one small network.

Fully convolutional, one pass over the ink of a page. Glyphs are peaks of a map of their centres,
as in CenterNet (Zhou et al. 2019, "Objects as Points"), in a fine map for small writing and a
coarse one for large, with the size and the scores of the labels beside each peak.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import session, vetting
from digits_runtime.contract import METADATA_KEY, PAGE_INPUT, PAGE_OUTPUTS, PageContract
from digits_runtime.errors import InputError
from digits_runtime.ink import Grey, as_grey

BUNDLED_PAGE = Path(__file__).parent / "models" / "page-int8.onnx"

# Pixels of the page for one place of the fine map's channels and of the coarse one's.
STRIDES = (8, 16)
# Each place tells of its four quarters whether a centre lies there, then width and height.
QUARTERS, PLACED = 4, 6
# Sizes are told as logarithms to the base of two, over the stride, times this.
SIZE_STEPS = 4
# Longer side of glyphs, in pixels, up to which the fine map is to see them.
FINE = 42
# Longer side of the pages it learnt from, and how high the glyphs are that it surely sees, and that
# it sees at ease, pixels.
_SIDE, _LOWEST, _HIGHEST, _AT_EASE = 640, 14, 120, 24
# Sides of a page, and how many pixels go side by side as channels.
_MULTIPLE, _GROUP = 16, 4
# Peaks below this are none.
LEAST = 0.42
# How sure a peak is, from its score as a logit: this many times as steep, and even there. Fitted on
# generated pages that nothing was trained on.
_STEEP, _EVEN = 5.5, -0.2
# More than this many on a page is texture.
_MOST = 300


class Sightings(NamedTuple):
    """What was seen on a page, the surest first.

    Attributes:
        boxes: float64 `[n, 4]`: x, y, width and height, pixels of the page.
        rows: float32 `[n, labels + 1]`, probabilities of the labels, and of no glyph.
        scale: Pixels of the page for one that the network saw.
    """

    boxes: NDArray[np.float64]
    rows: NDArray[np.float32]
    scale: float = 1.0

    @property
    def sizes(self) -> tuple[float, float]:
        """How high the lowest and highest glyphs are that it can see, pixels of the page."""
        return _LOWEST * self.scale, _HIGHEST * self.scale


class PageNetwork:
    """A page network, ready to look at pages.

    Args:
        model: An ONNX file of the task `page`, or its bytes; by default the bundled one.
        provider: Where it must run.
        threads: Of one run.

    Raises:
        InputError: The model cannot be used, or not on this provider.
    """

    def __init__(
        self,
        model: Path | str | bytes = BUNDLED_PAGE,
        *,
        provider: session.Provider = "auto",
        threads: int = 1,
    ) -> None:
        name, content = session.content_of(model)
        vetting.vet_page(content, name)
        self._session, self.provider = session.started(content, name, provider, threads)
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
        try:
            self.contract = PageContract.from_json(text)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
        channels = PLACED + len(self.contract.labels)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        given = [(i.name, i.type, i.shape[3:]) for i in inputs]
        told = [(o.name, o.type, o.shape[1:2]) for o in outputs]
        if given != [(PAGE_INPUT, "tensor(uint8)", [_GROUP])] or told != [
            (output, "tensor(float)", [channels]) for output in PAGE_OUTPUTS
        ]:
            raise InputError(
                f"{name} has inputs and outputs that differ from its own description; "
                "export it again with digits-export"
            )

    def look(self, ink: Grey, tall: float = np.inf, *, large: bool = False) -> Sightings:
        """Look at a page.

        Args:
            ink: uint8 `[h, w]` from `paper.find_ink`.
            tall: How high its glyphs are, pixels: a large page of small ones is not shrunk so far.
            large: Whether a page is shrunk further, if they are too large to be seen whole.
        """
        whole = max(ink.shape) / _SIDE
        scale = max(tall / _AT_EASE if large else min(whole, tall / _AT_EASE), 1.0)
        if scale > 1:
            size = (max(round(ink.shape[1] / scale), 1), max(round(ink.shape[0] / scale), 1))
            ink = as_grey(cv2.resize(ink, size, interpolation=cv2.INTER_AREA))
        seen = sightings(self.maps(ink))
        return Sightings(seen.boxes * scale, seen.rows, scale)

    def maps(self, ink: Grey) -> list[NDArray[np.float32]]:
        """The fine and the coarse map: float32 `[6 + labels, h / stride, w / stride]`."""
        down, right = (-side % _MULTIPLE for side in ink.shape)
        whole = as_grey(cv2.copyMakeBorder(ink, 0, down, 0, right, cv2.BORDER_CONSTANT))
        height, width = whole.shape
        pixels = whole.reshape(1, height, width // _GROUP, _GROUP)
        found = self._session.run(list(PAGE_OUTPUTS), {PAGE_INPUT: pixels})
        return [np.asarray(out[0], np.float32) for out in found]


def sightings(maps: list[NDArray[np.float32]]) -> Sightings:
    """The glyphs that a page's two maps show."""
    found = [_peaks(out, stride) for out, stride in zip(maps, STRIDES, strict=True)]
    boxes, scores, logits = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(-scores, kind="stable")[:_MOST]
    boxes, scores, logits = boxes[order], scores[order], logits[order]
    kept = _apart(boxes)
    boxes, scores, logits = boxes[kept], scores[kept], logits[kept]
    names = np.exp(logits - logits.max(axis=1, keepdims=True))
    sure = 1 / (1 + np.exp(-_STEEP * (scores - _EVEN)))[:, None]
    rows = np.hstack((sure * names / names.sum(axis=1, keepdims=True), 1 - sure))
    return Sightings(boxes, rows.astype(np.float32))


def _peaks(
    out: NDArray[np.float32], stride: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Boxes `[n, 4]`, logits `[n]` and those of the labels `[n, labels]` of a map's peaks."""
    _, height, width = out.shape
    quarters = out[:QUARTERS].reshape(2, 2, height, width).transpose(2, 0, 3, 1)
    centres = np.ascontiguousarray(quarters.reshape(2 * height, 2 * width))
    around = np.asarray(cv2.dilate(centres, np.ones((3, 3), np.uint8)))
    y, x = np.nonzero((centres >= around) & (centres > np.log(LEAST / (1 - LEAST))))
    wide = np.asarray(cv2.copyMakeBorder(centres, 1, 1, 1, 1, cv2.BORDER_REPLICATE), np.float64)
    right = _between(wide[y + 1, x], wide[y + 1, x + 1], wide[y + 1, x + 2])
    down = _between(wide[y, x + 1], wide[y + 1, x + 1], wide[y + 2, x + 1])
    middle = np.stack((x + 0.5 + right, y + 0.5 + down), axis=1) * (stride / 2)
    told = out[:, y // 2, x // 2].T
    sides = stride * np.exp2(np.clip(told[:, QUARTERS:PLACED] / SIZE_STEPS, -4, 6))
    boxes = np.hstack((middle - sides / 2, sides)).astype(np.float64)
    return boxes, wide[y + 1, x + 1], told[:, PLACED:]


def _between(
    before: NDArray[np.float64], at: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Where between its neighbours a peak lies, by the parabola through the three: -0.5 to 0.5."""
    bend = 2 * at - before - after
    return np.where(bend > 0, (after - before) / np.maximum(2 * bend, 1e-3), 0).clip(-0.5, 0.5)


def _apart(boxes: NDArray[np.float64]) -> NDArray[np.intp]:
    """Indexes of the boxes that are not the same glyph as one before them.

    The same is what lies nearly where the other does, and what lies mostly within it.
    """
    x, y, w, h = (column[:, None] for column in boxes.T)
    across = np.abs((x + w / 2) - (x + w / 2).T) < 0.45 * np.minimum(w, w.T) + 0.12 * np.minimum(
        h, h.T
    )
    same = across & (np.abs((y + h / 2) - (y + h / 2).T) < 0.5 * np.maximum(h, h.T))
    shared = (np.minimum(x + w, (x + w).T) - np.maximum(x, x.T)).clip(0) * (
        np.minimum(y + h, (y + h).T) - np.maximum(y, y.T)
    ).clip(0)
    same |= shared > 0.6 * np.minimum(w * h, (w * h).T)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not same[index, kept].any():
            kept.append(index)
    return np.array(kept, np.intp)
