"""Where answers go: terminal, JSON lines, recordings, a web page, MQTT, metrics.

Each output is a module of its own, which is imported only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from digits_runtime.capture.health import Health
from digits_runtime.reader import Reader
from digits_runtime.reading import Reading
from digits_runtime.tracking import Stable


class Output(Protocol):
    """Something that answers are given to, always from the same thread."""

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """Take what was read in a frame.

        Args:
            frame: uint8 BGR `[h, w, 3]`; its memory may change once this returns.
            reading: What was read in it.
            number: The number that stands, None where none does.
            health: Of the source.
        """

    def idle(self, health: Health) -> None:
        """Take the source's health; called about twice a second while no frame comes."""

    def close(self) -> None:
        """Finish what was begun; called once, last."""


class Outputs:
    """Several outputs as one, a context manager that closes them.

    Args:
        outputs: In the order in which they are shown to.
    """

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = tuple(outputs)

    def show(
        self, frame: NDArray[np.uint8], reading: Reading, number: Stable | None, health: Health
    ) -> None:
        """See `Output.show`."""
        for output in self._outputs:
            output.show(frame, reading, number, health)

    def idle(self, health: Health) -> None:
        """See `Output.idle`."""
        for output in self._outputs:
            output.idle(health)

    def close(self) -> None:
        """Close all, each whatever became of the others."""
        outputs, self._outputs = self._outputs, ()
        failed: Exception | None = None
        for output in outputs:
            try:
                output.close()
            except Exception as error:  # raised again below
                failed = failed or error
        if failed is not None:
            raise failed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def chosen(
    reader: Reader,
    *,
    as_json: bool = False,
    record: Path | None = None,
    serve: str | None = None,
    token: str | None = None,
    mqtt: str | None = None,
    metrics: str | None = None,
    redact: bool = False,
) -> Outputs:
    """Start the outputs that a user asked for; the terminal's view unless JSON lines were.

    Args:
        reader: Reads what is drawn on the page's pad.
        as_json: Print one JSON object a frame instead of the terminal's view.
        record: A video (`.mp4`, `.avi`) of annotated frames, or a folder that gets a picture of
            each number announced.
        serve: `HOST:PORT`, `HOST` or `PORT` of the web page.
        token: What a visitor must know; one is made up and printed where the address is not
            loopback and none is given.
        mqtt: `mqtt://[user@]host[:port][/topic]`, or `mqtts://` for TLS.
        metrics: `HOST:PORT` where Prometheus finds metrics, without the page.
        redact: Mask all of every frame but the glyphs' own boxes wherever it leaves the process.

    Raises:
        InputError: An address or path cannot be used.
        MissingExtraError: The packages of an output are not installed.
    """
    raise NotImplementedError
