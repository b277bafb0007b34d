"""What `digits-train adapt` gains: on held-out UNIPEN writers, from 3 to 5 of each digit.

    python tests/field/own_hand.py

Every writer of the validation, test and noisy splits, whom the bundled model never saw, with 4 or
more of each digit: 3 to 5 of each are learnt, drawn twice at random, and the rest is judged before
and after. The interval is a bootstrap over writers. Others are the validation writers' digits, for
every third reader taught.
"""

from __future__ import annotations

import numpy as np
import torch

from digits_runtime.contract import DIGITS
from digits_train import checkpoint, synth
from digits_train.adapt import REPLAYED, Learner, wrong
from digits_train.data import npz, unipen
from digits_train.data.glyphs import GlyphSet
from digits_train.data.places import data_file
from digits_train.run import BUNDLED

MOST, LEAST, DRAWS = 5, 3, 2


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
    counts, others, taught = [], np.zeros(3, int), 0
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
            head = learner.teach(features[mine], labels[mine])
            pooled += [
                len(rest),
                wrong(learner.head, features[rest], labels[rest], len(DIGITS)),
                wrong(head, features[rest], labels[rest], len(DIGITS)),
            ]
            if draw == 0 and taught % 3 == 0:
                away = np.flatnonzero(held["validation"][kept] & (writers != writer))
                others += [
                    len(away),
                    wrong(learner.head, features[away], labels[away], len(DIGITS)),
                    wrong(head, features[away], labels[away], len(DIGITS)),
                ]
        counts.append(pooled)
        taught += 1
    table = np.array(counts)
    n, before, after = table.sum(0)
    sums = table[rng.integers(0, len(table), (10_000, len(table)))].sum(1)
    low, high = np.percentile(100 * (1 - sums[:, 2] / np.maximum(sums[:, 1], 1)), (2.5, 97.5))
    print(f"{len(table)} writers, {DRAWS} draws: {before} of {n} wrong before, {after} after")
    print(f"{100 * (1 - after / before):.1f} % fewer, 95 % interval {low:.1f} to {high:.1f}")
    print(f"other writers: {others[1]} of {others[0]} wrong before, {others[2]} after")


if __name__ == "__main__":
    main()
