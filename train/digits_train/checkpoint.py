"""Checkpoints: `checkpoint-<hash>.safetensors` for tensors, `checkpoint.json` for the rest.

The JSON is written last and names the tensor file by its hash, so a checkpoint is whole or is
still the one before it; nothing in it can execute code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_runtime.fields import Fields
from digits_runtime.files import read_bounded, write_whole
from digits_train.architectures import NAMES, Architecture, Scaled, build, depths

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

SCHEMA = 2
STATE = "checkpoint.json"
# Weights averaged over the run, the ones to evaluate and export, carry this prefix.
AVERAGE = "average."

_LARGEST_STATE = 16 << 20
_LARGEST_TENSORS = 2 << 30


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was asked for.

    Attributes:
        data: Names of data sets, or folders.
        epochs: Passes over the data.
        seed: Of weights, order, augmentation and synthetic data.
        init: What the weights started from: a run's folder, `bundled`, or None for chance.
        teachers: The runs whose answers are learnt beside the labels.
        precision: Of the steps, fp32 or bf16.
        batch: Glyphs a step.
        learning_rate: At its peak, after the warm-up.
        weight_decay: Of the convolutions' and the classifier's weights.
        smoothing: Of the labels (Szegedy et al. 2016).
        averaging: Horizon, in steps, of the weights' moving average.
        negatives: "Not a glyph" images, as a share of the glyphs; 0 leaves that class out.
        pictured: Glyphs seen a second time as in a poor picture (`snapshots`), as a share of all.
        rounded: Whether layers round as int8 does while training (`qat`).
    """

    data: tuple[str, ...]
    epochs: int
    seed: int = 0
    init: str | None = None
    teachers: tuple[str, ...] = ()
    precision: str = "fp32"
    batch: int = 256
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    smoothing: float = 0.0
    averaging: int = 400
    negatives: float = 0.12
    pictured: float = 0.4
    rounded: bool = False

    @property
    def clean(self) -> bool:
        """Whether the glyphs alone are learnt, as `--clean` asks for."""
        return self.negatives == 0 and self.pictured == 0


