"""Teaches a finished reader its user's hand from a few labelled glyphs, within seconds.

Only the classifier learns, from features computed once, which leaves too little room to forget:
it is held to its old weights (L2-SP, Li, Grandvalet & Davoine 2018) and, on synthetic
handwriting, to its old answers (learning without forgetting, Li & Hoiem 2016), and then put
between old and new (WiSE-FT, Wortsman et al. 2022). What is gained is told from glyphs that the
classifier did not learn from: every glyph is judged once by one taught with the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from digits_runtime.errors import GateError, InputError
from digits_train import checkpoint, synth
from digits_train.architectures import Scaled
from digits_train.checkpoint import AVERAGE, Checkpoint
from digits_train.data import folder
from digits_train.data.glyphs import GlyphSet
from digits_train.gather import samples
from digits_train.weights import head_of

# Chosen on writers of the training split; docs/notes.md has the figures.
_KEEP = 3.0
_DECAY = 1e-3
_RATE = 0.02
_STEPS = 80
# How far from the old weights to the new: farther than this, other hands had no margin left.
_SHARE = 0.5
# Synthetic glyphs a label, and parts of the cross-validation.
REPLAYED = 30
_FOLDS = 5
_BATCH = 256

Features = torch.Tensor


@dataclass(frozen=True, slots=True)
class Gain:
    """Glyphs that were wrong before and after, each judged by a classifier that never saw it."""

    before: int
    after: int
    n: int


def adapt(mine: Path, start: Checkpoint, output: Path, say: Callable[[str], None]) -> Gain:
    """Teach a reader the glyphs in a folder and save it as a run.

    Args:
        mine: Sub-folders of pictures by label, as of digits-cam collect; all of them are learnt.
        start: The reader.
        output: Folder of the new run.
        say: Takes one line for each thing done.

    Returns:
        What it gains on glyphs of this hand.

    Raises:
        InputError: The folder has too few glyphs, or a label that the reader does not know.
        GateError: The taught reader is worse on this hand; nothing was written.
    """
    state = start.state
    glyphs = folder.load(mine, "all")
    unknown = sorted(set(glyphs.labels.tolist()) - set(state.labels))
    if unknown:
        raise InputError(
            f"{mine} has the label {unknown[0]!r}, which the reader does not know; train one that "
            "does with digits-train --data"
        )
    if len(glyphs) < 2 * _FOLDS:
        raise InputError(f"{mine} holds {len(glyphs)} glyphs; give 3 or more of each label")
    given = samples([glyphs], state.labels, state.ink)
    images, _ = synth.generate(state.labels, REPLAYED * len(state.labels), state.settings.seed)
    drawn = GlyphSet("synth", images, np.array([]), "bright", "").normalised(state.ink)
    network = start.network()
    learner = Learner(network, drawn)
    features, labels = learner.features(given.images), torch.from_numpy(given.labels)
    say(f"{len(labels)} glyphs of {len(set(glyphs.labels.tolist()))} labels")
    named = len(state.labels)
    # A label's glyphs stand together, so that every part has some of each.
    fold = labels.argsort(stable=True).argsort() % _FOLDS
    before = after = 0
    for held in range(_FOLDS):
        apart = fold == held
        taught = learner.teach(features[~apart], labels[~apart])
        before += wrong(learner.head, features[apart], labels[apart], named)
        after += wrong(taught, features[apart], labels[apart], named)
    gain = Gain(before, after, len(labels))
    if after > before:
        raise GateError(
            f"{before} of {len(labels)} glyphs were wrong before and {after} after, judged by the "
            "others; nothing was written. Look for wrong labels, or give more glyphs"
        )
    _put(network, learner.teach(features, labels))
    averaged = {AVERAGE + name: tensor for name, tensor in network.state_dict().items()}
    output.mkdir(parents=True, exist_ok=True)
    settings = dataclasses.replace(
        state.settings, data=(str(mine.resolve()), "synth"), epochs=1, teachers=()
    )
    data = {**state.data, glyphs.name: glyphs.sha256}
    checkpoint.save(
        output,
        dataclasses.replace(
            state,
            settings=settings,
            data=data,
            parent=start.sha256,
            epoch=1,
            history=(),
            averaged=(),
        ),
        averaged,
    )
    return gain


class Learner:
    """A network cut before its classifier, with what the classifier must not forget."""

    def __init__(self, network: Scaled, drawn: NDArray[np.uint8]) -> None:
        self.network = network
        self.head = cast(nn.Linear, network.get_submodule(head_of(network)))
        self.replayed = self.features(drawn)
        with torch.no_grad():
            self.answers = self.head(self.replayed).softmax(1)

    @torch.no_grad()
    def features(self, images: NDArray[np.uint8]) -> Features:
        """What the classifier is given for glyphs: float32 `[n, features]`."""
        seen: list[torch.Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        for batch in torch.split(torch.from_numpy(images), _BATCH):
            self.network(batch)
        hook.remove()
        return torch.cat(seen)

    def teach(self, features: Features, labels: torch.Tensor) -> nn.Linear:
        """A classifier that has learnt these glyphs; always the same from the same."""
        head = nn.Linear(self.head.in_features, self.head.out_features)
        head.load_state_dict(self.head.state_dict())
        optimizer = torch.optim.Adam(head.parameters(), lr=_RATE, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
        start = self.head.weight.detach()
        for _ in range(_STEPS):
            loss = functional.cross_entropy(head(features), labels)
            loss = loss + _KEEP * functional.cross_entropy(head(self.replayed), self.answers)
            loss = loss + _DECAY / 2 * (head.weight - start).square().sum()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            for new, old in zip(head.parameters(), self.head.parameters(), strict=True):
                new.lerp_(old, 1 - _SHARE)
        return head


@torch.no_grad()
def wrong(head: nn.Linear, features: Features, labels: torch.Tensor, named: int) -> int:
    """How many glyphs are not named rightly by the best of the first `named` classes."""
    return int((head(features)[:, :named].argmax(1) != labels).sum())


def _put(network: Scaled, head: nn.Linear) -> None:
    own = network.get_submodule(head_of(network))
    own.load_state_dict(head.state_dict())
