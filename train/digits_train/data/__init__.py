"""Every source of labelled glyphs behind one call: `load`."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digits_runtime.contract import DIGITS
from digits_runtime.errors import InputError
from digits_runtime.pairs import PAIRS
from digits_train import corruptions, printed, synth
from digits_train.data import folder, mnist, npz, touching, unipen, zeroshot
from digits_train.data.glyphs import GlyphSet, Split

Image = NDArray[np.uint8]

TRAINING_NAMES = ("mnist", "unipen", "synth", "print", "pairs")
# What pairs are put together from.
_PAIRED = ("mnist", "unipen", "synth")
_VALIDATION_NAMES = tuple(f"{name}-validation" for name in TRAINING_NAMES)
_TEST_ONLY = ("usps", "photo_crops", "unipen-noisy")
_CORRUPTED = re.compile(r"(mnist|mnist-validation)-corrupted(?:-([a-z]+))?")
EVALUATION_NAMES = (*TRAINING_NAMES, *_VALIDATION_NAMES, *_TEST_ONLY, "mnist-corrupted")

# Glyphs of each class that are made, and what keeps the splits' seeds apart.
_SYNTH_COUNT: dict[Split, int] = {"train": 2000, "validation": 100, "test": 100}
_PRINT_COUNT: dict[Split, int] = {"train": 1000, "validation": 100, "test": 100}
_FEW_CLASSES = 10
_SEED: dict[Split, int] = {"train": 0, "validation": 1, "test": 2}


def load(
    name_or_path: str,
    split: Split,
    *,
    classes: Sequence[str],
    data_dir: Path | None,
    seed: int,
) -> GlyphSet:
    """Load one split of one source, cut down to the classes asked for.

    Args:
        name_or_path: For training and validation one of TRAINING_NAMES or a folder of pictures by
            class. For test also one of EVALUATION_NAMES (`mnist-validation` is that split,
            `mnist-corrupted` or `mnist-corrupted-fog` is MNIST made hard by `corruptions`) or a
            `.npz` of glyphs. A name goes before a folder called the same: write `./mnist`.
        split: Which one.
        classes: The labels wanted. Named sets are reduced to them; a folder or `.npz` must not
            have others.
        data_dir: Folder of the named sets; None: what DIGITS_DATA names. Only mnist does without.
        seed: Of what is drawn: `synth`, `print`, `pairs`, and the pens of `unipen` for training.
            The recorded sets do not depend on it.

    Raises:
        InputError: The source is unknown, not for this split, missing or damaged, has a class that
            was not asked for, or none that was.
    """
    if split == "test" and (spoilt := _CORRUPTED.fullmatch(name_or_path)):
        whole = load(spoilt[1], split, classes=classes, data_dir=data_dir, seed=seed)
        return corruptions.corrupt(whole, spoilt[2])
    if name_or_path in _VALIDATION_NAMES and split == "test":
        name_or_path, split = name_or_path.removesuffix("-validation"), "validation"
    if split != "test" and (
        name_or_path in (*_TEST_ONLY, *_VALIDATION_NAMES, "mnist-corrupted")
        or Path(name_or_path).suffix == ".npz"
    ):
        raise InputError(
            f"{name_or_path} is for evaluation only, never trained on; "
            f"give {', '.join(TRAINING_NAMES)} or a folder of pictures"
        )
    glyphs = _load(name_or_path, split, classes, data_dir, seed)
    others = sorted(set(glyphs.labels.tolist()) - set(classes))
    if others and name_or_path not in EVALUATION_NAMES:
        raise InputError(
            f"{name_or_path} has the label {others[0]!r}, which is not among the classes "
            f"{' '.join(classes)}; remove its pictures or use a model that knows it"
        )
    selected = glyphs.select(classes)
    if not len(selected):
        raise InputError(
            f"{name_or_path} has no glyph of the classes {' '.join(classes)}; give a set that has"
        )
    return selected


def _load(
    name: str, split: Split, classes: Sequence[str], data_dir: Path | None, seed: int
) -> GlyphSet:
    match name:
        case "mnist":
            return mnist.load(split, data_dir)
        case "unipen":
            given = unipen.load(split, data_dir, classes=classes, rendering="images", seed=seed)
            if split != "train":
                return given
            # To learn from, also drawn afresh with other pens.
            drawn = unipen.load(split, data_dir, classes=classes, rendering="strokes", seed=seed)
            return given.joined(drawn)
        case "unipen-noisy":
            return unipen.load("noisy", data_dir, classes=classes, rendering="images", seed=seed)
        case "usps":
            return zeroshot.usps(data_dir)
        case "photo_crops":
            return zeroshot.photo_crops(data_dir)
        case "synth":
            return _made("synth", split, classes, seed, _SYNTH_COUNT, synth.generate)
        case "print":
            faces = printed.FACES if split == "train" else printed.HELD_OUT
            generate = functools.partial(printed.generate, faces=faces)
            return _made("print", split, classes, seed, _PRINT_COUNT, generate)
        case "pairs":
            if tuple(classes) != PAIRS:
                raise InputError(
                    "pairs are digits narrowed, alone and two that touch, for a network of their "
                    "own: give --data pairs with --classes pairs and nothing else"
                )
            each = [_load(single, split, DIGITS, data_dir, seed) for single in _PAIRED]
            return touching.join(
                [digits.select(DIGITS) for digits in each], split, seed * len(_SEED) + _SEED[split]
            )
    path = Path(name)
    if path.suffix == ".npz":
        return npz.load(path)
    if path.is_dir():
        return folder.load(path, split)
    names = EVALUATION_NAMES if split == "test" else TRAINING_NAMES
    also = "a folder of pictures" + (" or an .npz file" if split == "test" else "")
    raise InputError(f"{name!r} is no set of glyphs; give {', '.join(names)} or {also}")


def _made(
    name: str,
    split: Split,
    classes: Sequence[str],
    seed: int,
    counts: Mapping[Split, int],
    generate: Callable[[Sequence[str], int, int], tuple[list[Image], NDArray[np.str_]]],
) -> GlyphSet:
    """A split of glyphs that are made by the project itself."""
    drawn_from = seed * len(_SEED) + _SEED[split]
    each = counts[split]
    if split == "train" and len(classes) > _FEW_CLASSES:
        # Of many classes fewer each: the real hands beside them are to have the greater say.
        each = each * _FEW_CLASSES // len(classes)
    images, labels = generate(classes, each * len(classes), drawn_from)
    content = hashlib.sha256("\0".join(labels.tolist()).encode())
    for image in images:
        content.update(image.tobytes())
    whole = name if split == "train" else f"{name}-{split}"
    return GlyphSet(whole, images, labels, "bright", content.hexdigest())
