"""Reads handwritten digits and characters from pictures and cameras.

>>> from digits_runtime import Reader
>>> Reader().read("photo.jpg").text
'05221859'
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from digits_runtime.errors import DigitsError, GateError, InputError, MissingExtraError
from digits_runtime.reading import Glyph, Reading

# OpenCV and onnxruntime read these once, when they are imported; any module here comes later.
_ENVIRONMENT = {
    # A small file can claim to be a gigantic picture.
    "OPENCV_IO_MAX_IMAGE_PIXELS": "50000000",
    # A frozen camera would otherwise block a read for ten seconds.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",
    # What fails is reported by us, in one line.
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    # onnxruntime writes telemetry files under the home folder unless told not to.
    "ORT_DISABLE_TELEMETRY": "1",
}
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

if TYPE_CHECKING:
    from digits_runtime.capture.fake import FakeCamera
    from digits_runtime.capture.settings import Settings
    from digits_runtime.capture.source import open_source
    from digits_runtime.reader import Reader

__all__ = [
    "DigitsError",
    "FakeCamera",
    "GateError",
    "Glyph",
    "InputError",
    "MissingExtraError",
    "Reader",
    "Reading",
    "Settings",
    "open_source",
]


_LATER = {
    "FakeCamera": "digits_runtime.capture.fake",
    "Reader": "digits_runtime.reader",
    "Settings": "digits_runtime.capture.settings",
    "open_source": "digits_runtime.capture.source",
}


def __getattr__(name: str) -> Any:
    # OpenCV and onnxruntime take a quarter of a second each; a command's --help needs neither.
    if name in _LATER:
        return getattr(importlib.import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
