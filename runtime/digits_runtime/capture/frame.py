"""A frame, and what every source can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture.health import Health


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame.

    Attributes:
        image: uint8 BGR `[h, w, 3]`. Of a live source it is lent: the next frame may be written
            over it once that has been asked for, so copy what you keep.
        number: From 0, in order; numbers are left out where a live source was faster than its
            reader.
        captured: Seconds since the epoch; None for a file, where nobody knows.
    """

    image: NDArray[np.uint8]
    number: int
    captured: float | None


class Source(ABC):
    """Gives frames until it ends; a live one gives the newest and never ends by itself.

    Attributes:
        stills: Whether its frames are single pictures, which have nothing to do with each other.
    """

    stills = False

    @abstractmethod
    def next(self, timeout: float) -> Frame | None:
        """Wait for the next frame, or for the newest of a live source.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            None where no frame came in time or none will come: `health().state` is then `ended`.

        Raises:
            InputError: The source cannot be opened or read at all.
        """

    @abstractmethod
    def health(self) -> Health:
        """How it is doing now."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the camera or file; every frame it lent stays readable."""

    def __iter__(self) -> Iterator[Frame]:
        while True:
            frame = self.next(1.0)
            if frame is not None:
                yield frame
            elif self.health().state == "ended":
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
