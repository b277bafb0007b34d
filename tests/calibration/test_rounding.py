from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from digits_calibration.rounding import compensation, rounded

LEAST, GREATEST = -64, 64


def layer(seed: int, inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs that go together, as neighbouring pixels do; weights; and what a step is worth."""
    rng = np.random.default_rng(seed)
    given = rng.normal(size=(400, 3)) @ rng.normal(size=(3, inputs))
    given += 0.2 * rng.normal(size=given.shape)
    weights = rng.normal(size=(outputs, inputs))
    return np.maximum(given, 0), weights, np.abs(weights).max(axis=1) / GREATEST * 4


def steps(given: np.ndarray, weights: np.ndarray, scale: np.ndarray, zero: int = 0) -> np.ndarray:
    zeros = np.full(len(weights), zero)
    factor = compensation(given.T @ given)
    return rounded(weights, factor, scale, zeros, LEAST + zero, GREATEST + zero)


@given(st.integers(0, 1000), st.integers(2, 40), st.integers(1, 5))
def test_steps_are_integers_within_their_limits(seed: int, inputs: int, outputs: int) -> None:
    given, weights, scale = layer(seed, inputs, outputs)
    found = steps(given, weights, scale / 8)
    assert found.shape == weights.shape
    assert found.min() >= LEAST
    assert found.max() <= GREATEST


def test_outputs_change_less_than_by_rounding_to_the_nearest_step() -> None:
    ratios = []
    for seed in range(20):
        given, weights, scale = layer(seed, 36, 8)
        nearest = np.rint(weights / scale[:, None])
        found = steps(given, weights, scale)
        errors = [
            ((given @ (scale[:, None] * each - weights).T) ** 2).sum() for each in (found, nearest)
        ]
        ratios.append(errors[0] / errors[1])
    assert np.mean(ratios) < 0.5


@given(st.integers(0, 1000))
def test_inputs_that_have_nothing_to_do_with_each_other_round_to_the_nearest_step(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3, 9))
    found = rounded(weights, compensation(np.eye(9)), np.full(3, 0.1), np.zeros(3, int), -127, 127)
    np.testing.assert_array_equal(found, np.rint(weights / 0.1))


def test_a_zero_point_moves_all_steps_alike() -> None:
    given, weights, scale = layer(1, 12, 3)
    np.testing.assert_array_equal(
        steps(given, weights, scale, 20), steps(given, weights, scale) + 20
    )


def test_inputs_that_are_always_zero_round_to_the_nearest_step() -> None:
    given, weights, scale = layer(1, 12, 3)
    given[:, 4] = 0
    found = steps(given, weights, scale)
    np.testing.assert_array_equal(found[:, 4], np.rint(weights[:, 4] / scale))
    np.testing.assert_array_equal(
        steps(0 * given, weights, scale), np.rint(weights / scale[:, None])
    )
