"""What a session answers: shapes, calibration, and the same however it is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import helper

from digits_runtime.errors import InputError
from digits_runtime.session import BUNDLED, Session

from .small_models import small_onnx, some_glyphs


@pytest.mark.parametrize("count", [0, 1, 2, 511, 512, 513, 1025])
def test_any_number_of_glyphs_gives_as_many_rows(bundled: Session, count: int) -> None:
    glyphs = np.random.default_rng(0).integers(0, 256, (count, 1, 28, 28), dtype=np.uint8)
    for rows in (bundled.logits(glyphs), bundled.probabilities(glyphs)):
        assert rows.shape == (count, 11)
        assert rows.dtype == np.float32


def test_the_answer_does_not_depend_on_the_size_of_the_batch(
    bundled: Session, bundled_float: Session
) -> None:
    glyphs, _ = some_glyphs(600)
    for session in (bundled, bundled_float):
        together = session.logits(glyphs)
        for size in (1, 7, 64):
            some = range(0, 600, 50) if size == 1 else range(0, 600 - size, 97)
            for start in some:
                alone = session.logits(glyphs[start : start + size])
                np.testing.assert_allclose(alone, together[start : start + size], atol=1e-4)


def test_a_glyph_alone_keeps_its_answer_whatever_is_asked_next(bundled: Session) -> None:
    glyphs, _ = some_glyphs(20)
    rows = [bundled.logits(glyphs[place : place + 1]) for place in range(20)]
    again = [bundled.logits(glyphs[place : place + 1]) for place in range(20)]
    assert np.array_equal(np.concatenate(rows), np.concatenate(again))
    assert np.array_equal(bundled.logits(glyphs[::-1][:1]), rows[-1])


def test_glyphs_asked_one_by_one_from_several_threads_are_not_mixed_up(bundled: Session) -> None:
    glyphs, _ = some_glyphs(8)
    alone = [bundled.logits(glyphs[place : place + 1]) for place in range(8)]

    def ask(place: int) -> bool:
        return all(
            np.array_equal(bundled.logits(glyphs[place : place + 1]), alone[place])
            for _ in range(200)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


@pytest.mark.parametrize("shape", [(1, 1, 1, 28), (1, 1, 14, 14), (1, 28, 28)])
def test_one_glyph_of_another_size_is_refused_as_several_are(
    bundled: Session, shape: tuple[int, ...]
) -> None:
    with pytest.raises(
        InputError, match=r"fails on glyphs uint8 .* it takes uint8 \[n, 1, 28, 28\]"
    ):
        bundled.logits(np.zeros(shape, np.uint8))


def test_a_list_is_refused_as_a_wrong_array_is(bundled: Session) -> None:
    with pytest.raises(InputError, match=r"fails on glyphs list"):
        bundled.logits([])  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 2])
def test_logits_that_are_no_numbers_are_refused(count: int) -> None:
    model = onnx.load_from_string(small_onnx())
    weights = np.full((28 * 28, 11), np.nan, np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights, "weights"))
    session = Session(model.SerializeToString(), provider="cpu")
    with pytest.raises(InputError, match="no numbers"):
        session.logits(np.zeros((count, 1, 28, 28), np.uint8))


@pytest.mark.parametrize("count", [1, 2])
def test_a_model_that_gives_too_many_rows_is_refused(count: int) -> None:
    model = onnx.load_from_string(small_onnx())
    model.graph.node[-1].output[0] = "half"
    model.graph.node.append(helper.make_node("Concat", ["half", "half"], ["logits"], axis=0))
    session = Session(model.SerializeToString(), provider="cpu")
    with pytest.raises(InputError, match="export it again"):
        session.logits(np.zeros((count, 1, 28, 28), np.uint8))


def test_the_answer_does_not_depend_on_the_number_of_threads(bundled: Session) -> None:
    glyphs, _ = some_glyphs(64)
    threaded = Session(BUNDLED, provider="cpu", threads=2)
    np.testing.assert_allclose(threaded.logits(glyphs), bundled.logits(glyphs), atol=1e-4)


def test_probabilities_are_calibrated_shares(bundled: Session) -> None:
    glyphs, _ = some_glyphs(50)
    shares = bundled.probabilities(glyphs)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)
    assert shares.min() >= 0
    warm = bundled.logits(glyphs).astype(float) / bundled.contract.temperature
    expected = np.exp(warm - warm.max(axis=1, keepdims=True))
    np.testing.assert_allclose(shares, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


def test_float_and_int8_agree(bundled: Session, bundled_float: Session) -> None:
    glyphs, labels = some_glyphs(1000, seed=5)
    small, full = bundled.logits(glyphs).argmax(axis=1), bundled_float.logits(glyphs).argmax(axis=1)
    assert (small == full).mean() >= 0.995
    assert (small == labels).mean() >= 0.97


def test_no_ink_is_never_surely_a_glyph(bundled: Session) -> None:
    empty = np.zeros((1, 1, 28, 28), np.uint8)
    assert bundled.probabilities(empty)[0, :10].max() < bundled.contract.threshold
