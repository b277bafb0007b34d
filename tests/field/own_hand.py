"""What `digits-train adapt` gains: on held-out UNIPEN writers, from 3 to 5 of each digit.

    python tests/field/own_hand.py

Every writer of the validation, test and noisy splits, whom the bundled model never saw, with 4 or
more of each digit: 3 to 5 of each are learnt, drawn twice at random, and the rest is judged before
and after; the interval is a bootstrap over writers. Others are the validation writers' digits, read
by each reader of the first draw; their interval is a bootstrap over readers and writers at once
(Owen 2007), since a reader is as much drawn by chance as who else uses it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from digits_runtime.contract import DIGITS
from digits_train import checkpoint, synth
from digits_train.adapt import REPLAYED, Learner
from digits_train.data import npz, unipen
from digits_train.data.glyphs import GlyphSet
from digits_train.data.places import data_file
from digits_train.run import BUNDLED

MOST, LEAST, DRAWS, RESAMPLED = 5, 3, 2, 10_000


@torch.no_grad()
def missed(head: nn.Linear, features: torch.Tensor, labels: torch.Tensor) -> NDArray[np.bool_]:
    """Which glyphs are not named rightly: bool `[n]`."""
    answers = head(features)[:, : len(DIGITS)].argmax(1)
    return np.asarray((answers != labels).numpy())


def main() -> None:
    """Teach every writer's reader and print the pooled counts."""
    torch.set_num_threads(1)
    path = data_file(None, "unipen/images_28x28.npz")
    arrays = npz.read(path, ("label", "writer", "provider", "images"))
    held = {
        split: unipen.in_split(arrays["writer"], arrays["provider"], split)
        for split in ("validation", "test", "noisy")
    }
    kept = np.flatnonzero(
        np.isin(arrays["label"], list(DIGITS)) & (held["validation"] | held["test"] | held["noisy"])
    )
    writers, names = arrays["writer"][kept], arrays["label"][kept]
    start = checkpoint.load(BUNDLED["bundled"])
    ink = start.state.ink
    images, _ = synth.generate(DIGITS, REPLAYED * len(DIGITS), start.state.settings.seed)
    drawn = GlyphSet("synth", images, np.array([]), "bright", "").normalised(ink)
    learner = Learner(start.network(), drawn)
    glyphs = GlyphSet("unipen", list(arrays["images"][kept]), names, "bright", "")
    features = learner.features(glyphs.normalised(ink))
    labels = torch.from_numpy(names.astype(np.int64))
    rng = np.random.default_rng(0)
    before = missed(learner.head, features, labels)
    others = np.unique(writers[held["validation"][kept]])
    counts, changes = [], []
    for writer in np.unique(writers):
        own = np.flatnonzero(writers == writer)
        fewest = min((names[own] == digit).sum() for digit in DIGITS)
        if fewest <= LEAST:
            continue
        pooled = np.zeros(3, int)
        for draw in range(DRAWS):
            each = min(MOST, fewest - 1)
            mine = np.concatenate(
                [rng.permutation(own[names[own] == digit])[:each] for digit in DIGITS]
            )
            rest = np.setdiff1d(own, mine)
            after = missed(learner.teach(features[mine], labels[mine]), features, labels)
            pooled += [len(rest), before[rest].sum(), after[rest].sum()]
            if draw == 0:
                changes.append(
                    [
                        (0, 0, 0)
                        if other == writer
                        else ((at := writers == other).sum(), before[at].sum(), after[at].sum())
                        for other in others
                    ]
                )
        counts.append(pooled)
    table, away = np.array(counts), np.array(changes)
    n, wrong, left = table.sum(0)
    sums = table[rng.integers(0, len(table), (RESAMPLED, len(table)))].sum(1)
    low, high = np.percentile(100 * (1 - sums[:, 2] / np.maximum(sums[:, 1], 1)), (2.5, 97.5))
    print(f"{len(table)} writers, {DRAWS} draws: {wrong} of {n} wrong before, {left} after")
    print(f"{100 * (1 - left / wrong):.1f} % fewer, 95 % interval {low:.1f} to {high:.1f}")
    n, wrong, left = away.sum((0, 1))
    gained = [
        100 * (drawn[..., 2].sum() - drawn[..., 1].sum()) / drawn[..., 0].sum()
        for drawn in (
            away[rng.integers(0, away.shape[0], away.shape[0])][
                :, rng.integers(0, away.shape[1], away.shape[1])
            ]
            for _ in range(RESAMPLED)
        )
    ]
    low, high = np.percentile(gained, (2.5, 97.5))
    print(
        f"other writers ({len(others)}): {wrong} of {n} wrong before, {left} after; "
        f"{100 * (left - wrong) / n:+.3f} points, 95 % interval {low:+.3f} to {high:+.3f}"
    )


if __name__ == "__main__":
    main()
