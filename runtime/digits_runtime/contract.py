"""What a model file says of itself: one JSON document in its metadata, read, checked and written.

A runtime needs nothing but the file: labels, input size, how sure is sure enough. Provenance is
there too (data, seed, accuracy, recipe, parent), but no date and no timing, so that equal work
gives equal bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeVar

from digits_runtime.errors import InputError

METADATA_KEY = "digits_edge"
SCHEMA = 1
INPUT = "glyphs"
OUTPUT = "logits"

DIGITS: tuple[str, ...] = tuple("0123456789")
ALNUM: tuple[str, ...] = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_LARGEST_INPUT = 256
_MOST_LABELS = 4096

T = TypeVar("T")
N = TypeVar("N", int, float)


@dataclass(frozen=True, slots=True)
class InkSpec:
    """How a crop of ink becomes a model's input, in pixels.

    Attributes:
        size: Side of the square input.
        box: Longer side of the glyph inside it.
    """

    size: int = 28
    box: int = 20


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything a runtime must know of a glyph model, and where the model came from.

    Attributes:
        labels: One string a glyph class, in the order of the logits.
        rejects: Whether one more class follows the labels: "not a glyph".
        ink: The input.
        temperature: Divides the logits before softmax, so that probabilities mean what they say.
        threshold: A probability below this is not sure enough to name the glyph.
        precision: Of the file's weights and arithmetic.
        data: Training sets, by name, with the SHA-256 of their content.
        seed: Of the training run.
        accuracy: Share of right answers on the validation split, by precision: 0 to 1.
        recipe: How the file was quantized; empty for float.
        parent: SHA-256 of the tensors the file was made from.
    """

    labels: tuple[str, ...]
    rejects: bool
    ink: InkSpec
    temperature: float
    threshold: float
    precision: Literal["float", "int8"]
    data: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    accuracy: Mapping[str, float] = field(default_factory=dict)
    recipe: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""

    @property
    def classes(self) -> int:
        """Length of a row of logits."""
        return len(self.labels) + self.rejects

    def to_json(self) -> str:
        """Write the document: same contract, same text."""
        document = {"schema": SCHEMA, "task": "glyph", **asdict(self)}
        return json.dumps(document, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Contract:
        """Read and check the document.

        Raises:
            InputError: It is not one of ours, or a field is missing or out of range.
        """
        try:
            document = json.loads(text)
        except ValueError as error:
            raise InputError(f"its digits-edge description is not JSON ({error})") from None
        except RecursionError:
            raise InputError("its digits-edge description is nested too deeply") from None
        read = _Fields(document, "its description")
        if read.number("schema", int, 0, 10**6) != SCHEMA:
            raise InputError(
                f"its description has schema {document['schema']}, this version reads {SCHEMA}; "
                "export the model again or update digits-edge"
            )
        read.choice("task", ("glyph",))
        ink = _Fields(read.value("ink", dict), "its field 'ink'")
        size = ink.number("size", int, 8, _LARGEST_INPUT)
        return cls(
            labels=read.strings("labels"),
            rejects=read.value("rejects", bool),
            ink=InkSpec(size=size, box=ink.number("box", int, 4, size)),
            temperature=read.number("temperature", float, 1e-3, 1e3),
            threshold=read.number("threshold", float, 0.0, 1.0),
            precision="int8" if read.choice("precision", ("float", "int8")) == "int8" else "float",
            data=read.texts("data"),
            seed=read.number("seed", int, 0, 2**63),
            accuracy=read.shares("accuracy"),
            recipe=read.texts("recipe"),
            parent=read.value("parent", str),
        )


class _Fields:
    """Reads typed fields of one JSON object and names the one that is wrong."""

    def __init__(self, document: object, name: str) -> None:
        if not isinstance(document, dict):
            raise InputError(f"{name} is not a JSON object")
        self._document: dict[str, object] = document
        self._name = name

    def value(self, key: str, kind: type[T]) -> T:
        value = self._document.get(key)
        # bool passes for int in Python, and 1 is a fine float in JSON.
        if kind is float and type(value) is int:
            value = float(value) if abs(value) < 2**63 else math.inf
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"{self._name} lacks {key!r} as {kind.__name__}")
        return value

    def number(self, key: str, kind: type[N], low: float, high: float) -> N:
        value = self.value(key, kind)
        if not (math.isfinite(value) and low <= value <= high):
            raise InputError(f"{self._name} has {key!r} outside {low:g} to {high:g}")
        return value

    def choice(self, key: str, known: tuple[str, ...]) -> str:
        value = self.value(key, str)
        if value not in known:
            raise InputError(f"{self._name} has {key!r} = {value!r}, known: {', '.join(known)}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        values = self.value(key, list)
        if not 1 <= len(values) <= _MOST_LABELS or not all(
            isinstance(value, str) and 0 < len(value) <= 64 for value in values
        ):
            raise InputError(f"{self._name} has {key!r} that are not short strings")
        if len(set(values)) != len(values):
            raise InputError(f"{self._name} has {key!r} that repeat")
        return tuple(values)

    def texts(self, key: str) -> dict[str, str]:
        inner = _Fields(self.value(key, dict), f"its field {key!r}")
        return {name: inner.value(name, str) for name in inner._document}

    def shares(self, key: str) -> dict[str, float]:
        inner = _Fields(self.value(key, dict), f"its field {key!r}")
        return {name: inner.number(name, float, 0.0, 1.0) for name in inner._document}
