"""Looks for what usually goes wrong on a machine, and knows the remedies."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from digits_runtime.errors import InputError

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        verdict: `problem` stops something from working, `note` is good to know.
        what: What was found.
        remedy: What to do, for a problem or a note that has one.
    """

    verdict: Literal["ok", "note", "problem"]
    what: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at interpreter, packages, bundled models and cameras, in this order."""
    yield _interpreter()
    yield _onnxruntime()
    yield _opencv()
    yield _models()
    yield from _cameras()


def _interpreter() -> Finding:
    what = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.maxsize < 2**32:
        return Finding(
            "problem",
            f"{what}, 32-bit",
            "onnxruntime and OpenCV have 64-bit wheels only: install a 64-bit system",
        )
    return Finding("ok", what)


def _onnxruntime() -> Finding:
    found = _installed(_RUNTIMES)
    if len(found) > 1:
        return _overwritten(found, "onnxruntime  (or onnxruntime-gpu for a CUDA GPU)")
    if not found:
        return Finding("problem", "onnxruntime is missing", "pip install onnxruntime")
    import onnxruntime

    return Finding("ok", f"{_listed(found)}: {', '.join(onnxruntime.get_available_providers())}")


def _opencv() -> Finding:
    found = _installed(_OPENCVS)
    if len(found) > 1:
        return _overwritten(found, "opencv-python-headless")
    import cv2

    if tuple(int(part) for part in cv2.__version__.split(".")[:2]) < (4, 12):
        return Finding(
            "problem",
            f"OpenCV {cv2.__version__} has known holes",
            "pip install --upgrade opencv-python-headless",
        )
    return Finding("ok", f"OpenCV {cv2.__version__}")


def _models() -> Finding:
    from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, Session

    try:
        for path in (BUNDLED, BUNDLED_FLOAT):
            Session(path)
    except InputError as error:
        return Finding("problem", str(error), "pip install --force-reinstall digits-edge")
    return Finding("ok", f"bundled models: {BUNDLED.name}, {BUNDLED_FLOAT.name}")


def _cameras() -> Iterator[Finding]:
    if sys.platform != "linux":
        yield Finding("note", f"cameras are not looked for on {sys.platform}")
        return
    devices = sorted(Path("/dev").glob("video*"))
    if not devices:
        yield Finding(
            "note",
            "no camera (/dev/video*)",
            "plug one in; a Raspberry Pi's ribbon camera does not appear here",
        )
    for device in devices:
        if os.access(device, os.R_OK | os.W_OK):
            yield Finding("ok", f"camera {device}")
        else:
            yield Finding(
                "problem",
                f"camera {device} may not be read by this user",
                "sudo usermod -aG video $USER, then log in again",
            )


def _overwritten(found: dict[str, str], keep: str) -> Finding:
    """Packages that install the same files: whichever came last has half of its own."""
    return Finding(
        "problem",
        f"{_listed(found)} overwrite each other",
        f"pip uninstall -y {' '.join(found)} && pip install {keep}",
    )


def _listed(found: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _installed(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
