"""Trains the network: AdamW, warm-up and cosine, averaged weights, a checkpoint an epoch.

All randomness of an epoch comes from generators seeded by the run's seed and the epoch's number,
so a run that was killed and resumed ends, on the CPU, with the very bits of one that was not.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_train import checkpoint, negatives
from digits_train.architectures import Architecture, Fusion
from digits_train.augment import augment
from digits_train.checkpoint import AVERAGE, Checkpoint, Settings, State

_OPTIMIZER = "optimizer."
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass(frozen=True, slots=True)
class Samples:
    """Normalised glyphs: uint8 `[n, 1, size, size]`, and int64 class indexes `[n]`."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is, for whoever shows it; loss and accuracy are running means."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float
    learning_rate: float


class Trainer:
    """One run: build or resume it, then `run` it to the end.

    Args:
        folder: Where the checkpoint goes after each epoch.
        state: A new one from `fresh`, or that of the checkpoint to resume.
        samples: The training glyphs.
        validation: One set of samples for each name.
        device: Where to train.
        start: Tensors to start from: the run's own to resume, another run's to fine-tune.
    """

    def __init__(
        self,
        folder: Path,
        state: State,
        samples: Samples,
        validation: Mapping[str, Samples],
        device: torch.device,
        start: Checkpoint | None = None,
    ) -> None:
        self.folder, self.state, self.validation, self.device = folder, state, validation, device
        self.settings = state.settings
        torch.manual_seed(self.settings.seed)
        network = Fusion(state.architecture)
        if start is not None and state.epoch == 0:
            _adopt(network, start, state)
        # Channels last lets oneDNN and cuDNN run convolutions without reordering them.
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = self._optimizer()
        self.images, self.labels = self._with_negatives(samples)
        self.steps = math.ceil(len(self.images) / self.settings.batch)
        if start is not None and state.epoch > 0:
            self._restore(start)

    def run(self, report: Callable[[Progress], None], saved: Callable[[State], None]) -> State:
        """Train the epochs that are left, saving after each; returns the final state.

        Args:
            report: Called every few steps.
            saved: Called once an epoch is in the checkpoint.

        Raises:
            InputError: The checkpoint cannot be written.
        """
        while self.state.epoch < self.settings.epochs:
            loss, accuracy = self._epoch(report)
            self._average_norms()
            figures = {name: self._accuracy(samples) for name, samples in self.validation.items()}
            entry = {"epoch": self.state.epoch + 1.0, "loss": loss, "accuracy": accuracy, **figures}
            self.state = replace(
                self.state,
                epoch=self.state.epoch + 1,
                accuracy=figures,
                history=(*self.state.history, entry),
            )
            checkpoint.save(self.folder, self.state, self._tensors())
            saved(self.state)
        return self.state

    def _epoch(self, report: Callable[[Progress], None]) -> tuple[float, float]:
        """One pass over the data; returns mean loss and share of right answers."""
        epoch, settings = self.state.epoch, self.settings
        order = torch.randperm(
            len(self.images),
            generator=torch.Generator().manual_seed(_mixed(settings.seed, epoch, 1)),
        ).to(self.device)
        generator = torch.Generator(self.device).manual_seed(_mixed(settings.seed, epoch, 2))
        self.network.train()
        loss_sum = right = torch.zeros((), device=self.device)
        for step, batch in enumerate(torch.split(order, settings.batch)):
            rate = self._learning_rate(epoch * self.steps + step)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            labels = self.labels[batch]
            glyphs = augment(self.images[batch], generator)
            logits = self.network.scaled(glyphs.contiguous(memory_format=torch.channels_last))
            loss = functional.cross_entropy(logits, labels, label_smoothing=settings.smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self._follow(epoch * self.steps + step)
            loss_sum = loss_sum + loss.detach() * len(batch)
            right = right + (logits.detach().argmax(1) == labels).sum()
            # Reading a figure back stalls a GPU, so only now and then.
            if step % 10 == 9 or step + 1 == self.steps:
                seen = min((step + 1) * settings.batch, len(order))
                report(
                    Progress(
                        epoch,
                        step + 1,
                        self.steps,
                        float(loss_sum) / seen,
                        float(right) / seen,
                        rate,
                    )
                )
        return float(loss_sum) / len(order), float(right) / len(order)

    def _learning_rate(self, step: int) -> float:
        """Warm up over 5 % of the run, then fall along a cosine to zero."""
        total = self.steps * self.settings.epochs
        warm = max(1, total // 20)
        if step < warm:
            return self.settings.learning_rate * (step + 1) / warm
        return self.settings.learning_rate * (
            0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, total - warm))
        )

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Move the averaged weights towards the current ones (Polyak & Juditsky 1992)."""
        # Early on the average would otherwise be mostly the random start.
        weight = 1 - min(1 - 1 / self.settings.averaging, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            list(self.average.parameters()), list(self.network.parameters()), weight
        )

    @torch.no_grad()
    def _average_norms(self) -> None:
        """Give the averaged weights batch-norm statistics of their own."""
        norms = [m for m in self.average.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches below
        generator = torch.Generator(self.device).manual_seed(self.settings.seed)
        self.average.train()
        stride = max(1, len(self.images) // (40 * self.settings.batch))
        for batch in torch.split(self.images[::stride], self.settings.batch):
            self.average.scaled(
                augment(batch, generator).contiguous(memory_format=torch.channels_last)
            )
        self.average.eval()

    def _accuracy(self, samples: Samples) -> float:
        logits = predict(self.average, samples.images, self.device)
        answers = logits[:, : len(self.state.labels)].argmax(1)
        return float((answers == samples.labels).mean())

    def _with_negatives(self, samples: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        """The training set on the device, "not a glyph" images included."""
        images, labels = samples.images, samples.labels
        if self.state.rejects:
            extra = negatives.make(
                images,
                self.state.labels,
                int(self.settings.negatives * len(images)),
                self.state.ink,
                self.settings.seed,
            )
            images = np.concatenate((images, extra))
            labels = np.concatenate((labels, np.full(len(extra), len(self.state.labels))))
        return torch.from_numpy(images).to(self.device), torch.from_numpy(labels).to(self.device)

    def _optimizer(self) -> torch.optim.AdamW:
        weights = [p for p in self.network.parameters() if p.ndim > 1]
        rest = [p for p in self.network.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": self.settings.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.settings.learning_rate)

    def _tensors(self) -> dict[str, torch.Tensor]:
        """What the checkpoint holds: of a finished run, nothing is left to resume."""
        tensors = {AVERAGE + name: tensor for name, tensor in self.average.state_dict().items()}
        if self.state.epoch == self.settings.epochs:
            return tensors
        tensors.update(self.network.state_dict())
        for index, parameter in enumerate(_parameters(self.optimizer)):
            for moment in _MOMENTS:
                tensors[f"{_OPTIMIZER}{index}.{moment}"] = self.optimizer.state[parameter][moment]
        return tensors

    def _restore(self, start: Checkpoint) -> None:
        tensors = {name: tensor.to(self.device) for name, tensor in start.tensors.items()}
        try:
            names = list(self.network.state_dict())
            self.network.load_state_dict({name: tensors[name] for name in names})
            self.average.load_state_dict({name: tensors[AVERAGE + name] for name in names})
            for index, parameter in enumerate(_parameters(self.optimizer)):
                stored = {moment: tensors[f"{_OPTIMIZER}{index}.{moment}"] for moment in _MOMENTS}
                # AdamW counts its steps on the CPU, wherever the weights are.
                self.optimizer.state[parameter] = {**stored, "step": stored["step"].cpu()}
        except (KeyError, RuntimeError) as error:
            raise InputError(
                f"the checkpoint in {self.folder} cannot be resumed ({error}); start a new run"
            ) from None


def fresh(
    settings: Settings,
    labels: Sequence[str],
    data: Mapping[str, str],
    ink: InkSpec,
    parent: str = "",
) -> State:
    """The state of a run before its first epoch."""
    rejects = settings.negatives > 0
    return State(
        labels=tuple(labels),
        rejects=rejects,
        ink=ink,
        architecture=Architecture(classes=len(labels) + rejects, size=ink.size),
        settings=settings,
        data=dict(data),
        parent=parent,
    )


@torch.inference_mode()
def predict(
    network: Fusion, images: NDArray[np.uint8], device: torch.device, *, batch: int = 1024
) -> NDArray[np.float32]:
    """Logits for glyphs: uint8 `[n, 1, size, size]` to float32 `[n, classes]`."""
    network.eval()
    parts = [
        network(torch.from_numpy(images[start : start + batch]).to(device)).float().cpu().numpy()
        for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _mixed(*numbers: int) -> int:
    """One seed from several numbers, so that neighbours are unrelated."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def _adopt(network: Fusion, start: Checkpoint, state: State) -> None:
    """Take over another run's averaged weights; rows of the classifier by label."""
    donor = start.network()
    if donor.pool_fine[0].weight.shape != network.pool_fine[0].weight.shape:
        raise InputError("--init has another input size or width; train from scratch instead")
    weights = donor.state_dict()
    rows = {label: row for row, label in enumerate(start.state.labels)}
    if start.state.rejects:
        rows[""] = len(rows)
    wanted = [*state.labels, *([""] if state.rejects else [])]
    with torch.no_grad():
        for name in ("classifier.weight", "classifier.bias"):
            target = network.state_dict()[name].clone()
            for row, label in enumerate(wanted):
                if label in rows:
                    target[row] = weights[name][rows[label]]
            weights[name] = target
    network.load_state_dict(weights)
