"""Weights rounded so that what a layer gives, not each weight, stays as it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# What inputs hardly tell apart is damped by this share of their mean power.
_DAMPED = 0.01


def compensation(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each input's rounding error can be made up for by the inputs after it.

    Args:
        products: float64 `[k, k]`, sums of the products of a layer's inputs, two by two, over the
            calibration samples.

    Returns:
        float64 `[k, k]`, upper triangular: the Cholesky factor of the damped products' inverse.
    """
    inputs = len(products)
    power = float(np.trace(products)) / inputs or 1.0
    damped = products + _DAMPED * power * np.eye(inputs)
    factor: NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(damped)).T
    return factor


def rounded(
    weights: NDArray[np.floating],
    factor: NDArray[np.float64],
    scale: NDArray[np.floating],
    zero: NDArray[np.integer],
    least: int,
    greatest: int,
) -> NDArray[np.int64]:
    """Round weights one input after another, each making up for the errors before it.

    After Frantar et al. 2022, "GPTQ: Accurate Post-Training Quantization for Generative
    Pre-trained Transformers": least squared error of a layer's outputs over calibration samples,
    where rounding to the nearest step has that of its weights.

    Args:
        weights: float `[outputs, k]`.
        factor: float64 `[k, k]`, from `compensation`.
        scale: float `[outputs]`, what a step is worth.
        zero: Integers `[outputs]`, the step that is zero.
        least: Step.
        greatest: Step.

    Returns:
        Steps, int64 `[outputs, k]`.
    """
    left = weights.astype(np.float64) / scale.astype(np.float64)[:, None]
    steps = np.empty(left.shape, np.int64)
    for place in range(left.shape[1]):
        step = np.clip(np.rint(left[:, place]) + zero, least, greatest).astype(np.int64)
        steps[:, place] = step
        error = (left[:, place] - (step - zero)) / factor[place, place]
        left[:, place + 1 :] -= error[:, None] * factor[place, place + 1 :]
    return steps
