from __future__ import annotations

import numpy as np
import pytest

from digits_runtime.errors import InputError
from digits_train import data, printed
from digits_train.synth import LABELS


@pytest.mark.parametrize("face", [*printed.FACES, *printed.HELD_OUT])
def test_every_face_prints_every_label_at_the_height_asked_for(face: str) -> None:
    rng = np.random.default_rng(0)
    for label in LABELS:
        ink = printed.glyph(label, face, rng, height=32)
        assert ink.dtype == np.uint8
        assert max(ink.shape) == 36
        assert ink.max() > 200
        assert ink[:2].max() == ink[-2:].max() == ink[:, :2].max() == ink[:, -2:].max() == 0


def test_no_face_is_both_learnt_and_held_out() -> None:
    assert not set(printed.FACES) & set(printed.HELD_OUT)


def test_prints_vary_and_equal_seeds_give_equal_prints() -> None:
    images, labels = printed.generate("01", 12, 7)
    same, _ = printed.generate("01", 12, 7)
    assert sorted(labels.tolist()) == ["0"] * 6 + ["1"] * 6
    assert all(np.array_equal(a, b) for a, b in zip(images, same, strict=True))
    assert len({image.tobytes() for image in images}) == 12


def test_print_is_a_source_of_glyphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_PRINT_COUNT", {"train": 3, "validation": 2, "test": 1})
    for split, name, count in (("train", "print", 30), ("validation", "print-validation", 20)):
        glyphs = data.load("print", split, classes=tuple("0123456789"), data_dir=None, seed=0)
        assert (glyphs.name, len(glyphs)) == (name, count)


def test_a_label_no_face_has_is_refused() -> None:
    with pytest.raises(InputError, match="no such label"):
        printed.glyph("a", "cmr10", np.random.default_rng(0))
