"""What a float model's tensors hold over the calibration samples: all that quantizing needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from digits_calibration import ranges
from digits_calibration.ranges import Histogram
from digits_calibration.rounding import compensation

# Operators whose inputs and outputs become integers.
INTEGER = ("Conv", "Relu", "AveragePool", "MaxPool", "Concat", "Reshape", "Flatten", "Gemm")
_BATCH = 64
# A layer with more inputs than this to each output has weights enough for errors to average out,
# and the products of so many take minutes.
_MOST_INPUTS = 1200


@dataclass(frozen=True, slots=True)
class Activations:
    """What a float model's tensors hold.

    Attributes:
        histograms: Of each activation, by its name.
        factors: Of each layer, by its node's name, what `rounding.rounded` takes: float64
            `[groups, k, k]` for `k` inputs to each output; layers with very many have none.
    """

    histograms: Mapping[str, Histogram]
    factors: Mapping[str, NDArray[np.float64]]


def calibrate(model: onnx.ModelProto, samples: NDArray[np.uint8]) -> Activations:
    """Run a float model on the calibration samples.

    Args:
        model: From `convert.to_onnx`.
        samples: uint8 `[n, ...]`, as the model takes them.

    Raises:
        InputError: There are no samples, or the model gives what is no number.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    inner = {
        value.name: value
        for value in (*inferred.graph.value_info, *inferred.graph.output)
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    held = [value for name, value in inner.items() if name in _activations(inferred)]
    del inferred.graph.output[:]
    inferred.graph.output.extend(held)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    # As the graph is: a fused tensor could not be read.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        inferred.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names, given = [value.name for value in held], model.graph.input[0].name

    def batches() -> Iterator[Mapping[str, NDArray[np.float32]]]:
        for start in range(0, len(samples), _BATCH):
            values = session.run(names, {given: samples[start : start + _BATCH]})
            yield dict(zip(names, values, strict=True))

    histograms = ranges.histograms(batches)
    weights = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    products: dict[str, NDArray[np.float64]] = {}
    for batch in batches():
        for node in model.graph.node:
            shape = weights.get(node.input[1]) if has_rows(node) else None
            if shape is not None and int(np.prod(shape[1:])) <= _MOST_INPUTS:
                inputs = _inputs(node, batch[node.input[0]], shape)
                found = inputs @ inputs.swapaxes(1, 2)
                products[node.name] = products.get(node.name, 0) + found
    factors = {
        name: np.stack([compensation(group) for group in each]) for name, each in products.items()
    }
    return Activations(histograms, factors)


def has_rows(node: onnx.NodeProto) -> bool:
    """Whether a node multiplies by weights that have a row for each of its outputs."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Conv":
        return bool(attributes.get("auto_pad", b"NOTSET") == b"NOTSET")
    return node.op_type == "Gemm" and attributes.get("transB") == 1


def _inputs(
    node: onnx.NodeProto, values: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """What a layer's weights, of this shape, are multiplied with: float64 `[groups, k, places]`."""
    if node.op_type == "Gemm":
        return values.astype(np.float64).T[None]
    attributes: dict[str, Any] = {
        "pads": (0, 0, 0, 0),
        "strides": (1, 1),
        "dilations": (1, 1),
        "group": 1,
    }
    attributes |= {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    top, left, bottom, right = attributes["pads"]
    (down, across), (tall, wide) = attributes["strides"], attributes["dilations"]
    height, width = shape[2:]
    padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    reach = ((height - 1) * tall + 1, (width - 1) * wide + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=(2, 3))
    windows = windows[:, :, ::down, ::across, ::tall, ::wide].transpose(1, 4, 5, 0, 2, 3)
    groups = attributes["group"]
    each = len(windows) // groups * height * width
    return windows.reshape(groups, each, -1).astype(np.float64)


def _activations(model: onnx.ModelProto) -> set[str]:
    """Float tensors that layers and what lies between them take and give, the logits left out."""
    # What a convolution gives may be told in 256 steps; logits may not.
    told = {name for node in model.graph.node if node.op_type == "Conv" for name in node.output}
    logits = {value.name for value in model.graph.output} - told
    inner = [node for node in model.graph.node if node.op_type in INTEGER]
    names = {name for node in inner for name in (*node.input, *node.output)}
    return names - {initializer.name for initializer in model.graph.initializer} - logits
