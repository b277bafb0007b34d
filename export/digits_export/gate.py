"""Decides whether a model may leave: every format must answer as the one it was made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digits_runtime.errors import GateError

# torch and onnxruntime sum in different orders; more than this is another computation.
_LARGEST_DIFFERENCE = 1e-3


@dataclass(frozen=True, slots=True)
class Limits:
    """What a quantized model may be worse in than the float one.

    Attributes:
        drop: Points of validation accuracy it may lose.
        slower: Whether it may be slower at batch 1.
    """

    drop: float = 0.05
    slower: bool = False

    def __str__(self) -> str:
        return f"at most {self.drop:g} points lost" + (
            ", slower than float allowed" if self.slower else ", faster than float"
        )


@dataclass(frozen=True, slots=True)
class Parity:
    """Two models on the same samples.

    Attributes:
        before: Share of right answers of the first, 0 to 1.
        after: Of the second.
        changed: Answers that differ.
        n: Samples.
    """

    before: float
    after: float
    changed: int
    n: int

    @property
    def drop(self) -> float:
        """Points of accuracy lost, in percent of the samples."""
        return 100 * (self.before - self.after)


def compare(
    before: NDArray[np.float32], after: NDArray[np.float32], labels: NDArray[np.int64], named: int
) -> Parity:
    """Compare answers, glyph by glyph.

    Args:
        before: Logits of the one model, float32 `[n, classes]`.
        after: Logits of the other.
        labels: The right classes, `[n]`.
        named: How many of the classes are labels; answers are the best of those.
    """
    first, second = before[:, :named].argmax(1), after[:, :named].argmax(1)
    return Parity(
        before=float((first == labels).mean()),
        after=float((second == labels).mean()),
        changed=int((first != second).sum()),
        n=len(labels),
    )


def same_function(expected: NDArray[np.float32], got: NDArray[np.float32]) -> None:
    """Insist that a conversion changed nothing but rounding.

    Raises:
        GateError: Some logit differs by more than rounding can.
    """
    worst = float(np.abs(expected - got).max(initial=0.0))
    if not worst <= _LARGEST_DIFFERENCE:
        raise GateError(
            f"the ONNX model does not compute what torch does: logits differ by up to {worst:.2g}"
        )


def faults(
    parity: Parity, microseconds: float, float_microseconds: float, limits: Limits
) -> list[str]:
    """What the gate has against a quantized model.

    Args:
        parity: Float against it on validation.
        microseconds: A glyph at batch 1.
        float_microseconds: The same of the float model, in the same run.
        limits: What is allowed.
    """
    found = []
    # Equal to the last sample: binary fractions must not refuse what is exactly at the limit.
    if parity.drop > limits.drop + 1e-9:
        found.append(
            f"lost {parity.drop:.3f} points on {parity.n} validation glyphs "
            f"({100 * parity.before:.3f} % to {100 * parity.after:.3f} %, {parity.changed} answers "
            f"changed), more than --allow-drop {limits.drop:g}"
        )
    if microseconds > float_microseconds and not limits.slower:
        found.append(
            f"is slower than float at batch 1 ({microseconds:.1f} against "
            f"{float_microseconds:.1f} µs; --allow-slower lets it pass)"
        )
    return found


def hold(found: list[str], kind: str, remedy: str) -> None:
    """Refuse a model with faults.

    Args:
        found: From `faults`.
        kind: What the model is called.
        remedy: What to do about it.

    Raises:
        GateError: There are any.
    """
    if found:
        raise GateError(f"the {kind} model {' and '.join(found)}; nothing was written. {remedy}")
