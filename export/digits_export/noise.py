"""Where a quantization loses: signal-to-noise tensor by tensor, for a recipe that fails."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, qdq_loss_debug

from digits_export.activations import Activations
from digits_export.quantize import as_quantizer_gives
from digits_export.recipe import Recipe
from digits_runtime.contract import INPUT


class _Once(CalibrationDataReader):  # type: ignore[misc]
    """Hands samples to onnxruntime's tools, all at once."""

    def __init__(self, samples: NDArray[np.uint8]) -> None:
        self._left = [{INPUT: samples}]

    def get_next(self) -> Mapping[str, NDArray[np.uint8]] | None:
        return self._left.pop() if self._left else None


def by_tensor(
    model: onnx.ModelProto,
    held: Activations,
    recipe: Recipe,
    samples: NDArray[np.uint8],
) -> dict[str, float]:
    """Signal-to-noise of the int8 model's activations against the float model's.

    Args:
        model: The float model.
        held: From `activations.calibrate`.
        recipe: The one to examine.
        samples: uint8 `[n, 1, size, size]`; a few hundred tell.

    Returns:
        Decibels by tensor, in the graph's order; the least of them is where to look.
    """
    quantized, _ = as_quantizer_gives(model, held, recipe)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        activations = []
        for name, graph in (("float", model), ("int8", quantized)):
            plain, saving = Path(folder) / f"{name}.onnx", Path(folder) / f"{name}-saving.onnx"
            onnx.save(graph, plain)
            qdq_loss_debug.modify_model_output_intermediate_tensors(plain, saving)
            activations.append(qdq_loss_debug.collect_activations(str(saving), _Once(samples)))
    matched = qdq_loss_debug.create_activation_matching(activations[1], activations[0])
    errors = qdq_loss_debug.compute_activation_error(
        {name: match for name, match in matched.items() if "float" in match}
    )
    order = [name for node in model.graph.node for name in node.output]
    return {name: errors[name]["xmodel_err"] for name in order if name in errors}
