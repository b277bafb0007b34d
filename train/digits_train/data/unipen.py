"""UNIPEN: pen characters 0-9 A-Z, divided by writer so that no hand is both learnt and tested.

Within each site the writers are put in the order of their names' hashes; the first tenth is for
test, the second for validation. So every site with writers enough is in every split, and one of
two very busy hands (site val) is not half of a split.

Three of the ten sites, ibm, uqb and gmd, hold slashed zeros, and ibm labels of characters of which
strokes are missing. The first third of their writers is reported apart, as `noisy`; the others are
learnt, none is for validation. What is left of a character when its other strokes are missing is
mostly one straight stroke, so of those only upright ones labelled 1 or I are learnt, of any site.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train import slash, strokes
from digits_train.data import npz
from digits_train.data.glyphs import GlyphSet, Split
from digits_train.data.places import data_file

_NOISY_SITES = ("ibm", "uqb", "gmd")
_PEN = (0.05, 0.2)
_HEIGHT = 48
# Each character is drawn so often: there are seven times as many MNIST digits to learn from.
_PENS_EACH = 2
# Share of the zeros drawn afresh that are struck through; at the noisy sites many are already.
_STRUCK = 0.2
# A stroke is straight if it is at most this share of its length broad, and upright from this slope.
_STRAIGHT, _UPRIGHT = 0.15, 1.0


def load(
    split: Split | Literal["noisy"],
    data_dir: Path | None,
    *,
    classes: Sequence[str],
    rendering: Literal["images", "strokes"],
    seed: int,
) -> GlyphSet:
    """Load the characters of the writers of one split.

    Args:
        split: About a tenth of the writers each are for validation and for test; the division
            never changes. `noisy` is a third of those of the three sites above.
        data_dir: Holds `unipen/`; None: what DIGITS_DATA names.
        classes: The characters wanted.
        rendering: `images`: the 28x28 pictures as given. `strokes`: drawn from the pen's path, 48
            pixels high, twice each, with pens of different widths.
        seed: Chooses the pens of `strokes`.

    Raises:
        InputError: A file is missing, damaged, or its arrays do not fit each other.
    """
    path, arrays = _read(data_dir, rendering)
    kept = np.flatnonzero(
        in_split(arrays["writer"], arrays["provider"], split)
        & np.isin(arrays["label"], list(classes))
    )
    if split == "train":
        drawn, pens = (path, arrays) if rendering == "strokes" else _read(data_dir, "strokes")
        if not np.array_equal(pens["label"], arrays["label"]):
            raise InputError(f"{path} and {drawn} do not belong together; replace both")
        kept = kept[[_whole(_strokes(pens, i), pens["label"][i]) for i in kept.tolist()]]
    if rendering == "images":
        images = list(arrays["images"][kept])
    else:
        rng = np.random.default_rng(seed)
        images = [
            strokes.render(_anew(arrays, i, rng), height=_HEIGHT, pen=rng.uniform(*_PEN), rng=rng)
            for i in kept.tolist()
            for _ in range(_PENS_EACH)
        ]
        kept = kept.repeat(_PENS_EACH)
    return GlyphSet(
        "unipen" if split == "train" else f"unipen-{split}",
        images,
        arrays["label"][kept],
        "bright",
        npz.file_sha256(path),
    )


def in_split(
    writers: NDArray[np.str_], sites: NDArray[np.str_], split: Split | Literal["noisy"]
) -> NDArray[np.bool_]:
    """Which characters, by writer and site `[n]`, are of the writers of a split."""
    chosen = np.zeros(len(writers), np.bool_)
    for site in np.unique(sites):
        here = sites == site
        names = [str(name) for name in np.unique(writers[here])]
        names.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
        if site in _NOISY_SITES:
            third = (len(names) + 2) // 3
            parts = {"noisy": names[:third], "train": names[third:]}
        else:
            tenth = (len(names) + 5) // 10
            parts = {
                "test": names[:tenth],
                "validation": names[tenth : 2 * tenth],
                "train": names[2 * tenth :],
            }
        chosen |= here & np.isin(writers, parts.get(split, []))
    return chosen


def _read(
    data_dir: Path | None, rendering: Literal["images", "strokes"]
) -> tuple[Path, dict[str, NDArray[Any]]]:
    stem = "images_28x28" if rendering == "images" else "strokes"
    path = data_file(data_dir, f"unipen/{stem}.npz")
    parts = ("images",) if rendering == "images" else ("xy", "stroke_start", "char_start")
    arrays = npz.read(path, ("label", "writer", "provider", *parts))
    _check(arrays, path)
    return path, arrays


def _whole(written: list[NDArray[np.float32]], label: str) -> bool:
    """Whether a character is more than one straight stroke, or is written so."""
    if len(written) > 1:
        return True
    apart = written[0] - written[0].mean(axis=0)
    axes = np.linalg.svd(apart, full_matrices=False)[2]
    along = axes[0]
    if np.ptp(apart @ axes[-1]) > _STRAIGHT * np.ptp(apart @ along):
        return True
    return label in ("1", "I") and abs(along[1]) >= _UPRIGHT * abs(along[0])


def _anew(
    arrays: dict[str, NDArray[Any]], character: int, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    written = _strokes(arrays, character)
    plain = arrays["label"][character] == "0" and arrays["provider"][character] not in _NOISY_SITES
    if plain and rng.random() < _STRUCK:
        return slash.struck(written, rng)
    return written


def _strokes(arrays: dict[str, NDArray[Any]], character: int) -> list[NDArray[np.float32]]:
    first, last = arrays["char_start"][character : character + 2]
    bounds = arrays["stroke_start"][first : last + 1]
    return [
        arrays["xy"][start:end].astype(np.float32)
        for start, end in itertools.pairwise(bounds.tolist())
    ]


def _check(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    count = len(arrays["label"]) if arrays["label"].ndim else 0
    for name in ("label", "writer", "provider"):
        if arrays[name].dtype.kind != "U" or arrays[name].shape != (count,):
            raise _misfit(path, name, arrays[name], f"strings [{count}]")
    if "images" in arrays:
        images = arrays["images"]
        if images.dtype != np.uint8 or images.shape != (count, 28, 28):
            raise _misfit(path, "images", images, f"uint8 [{count}, 28, 28]")
        return
    xy = arrays["xy"]
    if xy.dtype != np.int16 or xy.ndim != 2 or xy.shape[1] != 2:
        raise _misfit(path, "xy", xy, "int16 [points, 2]")
    for name, end in (("stroke_start", len(xy)), ("char_start", len(arrays["stroke_start"]) - 1)):
        starts = arrays[name]
        if starts.dtype.kind not in "iu" or starts.ndim != 1 or not len(starts):
            raise _misfit(path, name, starts, "whole numbers [n + 1]")
        if starts[0] != 0 or starts[-1] != end or (starts[1:] <= starts[:-1]).any():
            raise InputError(f"{path}: {name} must rise from 0 to {end}; replace the file")
    if len(arrays["char_start"]) != count + 1:
        raise _misfit(path, "char_start", arrays["char_start"], f"whole numbers [{count + 1}]")


def _misfit(path: Path, name: str, array: NDArray[Any], wanted: str) -> InputError:
    return InputError(
        f"{path}: {name} must be {wanted}, not {array.dtype} {list(array.shape)}; replace the file"
    )
