"""What a model file says of itself: one JSON document in its metadata, read, checked and written.

A runtime needs nothing but the file: labels, input size, how sure is sure enough. Provenance is
there too (data, seed, accuracy, recipe, parent), but no date and no timing, so that equal work
gives equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, cast, get_args

from digits_runtime.errors import InputError
from digits_runtime.fields import Fields

METADATA_KEY = "digits_edge"
SCHEMA = 1
Precision = Literal["float", "fp16", "int8"]

INPUT = "glyphs"
OUTPUT = "logits"
# Of a page network.
PAGE_INPUT = "pixels"
PAGE_OUTPUTS = ("fine", "coarse")

DIGITS: tuple[str, ...] = tuple("0123456789")
ALNUM: tuple[str, ...] = tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")

_LARGEST_INPUT = 256


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
        recipe: How the file was quantized; empty for float and fp16.
        parent: SHA-256 of the tensors the file was made from.
    """

    labels: tuple[str, ...]
    rejects: bool
    ink: InkSpec
    temperature: float
    threshold: float
    precision: Precision
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
        read = _document(text, "glyph")
        ink = Fields(read.value("ink", dict), "its field 'ink'")
        size = ink.number("size", int, 8, _LARGEST_INPUT)
        return cls(
            labels=read.labels("labels"),
            rejects=read.value("rejects", bool),
            ink=InkSpec(size=size, box=ink.number("box", int, 4, size)),
            temperature=read.number("temperature", float, 1e-3, 1e3),
            threshold=read.number("threshold", float, 0.0, 1.0),
            precision=cast(Precision, read.choice("precision", get_args(Precision))),
            data=read.texts("data"),
            seed=read.number("seed", int, 0, 2**63),
            accuracy=read.shares("accuracy"),
            recipe=read.texts("recipe"),
            parent=read.value("parent", str),
        )


@dataclass(frozen=True, slots=True)
class PageContract:
    """Everything a runtime must know of a network that finds glyphs on a page.

    Attributes:
        labels: One string a glyph class, in the order of the scores.
        precision: Of the file's weights and arithmetic.
        data: What the scenes it learnt from were made of, by name, with its SHA-256.
        seed: Of the training run.
        accuracy: Shares of validation glyphs found and named, by precision: 0 to 1.
        recipe: How the file was quantized; empty for float.
        parent: SHA-256 of the tensors the file was made from.
    """

    labels: tuple[str, ...]
    precision: Precision
    data: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    accuracy: Mapping[str, float] = field(default_factory=dict)
    recipe: Mapping[str, str] = field(default_factory=dict)
    parent: str = ""

    def to_json(self) -> str:
        """Write the document: same contract, same text."""
        document = {"schema": SCHEMA, "task": "page", **asdict(self)}
        return json.dumps(document, sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> PageContract:
        """Read and check the document.

        Raises:
            InputError: It is not one of ours, or a field is missing or out of range.
        """
        read = _document(text, "page")
        return cls(
            labels=read.labels("labels"),
            precision=cast(Precision, read.choice("precision", get_args(Precision))),
            data=read.texts("data"),
            seed=read.number("seed", int, 0, 2**63),
            accuracy=read.shares("accuracy"),
            recipe=read.texts("recipe"),
            parent=read.value("parent", str),
        )


def _document(text: str, task: str) -> Fields:
    """Parse a model's description of itself, if it is of this schema and task."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"its digits-edge description is not JSON ({error})") from None
    except RecursionError:
        raise InputError("its digits-edge description is nested too deeply") from None
    read = Fields(document, "its description")
    if read.number("schema", int, 0, 10**6) != SCHEMA:
        raise InputError(
            f"its description has schema {document['schema']}, this version reads {SCHEMA}; "
            "export the model again or update digits-edge"
        )
    read.choice("task", (task,))
    return read
