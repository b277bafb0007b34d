"""Checkpoints: `checkpoint-<hash>.safetensors` for tensors, `checkpoint.json` for the rest.

The JSON is written last and names the tensor file by its hash, so a checkpoint is whole or is
still the one before it; nothing in it can execute code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_runtime.files import write_whole
from digits_train.architectures import Architecture, Fusion

SCHEMA = 1
STATE = "checkpoint.json"
# Weights averaged over the run, the ones to evaluate and export, carry this prefix.
AVERAGE = "average."

_LARGEST_STATE = 16 << 20
_LARGEST_TENSORS = 2 << 30


@dataclass(frozen=True, slots=True)
class State:
    """All of a run but its tensors.

    Attributes:
        labels: One string a glyph class, in the order of the logits.
        rejects: Whether "not a glyph" is one more class after them.
        ink: The input of the network.
        architecture: What to build before loading tensors.
        settings: What the run was asked for, as `trainer.Settings`.
        data: Training sets by name, with the SHA-256 of their content.
        parent: SHA-256 of the tensors the run started from; empty for chance.
        epoch: Epochs done.
        accuracy: Share of right answers on each validation split, 0 to 1.
        history: One entry an epoch: loss, training and validation accuracy.
    """

    labels: tuple[str, ...]
    rejects: bool
    ink: InkSpec
    architecture: Architecture
    settings: Mapping[str, Any]
    data: Mapping[str, str]
    parent: str = ""
    epoch: int = 0
    accuracy: Mapping[str, float] = field(default_factory=dict)
    history: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, its tensors on the CPU, and the SHA-256 of the tensor file."""

    state: State
    tensors: Mapping[str, torch.Tensor]
    sha256: str

    def network(self) -> Fusion:
        """Build the network with its averaged weights, ready to evaluate.

        Raises:
            InputError: The tensors are not those of the architecture.
        """
        network = Fusion(self.state.architecture)
        averaged = {
            name.removeprefix(AVERAGE): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(AVERAGE)
        }
        try:
            network.load_state_dict(averaged)
        except RuntimeError as error:
            raise InputError(
                f"the checkpoint's tensors do not fit its architecture ({error}); train again"
            ) from None
        return network.eval()


def save(folder: Path, state: State, tensors: Mapping[str, torch.Tensor]) -> str:
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
    for old in folder.glob("checkpoint-*.safetensors"):
        if old.name != name:
            old.unlink(missing_ok=True)
    return sha256


def load(folder: Path) -> Checkpoint:
    """Read the checkpoint of a run and check it against its hash.

    Raises:
        InputError: There is none, it is of another schema, or it is damaged.
    """
    path = folder / STATE
    if not path.is_file():
        raise InputError(f"{folder} holds no {STATE}; give the folder of a training run")
    try:
        if path.stat().st_size > _LARGEST_STATE:
            raise InputError(f"{path} is larger than {_LARGEST_STATE >> 20} MiB; train again")
        document = json.loads(path.read_bytes())
        if document.pop("schema") != SCHEMA:
            raise InputError(f"{path} is of another schema than {SCHEMA}; train again")
        stored = document.pop("tensors")
        file, sha256 = str(stored["file"]), str(stored["sha256"])
        state = State(
            **{
                **document,
                "labels": tuple(str(label) for label in document["labels"]),
                "ink": InkSpec(**document["ink"]),
                "architecture": Architecture(**document["architecture"]),
                "history": tuple(document["history"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is not a checkpoint of digits-train ({error})") from None
    return Checkpoint(state, _read_tensors(folder, file, sha256), sha256)


def _read_tensors(folder: Path, file: str, sha256: str) -> dict[str, torch.Tensor]:
    path = folder / Path(file).name
    try:
        if path.stat().st_size > _LARGEST_TENSORS:
            raise InputError(f"{path} is larger than {_LARGEST_TENSORS >> 30} GiB; train again")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(f"{path} is damaged: its SHA-256 is not the one in {STATE}")
        tensors: dict[str, torch.Tensor] = load_tensors(content)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; is the run complete?") from None
    except safetensors.SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file ({error}); train again") from None
    return tensors
