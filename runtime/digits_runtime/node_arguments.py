"""What a node of a model's graph is given: its inputs and attributes.

The graph may come from anywhere, so each is asked for by what it should be, or is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digits_runtime.errors import InputError

Shape = tuple[int, ...]

FLOAT32, INT64, UINT64 = 1, 7, 13


@dataclass(frozen=True, slots=True)
class Constant:
    """An initialiser: its shape, its ONNX type, and its numbers if they are few and whole."""

    shape: Shape
    kind: int = FLOAT32
    values: tuple[int, ...] | None = None


class Arguments:
    """Inputs and attributes of one node, each asked for by what it should be."""

    def __init__(self, node: Mapping[str, Any], values: Mapping[str, Constant]) -> None:
        self.operator: str = node["op_type"]
        self._inputs = [values[name] if name else None for name in node["input"]]
        self._attributes: dict[str, Mapping[str, Any]] = {}
        for attribute in node["attribute"]:
            self._attributes[attribute.get("name", "")] = attribute
        if len(self._attributes) < len(node["attribute"]):
            raise self.odd("has an attribute twice")

    def odd(self, fault: str) -> InputError:
        """The error that says what is wrong with the node."""
        return InputError(f"{self.operator} {fault}")

    def given(self, place: int) -> bool:
        """Whether it has its input of this place."""
        return place < len(self._inputs) and self._inputs[place] is not None

    def input(self, place: int, axes: int | None = None) -> Constant:
        """The input of this place, of so many axes; it has to be there."""
        found = self._inputs[place] if place < len(self._inputs) else None
        if found is None or axes not in (None, len(found.shape)):
            raise self.odd(f"lacks its input {place}, or it has another number of axes")
        return found

    def all_inputs(self) -> list[Constant]:
        """Every input; none may be left out."""
        return [self.input(place) for place in range(len(self._inputs))]

    def whole(self, place: int) -> tuple[int, ...]:
        """The numbers of an input that the file states."""
        values = self.input(place).values
        if values is None:
            raise self.odd(f"takes its input {place} from what the graph computes")
        return values

    def integer(self, name: str, default: int) -> int:
        """An attribute."""
        value = self._attributes.get(name, {}).get("i", default)
        return int(value)

    def integers(self, name: str, default: Sequence[int], low: int) -> tuple[int, ...]:
        """An attribute of as many integers as its default, none below `low`."""
        found = tuple(self._attributes[name]["ints"] if name in self._attributes else default)
        if len(found) != len(default) or min(found, default=low) < low:
            raise self.odd(f"has {name} = {list(found)}")
        return found

    def axis(self, name: str, default: int, axes: int) -> int:
        """An attribute that names one of so many axes, counted from the front."""
        return self._in_range(self.integer(name, default), axes)

    def axes(self, values: Sequence[int], axes: int) -> tuple[int, ...]:
        """Axes counted from the front, each at most once."""
        found = tuple(self._in_range(value, axes) for value in values)
        if len(set(found)) < len(found):
            raise self.odd("names an axis twice")
        return found

    def unpadded(self) -> None:
        """Make sure that padding is spelt out."""
        if self._attributes.get("auto_pad", {}).get("s", "NOTSET") != "NOTSET":
            raise self.odd("pads by itself")

    def _in_range(self, axis: int, axes: int) -> int:
        if not -axes <= axis < axes:
            raise self.odd(f"has no axis {axis}")
        return axis % axes
