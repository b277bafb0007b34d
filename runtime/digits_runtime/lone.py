"""A picture that is one glyph and no more, cut out as data sets and other programs cut them.

Searched as a page it has no paper around its glyph, which seems to go on beyond the frame, and no
second glyph to tell by. So it is taken for what it is, if the model is sure.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime import ink, one_glyph
from digits_runtime.confidence import Evidence, confidence
from digits_runtime.reading import Glyph
from digits_runtime.session import Session
from digits_runtime.splitting import STROKES

# Pictures with a shorter side of at most so many pixels may be one glyph cut out.
_LARGEST = 160
# Its ink is so strong at least, and its name so sure: nothing beside it says that it is a glyph. A
# stroke may be the edge of a shadow, which is weaker than ink, or a strip of noise, whose pixels
# differ from those below by more than this share of the strongest in the mean.
_FAINT, _FAINT_STROKE, _SURE, _ROUGH = 40, 170, 0.95, 0.2


def read(picture: NDArray[np.uint8], session: Session) -> tuple[Glyph, float] | None:
    """Read the one glyph that a picture may be.

    Args:
        picture: uint8 `[h, w]` grey or `[h, w, 3]` BGR, in which no line was found.
        session: The model.

    Returns:
        The glyph and how likely it is right; None where the picture is too large or has no glyph
        that the model is sure of.
    """
    if min(picture.shape[:2]) > _LARGEST:
        return None
    inked = one_glyph.of_one_glyph(picture)
    peak = int(inked.max())
    strength = float(np.median(inked[inked > peak / 2])) if peak else 0.0
    contract = session.contract
    row = session.probabilities(ink.normalise(inked, contract.ink)[None, None])[0]
    best = int(row[: len(contract.labels)].argmax())
    label = contract.labels[best]
    if row[best] < max(_SURE, contract.threshold) or strength < _FAINT:
        return None
    if label in STROKES and (strength < _FAINT_STROKE or _steps_down(inked) > _ROUGH * peak):
        return None
    strokes = cv2.threshold(inked, ink.EDGE * peak, 255, cv2.THRESH_BINARY)[1]
    x, y, width, height = cv2.boundingRect(strokes)
    glyph = Glyph(label, float(row[best]), (x, y, width, height))
    return glyph, confidence(Evidence((glyph,), height, strength, 0))


def _steps_down(inked: ink.Grey) -> float:
    """The mean difference between pixels one above the other, grey levels."""
    return cv2.mean(cv2.absdiff(inked[1:], inked[:-1]))[0] if len(inked) > 1 else 0.0
