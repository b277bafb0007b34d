"""Static int8 quantization: ranges from calibration samples, weights per channel.

Activations are uint8. Weights are int8 but kept to 7 bits (`reduce_range`): on x86 without VNNI
the 8-bit product of uint8 and int8 saturates at 16 bits, and answers would depend on the machine;
with 7 bits it cannot.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from digits_calibration.ranges import Feed
from digits_export.convert import shorten_names
from digits_runtime.contract import INPUT
from digits_runtime.errors import GateError

_INTEGER = ["Conv", "Relu", "AveragePool", "Concat", "Reshape", "Gemm"]

RECIPE = {
    "format": "QDQ",
    "activations": "uint8 per tensor, min-max",
    "weights": "int8 per channel, 7 bits",
}


def to_int8(model: onnx.ModelProto, samples: NDArray[np.uint8]) -> onnx.ModelProto:
    """Quantize a float model.

    Args:
        model: From `convert.to_onnx`.
        samples: uint8 `[n, 1, size, size]`, training glyphs to take activation ranges from.

    Returns:
        The QDQ model, its input scaled by the first dequantization, without metadata.

    Raises:
        GateError: onnxruntime's quantizer left a convolution or the classifier in float.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source, prepared, target = (Path(folder) / f"{name}.onnx" for name in ("f", "p", "q"))
        onnx.save(model, source)
        root = logging.getLogger()
        level = root.level
        # The quantizer advises to run the preparation that was just run.
        root.setLevel(logging.ERROR)
        try:
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            quantize_static(
                prepared,
                target,
                Feed(INPUT, samples),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                op_types_to_quantize=_INTEGER,
                # Logits stay float: 256 steps are too few to tell how sure an answer is.
                extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
            )
        finally:
            root.setLevel(level)
        quantized = onnx.load(target)
    _scale_by_dequantizing(quantized)
    del quantized.metadata_props[:]
    del quantized.graph.value_info[:]
    quantized.producer_name, quantized.producer_version = model.producer_name, ""
    quantized.graph.name = model.graph.name
    onnx.checker.check_model(quantized, full_check=True)
    _assert_quantized(quantized)
    shorten_names(quantized)
    return quantized


def _scale_by_dequantizing(model: onnx.ModelProto) -> None:
    """Replace Cast, Mul and QuantizeLinear on the input by what they amount to: nothing.

    The glyphs are already uint8 with scale 1/255 and zero point 0, so the first convolution can
    take them as they come. Ranges that do not reach from 0 to 1 are widened to it, which for an
    input that always holds saturated ink only happens with very few samples.
    """
    graph = model.graph
    producer = {output: node for node in graph.node for output in node.output}
    quantize = next(
        (
            node
            for node in graph.node
            if node.op_type == "QuantizeLinear" and producer[node.input[0]].op_type == "Mul"
        ),
        None,
    )
    if quantize is None:
        raise GateError(
            "this network does not begin with a convolution, so int8 would gain nothing; "
            "export it without --int8"
        )
    scaled = producer[quantize.input[0]]
    cast = producer[scaled.input[0]]
    values = {initializer.name: initializer for initializer in graph.initializer}
    _overwrite(values[quantize.input[1]], np.array(1 / 255, np.float32))
    _overwrite(values[quantize.input[2]], np.array(0, np.uint8))
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] == quantize.output[0]:
            node.input[0] = INPUT
    for node in (quantize, scaled, cast):
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for initializer in [i for i in graph.initializer if i.name not in used]:
        graph.initializer.remove(initializer)


def _overwrite(tensor: onnx.TensorProto, value: NDArray[np.generic]) -> None:
    tensor.CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))


def _assert_quantized(model: onnx.ModelProto) -> None:
    """Hold the quantizer to its word: it leaves out silently what it does not know."""
    producer = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        for source in node.input[:2]:
            if source not in producer or producer[source].op_type != "DequantizeLinear":
                raise GateError(f"the quantizer left {node.name or node.op_type} in float")
