"""The int8 models' answers on a processor without VNNI, compared with this one's.

    make processors

`qemu-x86_64 -cpu Haswell` runs this Python as a processor of 2013 does: AVX2, where a product of
uint8 and int8 saturates at 16 bits, and no AVX-512. Debian has it in the package qemu-user.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from digits_runtime.contract import ALNUM, DIGITS
from digits_runtime.one_glyph import single
from digits_runtime.pairs import BUNDLED_PAIRS
from digits_runtime.session import NAMED, Session

_PROCESSOR = "Haswell"
_GLYPHS = 500
_MODELS = {**NAMED, "pairs": BUNDLED_PAIRS}
# As few imports as do: under emulation each takes seconds.
_THERE = """
import sys, numpy
from digits_runtime.session import Session
held = numpy.load(sys.argv[1])
for model in sys.argv[2:]:
    name, path = model.split("=", 1)
    logits = Session(path, provider="cpu").logits(held["glyphs"])
    changed = int((logits.argmax(1) != held[name].argmax(1)).sum())
    worst = float(abs(logits - held[name]).max())
    print(f"{name}: {changed} of {len(logits)} answers changed, logits differ by up to {worst:g}")
    # Integers are the same; a layer left in float may round its sums otherwise.
    if changed or worst > 1e-4:
        sys.exit(1)
"""


def glyphs() -> np.ndarray:
    """Synthetic handwriting of all characters: uint8 `[n, 1, 28, 28]`."""
    from digits_train import synth

    inks, _ = synth.generate(tuple(dict.fromkeys(DIGITS + ALNUM)), _GLYPHS, seed=7)
    spec = Session(provider="cpu").contract.ink
    return np.stack([single(ink, spec, "bright") for ink in inks])[:, None]


def main() -> None:
    qemu = shutil.which("qemu-x86_64") or sys.exit(
        "error: qemu-x86_64 is missing: apt-get install qemu-user"
    )
    seen = glyphs()
    # On a processor that is not x86 this compares its own kernels with AVX2's.
    here = {name: Session(path, provider="cpu").logits(seen) for name, path in _MODELS.items()}
    named = [f"{name}={path}" for name, path in _MODELS.items()]
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder) / "held.npz"
        np.savez(held, glyphs=seen, **here)
        done = subprocess.run(
            [qemu, "-cpu", _PROCESSOR, sys.executable, "-c", _THERE, str(held), *named],
            check=False,
        )
    print(f"{_PROCESSOR}: {'the same answers' if not done.returncode else 'other answers'}")
    sys.exit(bool(done.returncode))


if __name__ == "__main__":
    main()
