"""Teachers: other runs, whose answers a run learns beside its labels (Hinton et al. 2015)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from digits_runtime.errors import InputError
from digits_train.architectures import Scaled
from digits_train.checkpoint import Checkpoint, State


class Teachers:
    """Networks that answer together, on average.

    One that learnt from some of the run's data sets only is a specialist if another teacher knows
    them all: it answers for the glyphs of those sets alone, and nobody else does. Without one that
    knows them all, everybody answers for everything. A teacher that was not taught what is no glyph
    holds that for as unlikely as the label it finds least likely. Sets are known by their names.

    Args:
        runs: The teachers.
        state: Of the run that they teach.
        device: Where its glyphs are.

    Raises:
        InputError: A teacher has other classes or another input size, or knows what is no glyph
            and the run does not.
    """

    def __init__(self, runs: Sequence[Checkpoint], state: State, device: torch.device) -> None:
        self._classes = state.architecture.classes
        self._networks = [placed(_checked(run, state), device) for run in runs]
        sets = list(state.data)
        known = torch.tensor([_known(run.state.data, sets) for run in runs], dtype=torch.bool)
        known = known.reshape(len(runs), len(sets) + 1)
        general = known.all(1) if known.all(1).any() else torch.ones(len(runs), dtype=torch.bool)
        special = known & ~general[:, None]
        self._answering = torch.where(special.any(0), special, general[:, None]).to(device)
        # To ask which glyphs are whose stalls a GPU.
        self._alike = bool(self._answering.all())

    def __len__(self) -> int:
        return len(self._networks)

    @torch.no_grad()
    def answers(self, glyphs: torch.Tensor, origins: torch.Tensor) -> torch.Tensor:
        """Their mean logits: float32 `[n, classes]`.

        Args:
            glyphs: float32 `[n, 1, size, size]`, 0 to 1.
            origins: int64 `[n]`, as of `Samples`.
        """
        if self._alike:
            return torch.stack([self._told(network, glyphs) for network in self._networks]).mean(0)
        total = torch.zeros(len(glyphs), self._classes, device=glyphs.device)
        count = torch.zeros(len(glyphs), 1, device=glyphs.device)
        for network, sets in zip(self._networks, self._answering, strict=True):
            (mine,) = sets[origins].nonzero(as_tuple=True)
            total[mine] += self._told(network, glyphs[mine])
            count[mine] += 1
        return total / count

    def _told(self, network: Scaled, glyphs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = network(glyphs).float()
        if logits.shape[1] < self._classes:
            logits = torch.cat((logits, logits.amin(1, keepdim=True)), 1)
        return logits


def placed(network: Scaled, device: torch.device) -> Scaled:
    """A network on its device, channels last: so oneDNN and cuDNN need not reorder its tensors."""
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _known(learnt: Collection[str], sets: Sequence[str]) -> list[bool]:
    """Which of a run's sets a teacher answers for, and whether for what was made from them."""
    known = [name in learnt for name in sets]
    # To one that never saw any of them all are alike.
    everything = all(known) or not any(known)
    return [everything or one for one in known] + [everything]


def _checked(teacher: Checkpoint, state: State) -> Scaled:
    """The teacher's network, if it answers the same question."""
    theirs = teacher.state
    if theirs.rejects and not state.rejects:
        raise InputError(
            "--teacher knows what is no glyph, which this run does not learn; leave out --clean or "
            "take a teacher trained with it"
        )
    if (theirs.labels, theirs.ink) != (state.labels, state.ink):
        raise InputError(
            "--teacher has other classes or another input size than this run; "
            "train it with the same --classes"
        )
    return teacher.network()
