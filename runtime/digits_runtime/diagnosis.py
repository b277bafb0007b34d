"""Looks for what usually goes wrong on a machine, and knows the remedies."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from digits_runtime.capture.pi import PROGRAMS
from digits_runtime.errors import InputError

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
_NVIDIA = Path("/proc/driver/nvidia/version")
_DEVICE_TREE = Path("/proc/device-tree")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
# Bits of the firmware's word; 16 higher, that it has happened since the start.
_THROTTLING = {
    0: "too little voltage",
    1: "a capped clock",
    2: "throttling",
    3: "near too hot",
}
_POWER = "use the power supply made for this board and a short cable; give it a heat sink or fan"
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
    """Look at interpreter, packages, GPU, bundled models, board and cameras, in this order."""
    yield _interpreter()
    yield _onnxruntime()
    yield from _gpu()
    yield _opencv()
    yield _models()
    yield from _board()
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
    if not cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG):
        return Finding(
            "problem",
            f"OpenCV {cv2.__version__} was built without FFmpeg: no videos, no streams",
            "pip install --force-reinstall opencv-python-headless",
        )
    return Finding("ok", f"OpenCV {cv2.__version__}")


def _models() -> Finding:
    from digits_runtime.page_network import BUNDLED_PAGE, PageNetwork
    from digits_runtime.pairs import BUNDLED_PAIRS
    from digits_runtime.session import BUNDLED_FLOAT, NAMED, Session

    glyphs = (*NAMED.values(), BUNDLED_FLOAT, BUNDLED_PAIRS)
    try:
        for path in glyphs:
            Session(path)
        PageNetwork()
    except InputError as error:
        return Finding("problem", str(error), "pip install --force-reinstall digits-edge")
    names = ", ".join(path.name for path in (*glyphs, BUNDLED_PAGE))
    return Finding("ok", f"bundled models: {names}")


def _gpu() -> Iterator[Finding]:
    if "onnxruntime-gpu" in _installed(_RUNTIMES):
        from digits_runtime.session import Session

        try:
            Session(provider="cuda")
        except InputError as error:
            yield Finding(
                "problem",
                f"onnxruntime-gpu does not run on the GPU: {error}",
                "pip install 'onnxruntime-gpu[cuda,cudnn]' brings CUDA's libraries; the driver is "
                "the system's: nvidia-smi must show the GPU",
            )
        else:
            yield Finding("ok", "CUDA runs the model")
    elif _NVIDIA.exists():
        yield Finding(
            "note",
            "an NVIDIA GPU that this onnxruntime does not use",
            "for --provider cuda: pip uninstall -y onnxruntime && pip install "
            "'onnxruntime-gpu[cuda,cudnn]'",
        )


def _board() -> Iterator[Finding]:
    """A Raspberry Pi's power and heat, as its firmware tells them."""
    model = _text(_DEVICE_TREE / "model").rstrip("\0")
    if "Raspberry Pi" not in model:
        return
    try:
        flags = int(_text(_THROTTLED) or "0", 16)
    except ValueError:
        flags = 0
    happened = [what for bit, what in _THROTTLING.items() if flags >> bit & 1]
    before = [what for bit, what in _THROTTLING.items() if flags >> bit + 16 & 1]
    if happened:
        yield Finding("problem", f"{model}: {', '.join(happened)} right now", _POWER)
    elif before:
        yield Finding("note", f"{model}: {', '.join(before)} since it was started", _POWER)
    else:
        yield Finding("ok", model)
    if not any(map(shutil.which, PROGRAMS)):
        yield Finding(
            "note",
            "no rpicam-vid: a ribbon camera cannot be read (--source pi)",
            "sudo apt install rpicam-apps",
        )


def _cameras() -> Iterator[Finding]:
    if sys.platform != "linux":
        yield Finding("note", f"cameras are not looked for on {sys.platform}")
        return
    from digits_runtime.capture import v4l2

    cameras = v4l2.cameras()
    if not cameras:
        yield Finding(
            "note",
            "no camera (/dev/video*)",
            "plug one in, a virtual machine or container must be given it (--device /dev/video0); "
            "a Raspberry Pi's ribbon camera does not appear here: --source pi",
        )
    for camera in cameras:
        what = f"camera {camera.path}, {camera.name}"
        try:
            captures = v4l2.captures(camera.path)
        except PermissionError:
            yield Finding(
                "problem",
                f"{what}: may not be read by this user",
                "sudo usermod -aG video $USER, then log in again",
            )
        except OSError as error:
            yield Finding("problem", f"{what}: {error.strerror}", "unplug it and plug it in again")
        else:
            if captures:
                yield Finding("ok", what)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


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
