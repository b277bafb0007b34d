"""The labels and the samples of a run, from the names of its data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import ALNUM, DIGITS, InkSpec
from digits_runtime.errors import InputError
from digits_runtime.fields import check_labels
from digits_runtime.pairs import PAIRS
from digits_train import negatives, snapshots
from digits_train.augment import canvas
from digits_train.checkpoint import Settings, State
from digits_train.data import TRAINING_NAMES, folder
from digits_train.data import load as load_glyphs
from digits_train.data.glyphs import GlyphSet, Split
from digits_train.inference import Samples

# What `--classes` takes besides labels.
NAMED_CLASSES = {"digits": DIGITS, "alnum": ALNUM, "pairs": PAIRS}


def load_split(
    settings: Settings, split: Split, labels: Sequence[str], data_dir: Path | None
) -> list[GlyphSet]:
    """Load one split of every source of a run.

    Raises:
        InputError: A source cannot be used, or not beside the others.
    """
    if "pairs" in settings.data and len(settings.data) > 1:
        raise InputError("pairs are put together from mnist, unipen and synth: give pairs alone")
    return [
        load_glyphs(name, split, classes=labels, data_dir=data_dir, seed=settings.seed)
        for name in settings.data
    ]


def samples(sources: Sequence[GlyphSet], labels: Sequence[str], ink: InkSpec) -> Samples:
    """Normalise glyphs as the runtime does and index their labels."""
    index = {label: number for number, label in enumerate(labels)}
    return Samples(
        np.concatenate([source.normalised(ink) for source in sources]),
        np.array([index[str(label)] for source in sources for label in source.labels], np.int64),
        np.repeat(np.arange(len(sources)), [len(source) for source in sources]),
    )


def to_train_on(sources: Sequence[GlyphSet], state: State, data_dir: Path | None) -> Samples:
    """Glyphs on the canvas of `augment`, some of them once more as in poor pictures.

    After them the "not a glyph" images of the run, if any.
    """
    drawn_on, settings = canvas(state.ink), state.settings
    glyphs = samples(sources, state.labels, drawn_on)
    rng = np.random.default_rng(settings.seed)
    again = rng.permutation(len(glyphs.images))[: int(settings.pictured * len(glyphs.images))]
    taken = snapshots.take(glyphs.images[again][:, 0], drawn_on, rng)
    known = Samples(
        np.concatenate((glyphs.images, taken)),
        np.concatenate((glyphs.labels, glyphs.labels[again])),
        np.concatenate((glyphs.origins, np.full(len(again), len(sources)))),
    )
    if not state.rejects:
        return known
    letters: Sequence[NDArray[np.uint8]] = ()
    unlike = negatives.unlike(state.labels)
    if unlike and {"unipen", "pairs"} & set(settings.data):
        real = load_glyphs("unipen", "train", classes=unlike, data_dir=data_dir, seed=settings.seed)
        letters = real.images
    count = int(settings.negatives * len(glyphs.images))
    extra = negatives.make(glyphs.images, state.labels, count, drawn_on, settings.seed, letters)
    return Samples(
        np.concatenate((known.images, extra)),
        np.concatenate((known.labels, np.full(len(extra), len(state.labels)))),
        np.concatenate((known.origins, np.full(len(extra), len(sources)))),
    )


def choose_labels(classes: str | None, sources: Sequence[str]) -> tuple[str, ...]:
    """Turn `--classes` into labels: a name, or the labels themselves.

    Raises:
        InputError: There are fewer than two, or one twice.
    """
    if classes is None:
        folders = [Path(source) for source in sources if is_folder(source)]
        if not folders:
            return DIGITS
        found = sorted({label for path in folders for label in folder.labels(path)})
        try:
            return check_labels(found)
        except InputError as error:
            raise InputError(f"--data {','.join(sources)}: of the labels {error}") from None
    if classes in NAMED_CLASSES:
        return NAMED_CLASSES[classes]
    split = classes.split(",") if "," in classes else list(classes)
    try:
        return check_labels([label.strip() for label in split if label.strip()])
    except InputError as error:
        raise InputError(
            f"--classes {classes!r}: of the labels {error}; or give digits, alnum or pairs"
        ) from None


def check_every_label(labels: Sequence[str], sources: Sequence[GlyphSet], use: str) -> None:
    """Make sure that no class is without a picture.

    Raises:
        InputError: One is.
    """
    there = {str(label) for source in sources for label in np.unique(source.labels)}
    for label in labels:
        if label not in there:
            raise InputError(
                f"the label {label!r} has no picture to {use} on; "
                "a class needs at least 3, one of them to validate"
            )


def is_folder(source: str) -> bool:
    """Whether a name in `--data` is a folder of pictures."""
    return source not in TRAINING_NAMES and Path(source).is_dir()
