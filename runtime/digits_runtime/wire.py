"""Reads a protobuf message field by field, by a schema that leaves out what nobody may send.

The protobuf package builds every object that a file asks for before it can be judged: 2 MiB of
empty nodes become 153 MiB. Here payloads stay slices of the file, every field is paid for out of
a budget, and whatever the schema does not name, or names once and finds twice, is refused; so
there is nothing another reader of the same bytes could see and this one not.
tests/runtime/test_wire.py holds it to the onnx package's reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from digits_runtime.errors import InputError

Kind = Literal["int", "float", "bytes", "text"]
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message.

    Attributes:
        name: Its key in what `read` returns.
        kind: `int`: a signed 64-bit varint; `float`: 4 bytes, kept as they are; `bytes`: a slice of
            the file; `text`: UTF-8; or the schema of the message inside.
        many: Whether it may come more than once; it is then a list, empty where it never came.
    """

    name: str
    kind: Kind | Schema
    many: bool = False


Schema = Mapping[int, Field]


class Budget:
    """How many more fields may be read before a message is too much."""

    def __init__(self, fields: int) -> None:
        self.left = fields

    def spend(self) -> None:
        """Pay for one field.

        Raises:
            InputError: There is nothing left.
        """
        self.left -= 1
        if self.left < 0:
            raise InputError("it has more parts than any model of ours")


def read(message: memoryview, schema: Schema, budget: Budget) -> dict[str, Any]:
    """Read one message.

    Args:
        message: Its bytes.
        schema: Its fields by number.
        budget: Of this message and all within it.

    Returns:
        Values by name; of fields that may come once only those that did.

    Raises:
        InputError: It is cut short, not protobuf, too much, or has a field that is not allowed.
    """
    values: dict[str, Any] = {field.name: [] for field in schema.values() if field.many}
    at = 0
    while at < len(message):
        budget.spend()
        key, at = _varint(message, at)
        field = schema.get(key >> 3)
        if field is None:
            raise InputError(f"it has a part (field {key >> 3}) that no model of ours has")
        value, at = _payload(message, at, key & 7)
        for one in _values(value, key & 7, field, budget):
            if field.many:
                values[field.name].append(one)
            elif field.name in values:
                raise InputError(f"it has {field.name!r} twice")
            else:
                values[field.name] = one
    return values


def integers(packed: memoryview, budget: Budget) -> list[int]:
    """Signed 64-bit varints one after the other."""
    found, at = [], 0
    while at < len(packed):
        budget.spend()
        value, at = _varint(packed, at)
        found.append(_signed(value))
    return found


def _payload(message: memoryview, at: int, wire: int) -> tuple[int | memoryview, int]:
    if wire == _VARINT:
        return _varint(message, at)
    if wire == _BYTES:
        size, at = _varint(message, at)
    elif wire in (_FIXED32, _FIXED64):
        size = 4 if wire == _FIXED32 else 8
    else:
        raise InputError("it is not protobuf")
    if size > len(message) - at:
        raise InputError("it is cut short")
    return message[at : at + size], at + size


def _values(value: int | memoryview, wire: int, field: Field, budget: Budget) -> list[Any]:
    """What one field on the wire holds: mostly one value, of packed numbers any count."""
    kind = field.kind
    if isinstance(value, int):
        if kind == "int":
            return [_signed(value)]
    elif wire == _BYTES:
        if kind == "bytes":
            return [value]
        if kind == "text":
            try:
                return [str(value, "utf-8")]
            except UnicodeDecodeError:
                raise InputError(f"its {field.name!r} is no text") from None
        if kind == "int" and field.many:
            return list(integers(value, budget))
        if isinstance(kind, Mapping):
            return [read(value, kind, budget)]
    elif kind == "float" and wire == _FIXED32:
        return [value]
    raise InputError(f"its {field.name!r} is of another type than in ONNX")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_LONGEST_VARINT):
        if at >= len(message):
            raise InputError("it is cut short")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
    raise InputError("it is not protobuf")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
