"""Which file of a bundled model is faster on this machine, int8 or float: measured once, kept.

Processors without instructions for int8 dot products may run the float file faster.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from digits_runtime.files import read_bounded, write_whole
from digits_runtime.session import NAMED, Session

# As many glyphs as a frame has; each batch size alone would favour one of the two.
_BATCHES = (1, 8, 32)
# A float file is thrice as large, so it must be faster by more than the noise of measuring.
_WORTH_IT = 0.95
_LARGEST_CACHE = 1 << 16
_CPU_INFO = Path("/proc/cpuinfo")
_CPU_FIELDS = ("model name", "CPU implementer", "CPU part", "flags", "Features")


@dataclass(frozen=True, slots=True)
class Choice:
    """What was measured of one bundled model, microseconds a glyph; the mean over batch sizes."""

    int8_us: float
    float_us: float

    @property
    def kind(self) -> str:
        """`int8` or `float`."""
        return "float" if self.float_us < _WORTH_IT * self.int8_us else "int8"


def choose() -> dict[str, Choice]:
    """Measure every bundled model both ways and keep what is faster here.

    Raises:
        InputError: The cache cannot be written.
    """
    found = {name: _measure(name) for name in NAMED}
    kept = {"machine": _machine(), "kinds": {name: choice.kind for name, choice in found.items()}}
    path = cache()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(kept).encode())
    return found


def preferred(model: Path | None) -> Path:
    """The file to open.

    Args:
        model: What the user asked for; None is the bundled digits.

    Returns:
        For a bundled model the file that `choose` kept for this very machine, int8 where it never
        ran, or ran on another machine or with other files; anything else as it is.
    """
    name = "digits" if model is None else str(model)
    if name not in NAMED:
        return Path(name)
    with contextlib.suppress(Exception):  # a cache that is damaged or not ours is none
        kept = json.loads(read_bounded(cache(), _LARGEST_CACHE, "cache"))
        if kept["machine"] == _machine() and kept["kinds"][name] == "float":
            return _float(name)
    return NAMED[name]


def cache() -> Path:
    """Where the choice is kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "digits-edge" / "choice.json"


def _float(name: str) -> Path:
    return NAMED[name].with_name(f"{name}-float.onnx")


def _measure(name: str) -> Choice:
    from digits_runtime import timing

    runs = {}
    for kind, path in (("int8", NAMED[name]), ("float", _float(name))):
        prepare = timing.runner(Session(path, provider="cpu"))
        for batch in _BATCHES:
            runs[kind, batch] = prepare(batch)
    times = timing.fastest(runs)

    def mean(kind: str) -> float:
        return sum(1e6 * times[kind, batch] / batch for batch in _BATCHES) / len(_BATCHES)

    return Choice(mean("int8"), mean("float"))


def _machine() -> str:
    """Tells machines, runtimes and model files apart."""
    import onnxruntime

    told = hashlib.sha256(f"{platform.machine()} {onnxruntime.__version__}".encode())
    if _CPU_INFO.exists():
        first = _CPU_INFO.read_text(errors="replace").split("\n\n")[0].splitlines()
        told.update("\n".join(row for row in first if row.startswith(_CPU_FIELDS)).encode())
    for name in NAMED:
        told.update(NAMED[name].read_bytes() + _float(name).read_bytes())
    return told.hexdigest()
