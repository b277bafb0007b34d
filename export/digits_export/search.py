"""Looks for the recipe: every candidate quantized, judged on validation, and timed here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import get_args

import numpy as np
import onnx
from numpy.typing import NDArray

from digits_calibration.ranges import METHODS
from digits_export import gate, quantize
from digits_export.activations import Activations
from digits_export.gate import Limits, Parity
from digits_export.recipe import Granularity, Recipe, Weights
from digits_runtime.session import Session
from digits_runtime.timing import fastest

# A candidate this much slower than the fastest is of another class, whatever its answers.
_AS_FAST = 1.05
# Layers left in float are tried one at a time, in networks of so many at most.
_FEW_LAYERS = 12
_WON = "won: "


@dataclass(frozen=True, slots=True)
class Candidate:
    """One recipe, tried.

    Attributes:
        recipe: What was done.
        model: The int8 model, without metadata.
        size: Of its file without metadata, bytes.
        parity: Float against it on validation.
        noise_ratio: Power of the float logits over that of their change, dB.
        integer: Layers that onnxruntime runs as integer kernels.
        in_float: Layers that it runs in float.
        microseconds: A glyph at batch 1, one thread, here, the fastest round; 0 if not timed.
        verdict: Why it won or did not; empty before that is known.
    """

    recipe: Recipe
    model: onnx.ModelProto
    size: int
    parity: Parity
    noise_ratio: float
    integer: int
    in_float: int
    microseconds: float = 0.0
    verdict: str = ""

    @property
    def won(self) -> bool:
        """Whether this is the model that leaves."""
        return self.verdict.startswith(_WON)


@dataclass(frozen=True, slots=True)
class Judge:
    """What candidates are judged by.

    Attributes:
        describe: Gives a model its contract, so that the runtime's own session opens it.
        images: Validation glyphs, uint8 `[n, 1, size, size]`.
        labels: Their classes, `[n]`.
        named: How many of the classes are labels.
        expected: Logits of the float model, float32 `[n, classes]`.
        limits: What the gate allows.
    """

    describe: Callable[[onnx.ModelProto], bytes]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    named: int
    expected: NDArray[np.float32]
    limits: Limits

    def try_out(self, source: onnx.ModelProto, held: Activations, recipe: Recipe) -> Candidate:
        """Quantize by a recipe and compare answers, glyph by glyph.

        Raises:
            GateError: The network cannot be quantized.
        """
        model = quantize.to_int8(source, held, recipe)
        content = self.describe(model)
        logits = Session(content, provider="cpu").logits(self.images)
        change = float(((logits - self.expected).astype(np.float64) ** 2).sum())
        power = float((self.expected.astype(np.float64) ** 2).sum())
        integer, in_float = quantize.kernels(source, content)
        return Candidate(
            recipe,
            model,
            len(model.SerializeToString()),
            gate.compare(self.expected, logits, self.labels, self.named),
            10 * float(np.log10(power / change)) if change else float("inf"),
            integer,
            in_float,
        )

    def time(
        self, source: onnx.ModelProto, candidates: Sequence[Candidate]
    ) -> tuple[float, list[Candidate]]:
        """Time float and candidates in one run, rounds alternating.

        Ranges do not change what is computed, so one candidate of each structure stands for all.

        Returns:
            Microseconds a glyph of the float model, and the candidates with theirs.
        """
        glyph = self.images[:1]
        timed: dict[int, Callable[[], object]] = {}

        def prepared(session: Session) -> Callable[[], object]:
            return lambda: session.logits(glyph)

        for model in (source, *(c.model for c in {_structure(c): c for c in candidates}.values())):
            timed[len(timed)] = prepared(Session(self.describe(model), provider="cpu"))
        seconds = fastest(timed)
        structures = {_structure(c): None for c in candidates}
        times = {s: 1e6 * seconds[1 + place] for place, s in enumerate(structures)}
        return 1e6 * seconds[0], [replace(c, microseconds=times[_structure(c)]) for c in candidates]


def search(
    source: onnx.ModelProto,
    held: Activations,
    judge: Judge,
    progress: Callable[[str, int, int], None],
) -> tuple[float, list[Candidate]]:
    """Try every recipe, then the best one with a layer left in float; the winner comes first.

    Of those that the gate lets pass and that compute the same on every processor, and of these the
    fastest ones (within 5 %), the one with the fewest layers in float wins; of equals the one that
    changes the fewest validation answers, then the one whose logits differ least.

    Args:
        source: The float model.
        held: From `activations.calibrate`.
        judge: Of the candidates.
        progress: Told the recipe under trial, its number, and how many there are.

    Returns:
        Microseconds a glyph of the float model at batch 1, and all candidates.
    """
    grid = [
        Recipe(ranges, granularity, weights)
        for granularity, weights, ranges in product(
            get_args(Granularity), get_args(Weights), METHODS
        )
    ]
    layers = range(1, len(quantize.layers(source)) + 1)
    singles = [(number,) for number in layers] if len(layers) <= _FEW_LAYERS else []
    total = len(grid) + len(singles)
    tried: list[Candidate] = []
    for recipe in grid:
        progress(str(recipe), len(tried) + 1, total)
        tried.append(judge.try_out(source, held, recipe))
    microseconds, timed = judge.time(source, tried)
    best = _ranked(timed, microseconds, judge.limits)[0].recipe
    for left in singles:
        recipe = replace(best, left=left)
        progress(str(recipe), len(tried) + 1, total)
        tried.append(judge.try_out(source, held, recipe))
    microseconds, tried = judge.time(source, tried)
    return microseconds, _ranked(tried, microseconds, judge.limits)


def judged(
    source: onnx.ModelProto, held: Activations, judge: Judge, recipe: Recipe
) -> tuple[float, list[Candidate]]:
    """Try one recipe that was asked for: it wins if the gate lets it pass.

    Returns:
        Microseconds a glyph of the float model at batch 1, and the one candidate.
    """
    microseconds, (candidate,) = judge.time(source, [judge.try_out(source, held, recipe)])
    refused = _refused(candidate, microseconds, judge.limits, portable=False)
    return microseconds, [replace(candidate, verdict=refused or f"{_WON}asked for")]


def _ranked(
    candidates: Sequence[Candidate], float_microseconds: float, limits: Limits
) -> list[Candidate]:
    """Say of each why it won or did not; the winner, if any, first, then by preference."""
    verdicts = {c.recipe: _refused(c, float_microseconds, limits) for c in candidates}
    passed = [c for c in candidates if not verdicts[c.recipe]]
    if passed:
        least = min(c.microseconds for c in passed)
        fast = [c for c in passed if c.microseconds <= _AS_FAST * least]
        winner = min(fast, key=_preference)
        for candidate in passed:
            verdicts[candidate.recipe] = (
                _behind(candidate, winner)
                if candidate in fast
                else f"{100 * (candidate.microseconds / least - 1):.0f} % slower than the fastest "
                "that pass"
            )
        verdicts[winner.recipe] = (
            f"{_WON}fewest layers in float, then fewest answers changed, then least noise, "
            "of the fastest that pass"
        )
    told = [replace(c, verdict=verdicts[c.recipe]) for c in candidates]
    # Without a winner the first is the best of those that would compute the same everywhere.
    return sorted(told, key=lambda c: (not c.won, not c.recipe.portable, *_preference(c)))


def _behind(candidate: Candidate, winner: Candidate) -> str:
    """Why a candidate that is as fast as the winner lost to it."""
    if more := len(candidate.recipe.left) - len(winner.recipe.left):
        return f"{more} more layers in float than the winner's"
    if more := candidate.parity.changed - winner.parity.changed:
        return f"{more} more changed than the winner's"
    return f"{winner.noise_ratio - candidate.noise_ratio:.1f} dB more noise"


def _refused(
    candidate: Candidate, float_microseconds: float, limits: Limits, *, portable: bool = True
) -> str:
    """Why the gate would not let a candidate pass; empty if it would."""
    if portable and not candidate.recipe.portable:
        return "its products saturate on x86 without VNNI: other answers there"
    if candidate.in_float != len(candidate.recipe.left):
        return f"{candidate.in_float} layers run in float, {len(candidate.recipe.left)} asked for"
    return " and ".join(
        gate.faults(candidate.parity, candidate.microseconds, float_microseconds, limits)
    )


def _preference(candidate: Candidate) -> tuple[float, ...]:
    # A layer in float is a larger file: for where integers alone are slower, or are refused.
    return (len(candidate.recipe.left), candidate.parity.changed, -candidate.noise_ratio)


def _structure(candidate: Candidate) -> tuple[object, ...]:
    """What candidates of equal speed share."""
    recipe = candidate.recipe
    return (recipe.granularity, recipe.weights, recipe.left)
