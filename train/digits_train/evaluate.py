"""Measures a checkpoint or an ONNX file on a set of glyphs, as the runtime would read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError

# A zero and the letter O, a one and the letter I, are one shape in many hands.
_LOOKALIKES = {"O": "0", "I": "1"}


@dataclass(frozen=True, slots=True)
class Model:
    """Either kind of model behind one face: `logits` takes uint8 `[n, 1, size, size]`."""

    labels: tuple[str, ...]
    rejects: bool
    ink: InkSpec
    logits: Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Score:
    """How a model did on a set.

    Attributes:
        set: Its name.
        n: Glyphs in it.
        accuracy: Share named rightly, 0 to 1, by the best of the labels.
        rejected: Share taken for "not a glyph", 0 to 1; None where the model has no such class.
        accuracy_merged: The same as accuracy with 0/O and 1/I as one each; None without letters.
    """

    set: str
    n: int
    accuracy: float
    rejected: float | None
    accuracy_merged: float | None

    def to_dict(self) -> dict[str, str | int | float]:
        """The JSON object; figures that do not apply are left out."""
        fields: dict[str, str | int | float | None] = {
            "set": self.set,
            "n": self.n,
            "accuracy": self.accuracy,
            "rejected": self.rejected,
            "accuracy_merged": self.accuracy_merged,
        }
        return {name: value for name, value in fields.items() if value is not None}


def open_model(path: str) -> Model:
    """Open the folder of a run, an ONNX file, or a bundled model: `digits` or `alnum`.

    Raises:
        InputError: It is none of these, or is damaged.
    """
    from digits_runtime.session import NAMED, Session

    if path == "bundled" or path in NAMED or Path(path).is_file():
        session = Session("digits" if path == "bundled" else path)
        contract = session.contract
        return Model(contract.labels, contract.rejects, contract.ink, session.logits)
    if not Path(path).is_dir():
        raise InputError(f"{path} is neither a run's folder nor a model file")
    import torch

    from digits_train import checkpoint, inference

    loaded = checkpoint.load(Path(path))
    network, state = loaded.network(), loaded.state
    return Model(
        state.labels,
        state.rejects,
        state.ink,
        lambda images: inference.predict(network, images, torch.device("cpu")),
    )


def score(
    model: Model, name: str, images: NDArray[np.uint8], labels: Sequence[str] | NDArray[np.str_]
) -> Score:
    """Measure a model.

    Args:
        model: What to measure.
        name: Of the set.
        images: uint8 `[n, 1, size, size]`, normalised for this model.
        labels: `[n]`, each one of the model's labels.
    """
    logits = model.logits(images)
    known = np.array(model.labels)
    truth = np.asarray(labels, dtype=known.dtype)
    answers = known[logits[:, : len(known)].argmax(1)]
    merged = None
    if set(_LOOKALIKES) & set(model.labels):
        merged = float((_merge(answers) == _merge(truth)).mean())
    return Score(
        set=name,
        n=len(truth),
        accuracy=float((answers == truth).mean()),
        rejected=float((logits.argmax(1) == len(known)).mean()) if model.rejects else None,
        accuracy_merged=merged,
    )


def draw(
    model: Model,
    name: str,
    images: NDArray[np.uint8],
    labels: Sequence[str] | NDArray[np.str_],
    folder: Path,
) -> None:
    """Write `confusion.png` and `mistakes.png` into `folder`; the arguments are those of `score`.

    Raises:
        InputError: The folder cannot be made or written to.
    """
    from digits_train import report

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {folder}: {error.strerror}; choose another"
        ) from None
    index = {label: number for number, label in enumerate(model.labels)}
    truth = np.array([index[str(label)] for label in labels])
    report.pictures(folder, images, truth, model.logits(images), model.labels, name)


def _merge(labels: NDArray[np.str_]) -> NDArray[np.str_]:
    for letter, digit in _LOOKALIKES.items():
        labels = np.where(labels == letter, digit, labels)
    return labels
