"""Reads handwritten digits and characters from pictures and cameras.

>>> from digits_runtime import Reader
>>> Reader().read("photo.jpg").text
'05221859'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from digits_runtime.errors import DigitsError, GateError, InputError, MissingExtraError
from digits_runtime.reading import Glyph, Reading

if TYPE_CHECKING:
    from digits_runtime.reader import Reader

__all__ = [
    "DigitsError",
    "GateError",
    "Glyph",
    "InputError",
    "MissingExtraError",
    "Reader",
    "Reading",
]


def __getattr__(name: str) -> Any:
    # OpenCV and onnxruntime take a quarter of a second each; a command's --help needs neither.
    if name == "Reader":
        from digits_runtime.reader import Reader

        return Reader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
