from __future__ import annotations

import numpy as np

from digits_calibration.confidence import fit, reliability


def predictions(sharpness: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax, once divided by `sharpness`, is the truth's own distribution."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2.5, (n, 10))
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([rng.choice(10, p=row) for row in shares])
    return (sharpness * logits).astype(np.float32), labels


def test_the_temperature_undoes_over_and_underconfidence() -> None:
    for sharpness in (0.4, 1.0, 3.0):
        fitted = fit(*predictions(sharpness))
        assert abs(fitted.temperature / sharpness - 1) < 0.05
        assert fitted.error_after < 0.03


def test_calibration_error_falls() -> None:
    fitted = fit(*predictions(3.0))
    assert fitted.error_after < 0.3 * fitted.error_before


def test_answers_above_the_threshold_can_be_trusted() -> None:
    logits, labels = predictions(1.0)
    fitted = fit(logits * 4, labels)
    assert 0.5 <= fitted.threshold <= 0.9


def test_a_handful_of_glyphs_cannot_make_a_model_sure() -> None:
    labels = np.arange(3)
    logits = np.eye(3, dtype=np.float32)[labels] * 3
    fitted = fit(logits, labels)
    assert 0.4 < fitted.temperature < 1.5
    assert fitted.threshold == 0.9


def test_a_flawless_model_names_whatever_it_prefers() -> None:
    labels = np.arange(1000) % 10
    logits = np.eye(10, dtype=np.float32)[labels] * 9
    assert fit(logits, labels).threshold <= 0.9


def test_reliability_shares_sum_to_one_and_meet_the_diagonal_once_fitted() -> None:
    logits, labels = predictions(3.0, 20_000)
    claimed, kept, share = np.array(reliability(logits, labels, fit(logits, labels).temperature)).T
    assert abs(share.sum() - 1) < 1e-9
    assert (share * np.abs(claimed - kept)).sum() < 0.02
