"""How old the frames of a stream are when they arrive, told from their own times."""

from __future__ import annotations

import math

# Seconds a second by which the clock of a camera may be off, and after which a way that has become
# longer for good counts as the usual one: a lag of 0.1 s is forgotten in ten.
_DRIFT = 0.01


class Lag:
    """Of one opened stream.

    The frame that took the least time from its stamp to its arrival waited nowhere: what another
    one took beyond that, it spent waiting. What all of them take, nobody here can know.

    Attributes:
        interval: Seconds between the last two stamps; 0 before there are two.
    """

    def __init__(self) -> None:
        self.interval = 0.0
        self._least, self._arrived, self._stamp = math.inf, 0.0, 0.0

    def behind(self, stamp: float, arrived: float) -> float:
        """Seconds that a frame waited, at least 0.

        Args:
            stamp: When it was taken, in seconds of the camera's clock, whatever that counts from.
            arrived: Seconds on the monotonic clock.
        """
        if self._least < math.inf:
            self.interval = max(0.0, stamp - self._stamp)
            # The lesser of both: a pause of ours, or what we then pass over, is no drift.
            self._least += _DRIFT * max(0.0, min(self.interval, arrived - self._arrived))
        self._least = min(self._least, arrived - stamp)
        self._arrived, self._stamp = arrived, stamp
        return arrived - stamp - self._least
