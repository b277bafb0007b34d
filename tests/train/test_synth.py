from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digits_runtime.errors import InputError
from digits_train import synth
from digits_train.strokes import render


def holes(ink: NDArray[np.uint8]) -> int:
    """Count the counters: dark regions that the ink shuts off from the outside."""
    dark = (np.pad(ink, 1) < 64).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=4)
    return int((stats[1:count, cv2.CC_STAT_AREA] >= 20).sum()) - 1


@pytest.mark.parametrize("label", synth.LABELS)
def test_every_label_is_drawn_whatever_the_seed(label: str) -> None:
    for seed in range(25):
        strokes = synth.draw(label, np.random.default_rng(seed))
        assert all(s.dtype == np.float32 and s.ndim == 2 and s.shape[1] == 2 for s in strokes)
        height = np.ptp(np.concatenate(strokes)[:, 1])
        assert 0.7 < height < 1.6


@pytest.mark.parametrize("label", synth.LABELS)
def test_a_glyph_is_as_large_as_asked_for(label: str) -> None:
    for height in (24, 48):
        ink = synth.glyph(label, np.random.default_rng(7), height=height)
        assert ink.dtype == np.uint8
        assert max(ink.shape) == height + 4
        assert ink.max() > 128


def test_no_two_writings_are_alike() -> None:
    rng = np.random.default_rng(0)
    writings = [np.concatenate(synth.draw("2", rng)).tobytes() for _ in range(50)]
    assert len(set(writings)) == 50


def test_equal_seeds_give_equal_glyphs() -> None:
    one, same, other = (synth.generate("A7", 20, seed) for seed in (3, 3, 4))
    assert np.array_equal(one[1], same[1])
    assert all(np.array_equal(a, b) for a, b in zip(one[0], same[0], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one[0], other[0], strict=True))


def test_labels_are_balanced_and_shuffled() -> None:
    glyphs, labels = synth.generate(synth.LABELS, 36 * 5 + 7, 1)
    counts = Counter(labels.tolist())
    assert len(glyphs) == len(labels) == 36 * 5 + 7
    assert set(counts) == set(synth.LABELS)
    assert set(counts.values()) == {5, 6}
    assert labels.tolist() != sorted(labels.tolist())


def test_zero_is_slashed_only_when_asked() -> None:
    def counters(slashed: bool) -> list[int]:
        rng = np.random.default_rng(5)
        drawn = [synth.draw("0", rng, slashed_zero=slashed) for _ in range(100)]
        return [holes(render(strokes, height=96, pen=0.04)) for strokes in drawn]

    # Now and then an open zero has none, and an overlap cuts off a sliver.
    assert np.mean(np.array(counters(False)) <= 1) > 0.9
    assert np.mean(np.array(counters(True)) >= 2) > 0.7


def test_some_generated_zeros_are_struck_through() -> None:
    glyphs, labels = synth.generate("0", 400, 3)
    assert set(labels) == {"0"}
    assert 0.05 < np.mean([holes(glyph) >= 2 for glyph in glyphs]) < 0.25


def test_the_slash_is_one_more_stroke_of_zero_alone() -> None:
    for label, extra in (("0", 1), ("O", 0), ("8", 0)):
        plain = synth.draw(label, np.random.default_rng(1))
        slashed = synth.draw(label, np.random.default_rng(1), slashed_zero=True)
        assert len(slashed) == len(plain) + extra


@pytest.mark.parametrize(("label", "counters"), [("8", 2), ("0", 1), ("L", 0), ("7", 0), ("S", 0)])
def test_shapes_keep_the_counters_that_tell_them_apart(label: str, counters: int) -> None:
    rng = np.random.default_rng(2)
    found = Counter(holes(render(synth.draw(label, rng), height=96, pen=0.04)) for _ in range(60))
    assert found.most_common(1)[0][0] == counters


@pytest.mark.parametrize("label", ["a", "?", "", "10", "É"])
def test_an_unknown_label_is_refused(label: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="no such label"):
        synth.draw(label, rng)
    with pytest.raises(InputError, match="no such label"):
        synth.glyph(label, rng)
    with pytest.raises(InputError, match="no such label"):
        synth.generate([label], 1, 0)


def test_no_labels_at_all_are_refused() -> None:
    with pytest.raises(InputError, match="no labels"):
        synth.generate([], 10, 0)
