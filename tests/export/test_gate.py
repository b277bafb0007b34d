from __future__ import annotations

import numpy as np
import pytest

from digits_export import gate
from digits_runtime.errors import GateError


def logits(answers: list[int]) -> np.ndarray:
    return np.eye(11, dtype=np.float32)[answers]


LABELS = np.array([1, 2, 3, 4])


def test_parity_counts_changed_answers_and_points_lost() -> None:
    parity = gate.compare(logits([1, 2, 3, 4]), logits([1, 2, 5, 4]), LABELS, 10)
    assert (parity.before, parity.after, parity.changed, parity.n) == (1.0, 0.75, 1, 4)
    assert parity.drop == 25


def test_not_a_glyph_is_no_answer() -> None:
    parity = gate.compare(logits([1, 2, 3, 10]), logits([1, 2, 3, 10]), LABELS, 10)
    assert parity.after == 0.75


def test_a_loss_at_the_limit_passes_and_one_above_it_does_not() -> None:
    parity = gate.compare(logits([1, 2, 3, 4]), logits([1, 2, 5, 4]), LABELS, 10)
    gate.small_loss(parity, 25)
    with pytest.raises(GateError, match=r"lost 25\.000 points.*1 answers changed"):
        gate.small_loss(parity, 24.9)


def test_a_gain_passes() -> None:
    gate.small_loss(gate.compare(logits([1, 2, 5, 4]), logits([1, 2, 3, 4]), LABELS, 10), 0)


def test_a_conversion_may_only_round() -> None:
    gate.same_function(logits([1]), logits([1]) + np.float32(1e-4))
    with pytest.raises(GateError, match="does not compute what torch does"):
        gate.same_function(logits([1]), logits([1]) + np.float32(0.1))
    with pytest.raises(GateError, match="does not compute what torch does"):
        gate.same_function(logits([1]), logits([1]) * np.float32("nan"))
