"""Measures a cold start: how long a fresh interpreter takes, and how much memory it then holds."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

_STARTS = 5
_HELP = "from digits_runtime.commands.cam import app; app(['--help'])"
# Imports, a session, a number read; then the most memory that the process ever held, in kB. The
# usual getrusage would count the parent's, from before the new program was loaded.
_FIRST_ANSWER = """
import numpy
from digits_runtime import Reader
import cv2
page = numpy.full((480, 640, 3), 210, numpy.uint8)
cv2.putText(page, "5281", (60, 300), cv2.FONT_HERSHEY_SIMPLEX, 5, (60, 40, 40), 12)
assert Reader().read(page).lines
try:
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
except OSError:
    pass
"""


@dataclass(frozen=True, slots=True)
class Startup:
    """A cold start, the fastest of a few: what else the machine does only ever adds.

    Attributes:
        help_ms: From nothing to the text of `digits-cam --help`.
        first_answer_ms: From nothing to the first number read.
        resident_mb: The most that the process held by then; None where the system does not tell.
    """

    help_ms: float
    first_answer_ms: float
    resident_mb: float | None


def measure() -> Startup:
    """Start interpreters, one after the other."""
    help_ms, _ = _fastest(_HELP)
    first_answer_ms, said = _fastest(_FIRST_ANSWER)
    return Startup(help_ms, first_answer_ms, float(said) * 1024 / 1e6 if said else None)


def _fastest(code: str) -> tuple[float, str]:
    """Milliseconds, and what it printed."""
    times, said = [], ""
    for _ in range(_STARTS):
        begun = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own interpreter and the constants above
            [sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True
        )
        times.append(1e3 * (time.perf_counter() - begun))
        said = done.stdout.strip()
    return min(times), said
