"""Trains a network: AdamW, warm-up and cosine, averaged weights, a checkpoint an epoch.

All randomness of an epoch comes from generators seeded by the run's seed and the epoch's number,
so a run that was killed and resumed ends, on the CPU, with the very bits of one that was not. Every
process of several draws the same batches and takes its share of each.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric

from digits_runtime.contract import InkSpec
from digits_runtime.errors import InputError
from digits_train import checkpoint, losses, rounding, weights
from digits_train.architectures import NAMES, build, design
from digits_train.augment import augment
from digits_train.checkpoint import AVERAGE, Checkpoint, Settings, State
from digits_train.inference import Samples, accuracy
from digits_train.teachers import Teachers, placed

_OPTIMIZER = "optimizer."
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


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
        samples: The training glyphs, "not a glyph" ones included.
        validation: One set of samples for each name.
        fabric: Device, precision and processes.
        start: Tensors to start from: the run's own to resume, another run's to fine-tune.
        teachers: Runs whose answers, averaged, are learnt beside the labels (`Teachers`).
        pretrained: Weights trained elsewhere, to start from.
        say: Takes one line for each thing worth telling.
    """

    def __init__(
        self,
        folder: Path,
        state: State,
        samples: Samples,
        validation: Mapping[str, Samples],
        fabric: Fabric,
        *,
        start: Checkpoint | None = None,
        teachers: Sequence[Checkpoint] = (),
        pretrained: Path | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folder, self.state, self.validation = folder, state, validation
        self.fabric, self.device, self.settings = fabric, fabric.device, state.settings
        torch.manual_seed(self.settings.seed)
        network = build(state.architecture)
        if start is not None and state.epoch == 0:
            weights.adopt(network, start, state)
        if pretrained is not None and state.epoch == 0:
            weights.load_pretrained(network, pretrained, say)
        if self.settings.rounded:
            rounding.simulate(network)
        self.network = placed(network, self.device)
        self.average = weights.Average(copy.deepcopy(self.network), self.settings.averaging)
        self.teachers = Teachers(teachers, state, self.device)
        self.optimizer = self._optimizer()
        stepped: torch.nn.Module = self.network
        if self.device.type == "cuda":
            stepped = cast(torch.nn.Module, torch.compile(self.network))
        self._step_network, self._step_optimizer = fabric.setup(stepped, self.optimizer)
        self.images = torch.from_numpy(samples.images).to(self.device)
        self.labels = torch.from_numpy(samples.labels).to(self.device)
        self.origins = torch.from_numpy(samples.origins).to(self.device)
        self.rarity = losses.rarity(self.labels, state.architecture.classes)
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
            loss, right = self._epoch(report)
            self.average.settle(self._some_batches())
            named = len(self.state.labels)
            figures = {
                name: accuracy(self.average.network, samples, named, self.device)
                for name, samples in self.validation.items()
            }
            entry = {"epoch": self.state.epoch + 1.0, "loss": loss, "accuracy": right, **figures}
            self.state = replace(
                self.state,
                epoch=self.state.epoch + 1,
                accuracy=figures,
                history=(*self.state.history, entry),
            )
            if self.fabric.is_global_zero:
                checkpoint.save(self.folder, self.state, self._tensors())
            self.fabric.barrier()
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
        self._step_network.train()
        totals = torch.zeros(3, device=self.device)
        for step, batch in enumerate(torch.split(order, settings.batch)):
            rate = self._learning_rate(epoch * self.steps + step)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            # Every process draws the whole batch and keeps its share, so that the batches do not
            # depend on how many there are.
            glyphs = augment(self.images[batch], self.state.ink, generator)
            ranks = self.fabric.world_size
            if len(batch) < ranks:
                continue
            share = slice(self.fabric.global_rank, None, ranks)
            mine = batch[share]
            # Gradients are averaged over processes, whose shares may differ by one.
            totals += self._learn(glyphs[share], mine, len(mine) * ranks / len(batch))
            self.average.follow(self.network, epoch * self.steps + step)
            # Reading a figure back stalls a GPU, so only now and then.
            if step % 10 == 9 or step + 1 == self.steps:
                loss, right, seen = totals.tolist()
                report(Progress(epoch, step + 1, self.steps, loss / seen, right / seen, rate))
        loss, right, seen = self.fabric.all_reduce(totals, reduce_op="sum").tolist()  # type: ignore[union-attr]
        return loss / seen, right / seen

    def _learn(self, glyphs: torch.Tensor, which: torch.Tensor, weight: float) -> torch.Tensor:
        """One step; returns the sum of losses, how many were right, and how many there were.

        Args:
            glyphs: float32 `[n, 1, size, size]`, as varied.
            which: int64 `[n]`, their places among the samples.
            weight: Of the loss, for shares that differ from process to process.
        """
        labels = self.labels[which]
        glyphs = glyphs.contiguous(memory_format=torch.channels_last)
        logits = self._step_network(glyphs).float()
        loss = losses.labelled(logits, labels, self.rarity, self.settings.smoothing)
        if self.teachers:
            wanted = self.teachers.answers(glyphs, self.origins[which])
            loss = losses.taught(loss, logits, wanted, labels)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss * weight)
        self._step_optimizer.step()
        right = (logits.detach().argmax(1) == labels).sum()
        count = torch.tensor(len(labels), device=self.device)
        return torch.stack((loss.detach() * count, right, count))

    def _learning_rate(self, step: int) -> float:
        """Warm up over 5 % of the run, then fall along a cosine to zero."""
        total = self.steps * self.settings.epochs
        warm = max(1, total // 20)
        if step < warm:
            return self.settings.learning_rate * (step + 1) / warm
        return self.settings.learning_rate * (
            0.5 + 0.5 * math.cos(math.pi * (step - warm) / max(1, total - warm))
        )

    def _some_batches(self) -> list[torch.Tensor]:
        """Augmented training input from all over the set."""
        generator = torch.Generator(self.device).manual_seed(self.settings.seed)
        stride = max(1, len(self.images) // (40 * self.settings.batch))
        return [
            augment(batch, self.state.ink, generator)
            for batch in torch.split(self.images[::stride], self.settings.batch)
        ]

    def _optimizer(self) -> torch.optim.AdamW:
        kernels = [p for p in self.network.parameters() if p.ndim > 1]
        rest = [p for p in self.network.parameters() if p.ndim <= 1]
        groups: list[dict[str, Any]] = [
            {"params": kernels, "weight_decay": self.settings.weight_decay},
            {"params": rest, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.settings.learning_rate)

    def _tensors(self) -> dict[str, torch.Tensor]:
        """What the checkpoint holds: of a finished run, nothing is left to resume."""
        averaged = self.average.network.state_dict()
        tensors = {AVERAGE + name: tensor for name, tensor in averaged.items()}
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
            self.average.network.load_state_dict({name: tensors[AVERAGE + name] for name in names})
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
    arch: str = NAMES[0],
    donor: Checkpoint | None = None,
) -> State:
    """The state of a run before its first epoch.

    Args:
        settings: What the run is asked for.
        labels: Of the glyph classes.
        data: Training sets by name, with the SHA-256 of their content.
        ink: The input of the network.
        arch: Name of the architecture.
        donor: The run that weights are taken from; its sizes are kept, whatever the labels.
    """
    rejects = settings.negatives > 0
    architecture = design(arch, len(labels) + rejects, len(labels), ink.size)
    if donor is not None and donor.state.architecture.name == arch:
        architecture = replace(architecture, channels=donor.state.architecture.channels)
    return State(
        labels=tuple(labels),
        rejects=rejects,
        ink=ink,
        architecture=architecture,
        settings=settings,
        data=dict(data),
        parent=donor.sha256 if donor else "",
    )


def _parameters(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _mixed(*numbers: int) -> int:
    """One seed from several numbers, so that neighbours are unrelated."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
