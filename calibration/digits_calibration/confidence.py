"""Makes probabilities mean what they say: temperature, and when to say nothing at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Of the answers the reader names, this share shall be right...
_PRECISION = 0.999
# ...but it never asks for more than this much probability, nor accepts less than a coin's toss.
_THRESHOLDS = (0.5, 0.9)
_BINS = 15


@dataclass(frozen=True, slots=True)
class Confidence:
    """How to turn logits into an answer.

    Attributes:
        temperature: Divides the logits before softmax.
        threshold: Least probability at which a glyph is named.
        error_before: Expected calibration error without the temperature, 0 to 1.
        error_after: The same with it.
    """

    temperature: float
    threshold: float
    error_before: float
    error_after: float


def fit(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> Confidence:
    """Fit temperature and threshold on validation logits.

    Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks") minimises
    the negative log likelihood over one number; the threshold is the lowest at which the answers
    above it reach 99.9 % precision. A handful of glyphs can show neither: a prior of one glyph's
    weight holds the temperature near 1, and precision counts by the rule of succession (Laplace),
    so that under a thousand glyphs the threshold stays at its highest.

    Args:
        logits: float32 `[n, classes]`.
        labels: The right classes, `[n]`.
    """
    # The likelihood has one minimum; three rounds of a finer and finer grid find it exactly
    # enough, and the same on every machine.
    center, reach = 0.0, 2.0
    for _ in range(3):
        grid = center + np.linspace(-reach, reach, 21)
        losses = [
            _log_loss(logits, labels, float(np.exp(point))) + point**2 / len(labels)
            for point in grid
        ]
        center, reach = float(grid[int(np.argmin(losses))]), reach / 10
    temperature = round(float(np.exp(center)), 4)
    sure, right = _answers(logits, labels, temperature)
    order = np.argsort(-sure, kind="stable")
    precision = (np.cumsum(right[order]) + 1) / (np.arange(len(order)) + 3)
    enough = np.flatnonzero(precision >= _PRECISION)
    threshold = float(sure[order[enough[-1]]]) if len(enough) else _THRESHOLDS[1]
    return Confidence(
        temperature=temperature,
        threshold=round(min(max(threshold, _THRESHOLDS[0]), _THRESHOLDS[1]), 3),
        error_before=_calibration_error(*_answers(logits, labels, 1.0)),
        error_after=_calibration_error(sure, right),
    )


def reliability(
    logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> list[tuple[float, float, float]]:
    """What answers claim against what they keep, by how sure they are (DeGroot & Fienberg 1983).

    Args:
        logits: float32 `[n, classes]`.
        labels: The right classes, `[n]`.
        temperature: Divides the logits.

    Returns:
        For each of fifteen bins that has answers: their mean probability, the share of them that
        is right, and the share of all answers that they are; all 0 to 1.
    """
    return _reliability(*_answers(logits, labels, temperature))


def _log_probabilities(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return result


def _log_loss(logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float) -> float:
    return -float(_log_probabilities(logits, temperature)[np.arange(len(labels)), labels].mean())


def _answers(
    logits: NDArray[np.float32], labels: NDArray[np.int64], temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probability of each answer, and whether it is right."""
    log = _log_probabilities(logits, temperature)
    return np.exp(log.max(axis=1)), log.argmax(axis=1) == labels


def _calibration_error(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over fifteen bins (Naeini et al. 2015)."""
    return sum(share * abs(claimed - found) for claimed, found, share in _reliability(sure, right))


def _reliability(
    sure: NDArray[np.float64], right: NDArray[np.bool_]
) -> list[tuple[float, float, float]]:
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    return [
        (float(sure[bins == b].mean()), float(right[bins == b].mean()), float((bins == b).mean()))
        for b in np.unique(bins)
    ]
