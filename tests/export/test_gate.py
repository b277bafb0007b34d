from __future__ import annotations

import numpy as np
import pytest

from digits_export import gate
from digits_export.gate import Limits
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
    assert gate.faults(parity, 1, 2, Limits(drop=25)) == []
    (fault,) = gate.faults(parity, 1, 2, Limits(drop=24.9))
    assert "lost 25.000 points" in fault
    assert "1 answers changed" in fault
    with pytest.raises(GateError, match="nothing was written"):
        gate.hold([fault], "int8", "Train longer")


def test_a_gain_passes() -> None:
    parity = gate.compare(logits([1, 2, 5, 4]), logits([1, 2, 3, 4]), LABELS, 10)
    assert gate.faults(parity, 1, 2, Limits(drop=0)) == []


def test_a_twentieth_of_a_point_may_be_lost_by_default() -> None:
    parity = gate.Parity(before=1.0, after=0.9994, changed=6, n=10000)
    assert gate.faults(parity, 1, 2, Limits())
    assert not gate.faults(gate.Parity(1.0, 0.9995, 5, 10000), 1, 2, Limits())


def test_slower_than_float_needs_to_be_allowed() -> None:
    parity = gate.Parity(1.0, 1.0, 0, 10)
    (fault,) = gate.faults(parity, 2, 1, Limits())
    assert "--allow-slower" in fault
    assert not gate.faults(parity, 2, 1, Limits(slower=True))


def test_a_conversion_may_only_round() -> None:
    gate.same_function(logits([1]), logits([1]) + np.float32(1e-4))
    with pytest.raises(GateError, match="does not compute what torch does"):
        gate.same_function(logits([1]), logits([1]) + np.float32(0.1))
    with pytest.raises(GateError, match="does not compute what torch does"):
        gate.same_function(logits([1]), logits([1]) * np.float32("nan"))
