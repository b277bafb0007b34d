"""Reads what a JSON document must hold, and names what it does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

from digits_runtime.errors import InputError

T = TypeVar("T")
N = TypeVar("N", int, float)

_MOST_LABELS = 4096
_LONGEST_LABEL = 64


def check_label(label: str) -> None:
    """Make sure that a label can be printed on a line and typed again.

    Raises:
        InputError: It is empty, too long, `?` (which stands for uncertain), or has a comma or a
            character that does not print.
    """
    if not 0 < len(label) <= _LONGEST_LABEL or not label.isprintable():
        raise InputError(f"{label!r} cannot be used: take 1 to {_LONGEST_LABEL} letters")
    if label == "?" or "," in label:
        raise InputError(f"{label!r} cannot be used: '?' stands for uncertain, ',' parts labels")


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Make sure that labels can be told apart, printed on a line and typed again.

    Raises:
        InputError: There are fewer than two or too many, or one repeats or cannot be used.
    """
    if not 2 <= len(labels) <= _MOST_LABELS:
        raise InputError(f"there are {len(labels)}, but a model needs 2 to {_MOST_LABELS}")
    for label in labels:
        check_label(label)
    if len(set(labels)) != len(labels):
        raise InputError("one stands there twice")
    return tuple(labels)


class Fields:
    """Typed fields of one JSON object; each method raises InputError naming the one that is wrong.

    Args:
        document: What the JSON said.
        name: What to call it in an error.

    Raises:
        InputError: It is no object.
    """

    def __init__(self, document: object, name: str) -> None:
        if not isinstance(document, dict):
            raise InputError(f"{name} is not a JSON object")
        self._document: dict[str, object] = document
        self._name = name

    def value(self, key: str, kind: type[T]) -> T:
        """A value of just this type; a whole number passes for float."""
        value = self._document.get(key)
        # bool passes for int in Python, and 1 is a fine float in JSON.
        if kind is float and type(value) is int:
            value = float(value) if abs(value) < 2**63 else math.inf
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{self._name} lacks {key!r} as {kind.__name__}")
        return value

    def number(self, key: str, kind: type[N], low: float, high: float) -> N:
        """A finite number from `low` to `high`."""
        value = self.value(key, kind)
        if not (math.isfinite(value) and low <= value <= high):
            raise InputError(f"{self._name} has {key!r} outside {low:g} to {high:g}")
        return value

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        """One of the strings known."""
        value = self.value(key, str)
        if value not in known:
            raise InputError(f"{self._name} has {key!r} = {value!r}, known: {', '.join(known)}")
        return value

    def labels(self, key: str) -> tuple[str, ...]:
        """Labels of glyph classes, see `check_labels`."""
        values = self.value(key, list)
        if not all(isinstance(value, str) for value in values):
            raise InputError(f"{self._name} has {key!r} that are not strings")
        try:
            return check_labels(values)
        except InputError as error:
            raise InputError(f"{self._name} has {key!r} of which {error}") from None

    def has(self, key: str) -> bool:
        """Whether there is something other than null."""
        return self._document.get(key) is not None

    def texts_in(self, key: str) -> list[str]:
        """An array of strings."""
        values = self.value(key, list)
        if not all(isinstance(value, str) for value in values):
            raise InputError(f"{self._name} has {key!r} that are not strings")
        return values

    def tables_in(self, key: str) -> list[dict[str, float]]:
        """An array of objects of finite numbers."""
        rows = [Fields(row, f"its field {key!r}") for row in self.value(key, list)]
        return [
            {name: row.number(name, float, -math.inf, math.inf) for name in row._document}
            for row in rows
        ]

    def numbers_in(self, key: str, count: int, low: int, high: int) -> tuple[int, ...]:
        """An array of so many whole numbers from `low` to `high`."""
        values = self.value(key, list)
        if len(values) != count or not all(
            type(value) is int and low <= value <= high for value in values
        ):
            raise InputError(
                f"{self._name} has {key!r} that are not {count} whole numbers {low} to {high}"
            )
        return tuple(values)

    def texts(self, key: str) -> dict[str, str]:
        """An object of strings."""
        inner = Fields(self.value(key, dict), f"its field {key!r}")
        return {name: inner.value(name, str) for name in inner._document}

    def whole_numbers(self, low: int, high: int) -> dict[str, int]:
        """All fields, each a whole number."""
        return {name: self.number(name, int, low, high) for name in self._document}

    def shares(self, key: str) -> dict[str, float]:
        """An object of numbers from 0 to 1."""
        inner = Fields(self.value(key, dict), f"its field {key!r}")
        return {name: inner.number(name, float, 0.0, 1.0) for name in inner._document}
