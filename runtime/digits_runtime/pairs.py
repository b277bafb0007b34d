"""Names two digits that touch at once, for where no cut through their ink tells them apart."""

from __future__ import annotations

import functools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_runtime.ink import Grey, as_grey, normalise
from digits_runtime.session import BUNDLED, Provider, Session

# What the network tells apart: single digits, and two that touch (Hochuli et al. 2018,
# "Handwritten digit segmentation: is it still necessary?").
PAIRS: tuple[str, ...] = (*DIGITS, *(left + right for left in DIGITS for right in DIGITS))
BUNDLED_PAIRS = BUNDLED.with_name("pairs-int8.onnx")

# Two digits are about twice as broad as one; squeezed so much, either has room enough in a square.
_SQUEEZED = 0.6


def squeezed(ink: Grey) -> Grey:
    """Make ink narrower, as the network sees it.

    Args:
        ink: uint8 `[h, w]`, bright on 0.

    Returns:
        uint8 `[h, w * 0.6]`.
    """
    width = max(1, round(_SQUEEZED * ink.shape[1]))
    return as_grey(cv2.resize(ink, (width, ink.shape[0]), interpolation=cv2.INTER_AREA))


class PairNames:
    """A network that names touching digits, opened when it is first asked: on few pages it is.

    Args:
        model: An ONNX file whose labels are `PAIRS`, and which rejects.
        provider: Where it must run.
        threads: Of one run.
    """

    def __init__(
        self, model: Path = BUNDLED_PAIRS, *, provider: Provider = "auto", threads: int = 1
    ) -> None:
        self._model, self._provider, self._threads = model, provider, threads

    @functools.cached_property
    def _session(self) -> Session:
        session = Session(self._model, provider=self._provider, threads=self._threads)
        if session.contract.labels != PAIRS or not session.contract.rejects:
            raise InputError(
                f"{self._model} does not name pairs of digits; train one with --classes pairs"
            )
        return session

    def tell(self, ink: Grey) -> NDArray[np.float32]:
        """Tell two digits that touch.

        Args:
            ink: uint8 `[h, w]`, upright, bright on 0, of both and nothing else.

        Returns:
            float32 `[2, 11]`: of the left and of the right one the probabilities of each digit,
            and, last, that it is not two digits.

        Raises:
            InputError: The model cannot be used.
        """
        session = self._session
        seen = normalise(squeezed(ink), session.contract.ink)
        row = session.probabilities(seen[None, None])[0]
        both = row[len(DIGITS) : len(PAIRS)].reshape(len(DIGITS), len(DIGITS))
        others = np.float32(1) - both.sum()
        return np.stack((np.append(both.sum(axis=1), others), np.append(both.sum(axis=0), others)))
