"""Where weights come from other than training: an average, another run, a file from elsewhere."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError

import safetensors
import torch
from safetensors.torch import load_file
from torch import nn

from digits_runtime.errors import InputError
from digits_train.architectures import Scaled
from digits_train.checkpoint import Checkpoint, State

_LARGEST = 2 << 30


class Average:
    """An exponential moving average of a network's weights (Polyak & Juditsky 1992).

    Args:
        network: A copy of the one to follow.
        horizon: Steps over which it averages.
    """

    def __init__(self, network: Scaled, horizon: int) -> None:
        self.network, self.horizon = network.eval(), horizon

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Move towards the weights after this step, the first being 0."""
        # Early on the average would otherwise be mostly the random start.
        weight = 1 - min(1 - 1 / self.horizon, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), weight)

    @torch.no_grad()
    def settle(self, batches: Sequence[torch.Tensor]) -> None:
        """Give the averaged weights batch-norm statistics of their own, from training input."""
        norms = [m for m in self.network.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
        if norms:
            self.network.train()
            for batch in batches:
                self.network(batch.contiguous(memory_format=torch.channels_last))
            self.network.eval()


def adopt(network: Scaled, start: Checkpoint, state: State) -> None:
    """Take over another run's averaged weights; rows of the classifier by label.

    Raises:
        InputError: It is of another architecture.
    """
    donor = start.network()
    built, wanted = start.state.architecture, state.architecture
    if (built.name, built.size, built.channels) != (wanted.name, wanted.size, wanted.channels):
        raise InputError(
            f"--init is a {built.name} of other sizes than this {wanted.name}; "
            "give it --arch and --classes alike or train from scratch"
        )
    weights = donor.state_dict()
    rows = {label: row for row, label in enumerate(start.state.labels)}
    if start.state.rejects:
        rows[""] = len(rows)
    labels = [*state.labels, *([""] if state.rejects else [])]
    head = head_of(network)
    with torch.no_grad():
        for name in (f"{head}.weight", f"{head}.bias"):
            target = network.state_dict()[name].clone()
            for row, label in enumerate(labels):
                if label in rows:
                    target[row] = weights[name][rows[label]]
            weights[name] = target
    network.load_state_dict(weights)


def head_of(network: nn.Module) -> str:
    """The name of the last linear layer, whose rows are the classes."""
    heads: list[str] = [n for n, module in network.named_modules() if isinstance(module, nn.Linear)]
    return heads[-1]


def load_pretrained(network: Scaled, path: Path, report: Callable[[str], None]) -> None:
    """Take over what fits of weights trained elsewhere, and say what did not.

    A first convolution that saw three colours is summed over them; a classifier of other classes
    stays as it is.

    Args:
        network: Built by `architectures.build`; its names are torchvision's.
        path: `.safetensors`, or a state dict saved by torch, which is read without unpickling
            anything but tensors.
        report: Takes one line for each thing done.

    Raises:
        InputError: The file cannot be read, or nothing in it fits.
    """
    stored = _read(path)
    own = network.inner.state_dict()
    left, taken = [], 0
    for name, tensor in own.items():
        found = stored.get(name)
        if found is None:
            left.append(f"{name} (not in the file)")
            continue
        if found.ndim == 4 and found.shape[1] == 3 and tensor.shape[1] == 1:
            found = found.sum(1, keepdim=True)
        if found.shape != tensor.shape:
            left.append(f"{name} ({list(found.shape)}, not {list(tensor.shape)})")
            continue
        tensor.copy_(found)
        taken += 1
    if not taken:
        raise InputError(
            f"{path} has nothing that fits: give weights of the same --arch, named as torchvision "
            "names them"
        )
    network.inner.load_state_dict(own)
    unused = len(set(stored) - set(own))
    report(f"{taken} of {len(own)} tensors taken from {path}, {unused} in it not used")
    if left:
        report("trained from chance: " + ", ".join(left))


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is over 2 GiB; give the weights of one network")
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            # Of odd pickles torch warns before it refuses them.
            warnings.simplefilter("ignore")
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check --pretrained") from None
    except (
        safetensors.SafetensorError, UnpicklingError, RuntimeError, EOFError, ValueError,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        reason = (str(error).splitlines() or ["?"])[0][:120]
        raise InputError(
            f"{path} is neither safetensors nor a plain state dict ({reason}); save the weights "
            "with safetensors"
        ) from None
    if not isinstance(stored, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in stored.items()
    ):
        raise InputError(f"{path} holds more than names and tensors; save only the state dict")
    return stored