@dataclass(frozen=True, slots=True)
class State:
    """All of a run but its tensors.

    Attributes:
        labels: One string a glyph class, in the order of the logits.
        rejects: Whether "not a glyph" is one more class after them.
        ink: The input of the network.
        architecture: What to build before loading tensors.
        settings: What the run was asked for.
        data: Training sets by name, with the SHA-256 of their content.
        parent: SHA-256 of the tensors the run started from; empty for chance.
        epoch: Epochs done.
        accuracy: Share of right answers on each validation split, 0 to 1.
        history: One entry an epoch: loss, training and validation accuracy.
        averaged: SHA-256 of the tensors of the runs whose mean it is (`soup`); empty of one run.
    """

    labels: tuple[str, ...]
    rejects: bool
    ink: InkSpec
    architecture: Architecture
    settings: Settings
    data: Mapping[str, str]
    parent: str = ""
    epoch: int = 0
    accuracy: Mapping[str, float] = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()
    averaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, its tensors on the CPU, and the SHA-256 of the tensor file."""

    state: State
    tensors: Mapping[str, torch.Tensor]
    sha256: str

    def network(self) -> Scaled:
        """Build the network with its averaged weights, ready to evaluate.

        Raises:
            InputError: The tensors are not those of the architecture.
        """
        network = build(self.state.architecture)
        averaged = {
            name.removeprefix(AVERAGE): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(AVERAGE)
        }
        try:
            network.load_state_dict(averaged)
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"the checkpoint's tensors do not fit its architecture ({reason}); train again"
            ) from None
        return network.eval()


def save(folder: Path, state: DataclassInstance, tensors: Mapping[str, torch.Tensor]) -> str:
    """Replace the checkpoint in `folder` by this one.

    Returns:
        The SHA-256 of the tensor file.

    Raises:
        InputError: The folder cannot be written to.
    """
    content = save_tensors({name: tensor.contiguous().cpu() for name, tensor in tensors.items()})
    sha256 = hashlib.sha256(content).hexdigest()
    name = f"checkpoint-{sha256[:12]}.safetensors"
    write_whole(folder / name, content)
    document = {"schema": SCHEMA, "tensors": {"file": name, "sha256": sha256}, **asdict(state)}
    write_whole(folder / STATE, json.dumps(document, indent=1, ensure_ascii=False).encode())
    # The former tensors, and what a run that was killed amid writing left.
    for old in [*folder.glob("checkpoint-*.safetensors"), *folder.glob(".checkpoint-*")]:
        if old.name != name:
            old.unlink(missing_ok=True)
    return sha256


def load(folder: Path) -> Checkpoint:
    """Read the checkpoint of a run and check it against its hash.

    Raises:
        InputError: There is none, it is of another schema, or it is damaged.
    """
    return Checkpoint(*read(folder, _state))


def read(folder: Path, state_of: Callable[[Fields], T]) -> tuple[T, dict[str, torch.Tensor], str]:
    """Read what `save` left: the state, the tensors, and the SHA-256 of their file.

    Args:
        folder: Of the run.
        state_of: Checks the document's fields and makes a state of them.

    Raises:
        InputError: There is none, it is of another schema, or it is damaged.
    """
    path = folder / STATE
    if not path.is_file():
        raise InputError(f"{folder} holds no {STATE}; give the folder of a training run")
    try:
        document = json.loads(read_bounded(path, _LARGEST_STATE, "checkpoint"))
        fields = Fields(document, "its content")
        if fields.number("schema", int, 0, 10**6) != SCHEMA:
            raise InputError(f"it is of another schema than {SCHEMA}; train again")
        stored = Fields(fields.value("tensors", dict), "its field 'tensors'")
        state, file, sha256 = (
            state_of(fields),
            stored.value("file", str),
            stored.value("sha256", str),
        )
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a checkpoint of digits-train ({error})") from None
    except InputError as error:
        raise InputError(f"{path} is not a checkpoint of digits-train: {error}") from None
    return state, _read_tensors(folder, file, sha256), sha256


def _state(read: Fields) -> State:
    """Check every field, since the file may come from anywhere."""
    ink = Fields(read.value("ink", dict), "its field 'ink'")
    size = ink.number("size", int, 8, 256)
    built = Fields(read.value("architecture", dict), "its field 'architecture'")
    asked = Fields(read.value("settings", dict), "its field 'settings'")
    labels, rejects = read.labels("labels"), read.value("rejects", bool)
    classes = len(labels) + rejects
    return State(
        labels=labels,
        rejects=rejects,
        ink=InkSpec(size, ink.number("box", int, 4, size)),
        architecture=Architecture(
            classes=built.number("classes", int, classes, classes),
            size=built.number("size", int, size, size),
            name=(name := built.choice("name", NAMES)),
            channels=built.numbers_in("channels", depths(name), 1, 1024),
        ),
        settings=Settings(
            data=tuple(asked.texts_in("data")),
            epochs=asked.number("epochs", int, 1, 10**6),
            seed=asked.number("seed", int, 0, 2**32 - 1),
            init=asked.value("init", str) if asked.has("init") else None,
            teachers=_teachers(asked),
            precision=asked.choice("precision", ("fp32", "bf16")),
            batch=asked.number("batch", int, 1, 10**6),
            learning_rate=asked.number("learning_rate", float, 0, 10),
            weight_decay=asked.number("weight_decay", float, 0, 10),
            smoothing=asked.number("smoothing", float, 0, 0.99),
            averaging=asked.number("averaging", int, 1, 10**9),
            negatives=asked.number("negatives", float, 0, 10),
            pictured=asked.number("pictured", float, 0, 10) if asked.has("pictured") else 0.0,
            rounded=asked.value("rounded", bool) if asked.has("rounded") else False,
        ),
        data=read.texts("data"),
        parent=read.value("parent", str) if read.has("parent") else "",
        epoch=read.number("epoch", int, 0, 10**6),
        accuracy=read.shares("accuracy"),
        history=tuple(read.tables_in("history")),
        averaged=tuple(read.texts_in("averaged")) if read.has("averaged") else (),
    )


def _teachers(asked: Fields) -> tuple[str, ...]:
    # One at most, under another name, until there could be several.
    if asked.has("teacher"):
        return (asked.value("teacher", str),)
    return tuple(asked.texts_in("teachers")) if asked.has("teachers") else ()


def _read_tensors(folder: Path, file: str, sha256: str) -> dict[str, torch.Tensor]:
    path = folder / Path(file).name
    try:
        content = read_bounded(path, _LARGEST_TENSORS, "tensor file")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(f"{path} is damaged: its SHA-256 is not the one in {STATE}")
        tensors: dict[str, torch.Tensor] = load_tensors(content)
    except safetensors.SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file ({error}); train again") from None
    return tensors
