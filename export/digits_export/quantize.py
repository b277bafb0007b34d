"""Static int8 quantization of a float model by a recipe, in QDQ form."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import (
    CalibrationMethod,
    QDQQuantizer,
    QuantType,
    TensorData,
    TensorsData,
)

from digits_calibration import ranges, rounding
from digits_calibration.ranges import Range
from digits_export import pixels
from digits_export.activations import INTEGER, Activations, has_rows
from digits_export.convert import shorten_names
from digits_export.layout import flatten_integers, keep_float, share_scalars
from digits_export.recipe import Recipe
from digits_runtime.errors import GateError, InputError

_LAYERS = ("Conv", "Gemm", "MatMul")
# What onnxruntime makes of them where all their inputs are quantized.
_KERNELS = ("QLinearConv", "QGemm", "QLinearMatMul", "MatMulIntegerToFloat")
# Least and greatest step of weights.
_STEPS = {"s7": (-64, 64), "s8": (-127, 127), "u8": (0, 255)}


def layers(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that multiply, convolutions and classifier, in the graph's order."""
    return [node.name for node in model.graph.node if node.op_type in _LAYERS]


def check(model: onnx.ModelProto, recipe: Recipe | None) -> None:
    """Make sure, before long work, that a float model can be quantized by a recipe.

    Raises:
        InputError: The recipe names a layer that is not there.
        GateError: The network does not begin with a convolution.
    """
    _scaled_input(model)
    _left(model, recipe or Recipe())


def to_int8(model: onnx.ModelProto, held: Activations, recipe: Recipe) -> onnx.ModelProto:
    """Quantize a float model.

    Args:
        model: From `convert.to_onnx`.
        held: From `activations.calibrate`.
        recipe: How.

    Returns:
        The QDQ model, its input scaled by the first dequantization, without metadata.

    Raises:
        InputError: The recipe names a layer that is not there.
        GateError: The quantizer left in float what it was not told to, or the network does not
            begin with a layer that it could quantize.
    """
    quantized, scaled = as_quantizer_gives(model, held, recipe)
    left = _left(model, recipe)
    share_scalars(quantized)
    if 1 not in recipe.left:
        _take_bytes(quantized, scaled)
        pixels.group(quantized)
    _check_quantized(quantized, left)
    keep_float(quantized, left)
    del quantized.graph.value_info[:]
    quantized = onnx.shape_inference.infer_shapes(quantized)
    flatten_integers(quantized)
    _tidy(quantized)
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def as_quantizer_gives(
    model: onnx.ModelProto, held: Activations, recipe: Recipe
) -> tuple[onnx.ModelProto, str]:
    """What onnxruntime's quantizer makes of a model, tensors still named as in the float one.

    Returns:
        The QDQ model, and the name of its scaled input.

    Raises:
        InputError: The recipe names a layer that is not there.
        GateError: The network does not begin with a convolution.
    """
    source = onnx.shape_inference.infer_shapes(model)
    reach = _shared(
        {name: ranges.choose(h, recipe.ranges) for name, h in held.histograms.items()}, source
    )
    scaled = _scaled_input(source)
    reach[scaled] = (0.0, 1.0)
    root = logging.getLogger()
    level = root.level
    # The quantizer advises a preparation that this graph does not need.
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            quantizer = QDQQuantizer(
                source,
                per_channel=recipe.granularity == "channel",
                reduce_range=recipe.weights == "s7",
                weight_qType=QuantType.QUInt8 if recipe.weights == "u8" else QuantType.QInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=_as_tensors_data(reach),
                nodes_to_quantize=[],
                nodes_to_exclude=_left(model, recipe),
                op_types_to_quantize=list(INTEGER),
                # Logits stay float: 256 steps are too few to tell how sure an answer is.
                extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
            )
            quantizer.quantize_model()
            quantizer.model.topological_sort()
    finally:
        root.setLevel(level)
    quantized = quantizer.model.model
    _round(quantized, source, held, recipe)
    return quantized, scaled


def _round(
    quantized: onnx.ModelProto, model: onnx.ModelProto, held: Activations, recipe: Recipe
) -> None:
    """Round the weights anew, in the quantizer's scales, so that layers give what they gave."""
    producer = {output: node for node in quantized.graph.node for output in node.output}
    tensors = {tensor.name: tensor for tensor in quantized.graph.initializer}
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    sources = {node.name: node.input[1] for node in model.graph.node if has_rows(node)}
    for node in quantized.graph.node:
        factors = held.factors.get(node.name)
        if factors is None:
            continue
        made = producer.get(node.input[1])
        if made is None or made.op_type != "DequantizeLinear":
            continue
        steps, scale, zero = (onnx.numpy_helper.to_array(tensors[name]) for name in made.input)
        outputs = len(steps)
        rows = onnx.numpy_helper.to_array(weights[sources[node.name]]).reshape(outputs, -1)
        scales, zeros = np.broadcast_to(scale, outputs), np.broadcast_to(zero, outputs)
        found = np.empty(rows.shape, np.int64)
        for part, factor in zip(np.split(np.arange(outputs), len(factors)), factors, strict=True):
            found[part] = rounding.rounded(
                rows[part],
                factor,
                scales[part],
                zeros[part].astype(np.int64),
                *_STEPS[recipe.weights],
            )
        new = found.reshape(steps.shape).astype(steps.dtype)
        tensors[made.input[0]].CopyFrom(onnx.numpy_helper.from_array(new, made.input[0]))


def _left(model: onnx.ModelProto, recipe: Recipe) -> list[str]:
    """Names of the layers that a recipe leaves in float."""
    every = layers(model)
    if any(not 1 <= number <= len(every) for number in recipe.left):
        raise InputError(f"--recipe {recipe}: this model has layers 1 to {len(every)}")
    return [every[number - 1] for number in recipe.left]


def kernels(model: onnx.ModelProto, content: bytes) -> tuple[int, int]:
    """Ask onnxruntime what it makes of an int8 model.

    Args:
        model: The float model it came from.
        content: The int8 file.

    Returns:
        Layers run as integer kernels, and those run in float, in the optimised graph.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        optimised = onnx.load(options.optimized_model_filepath)
    kinds = [node.op_type for node in optimised.graph.node]
    integer = sum(kind in _KERNELS for kind in kinds)
    return integer, len(layers(model)) - integer


def _shared(reach: Mapping[str, Range], model: onnx.ModelProto) -> dict[str, Range]:
    """One range for all that a concatenation joins, so that it copies bytes and rescales none."""
    shared = dict(reach)
    for node in model.graph.node:
        if node.op_type == "Concat":
            names = [*node.input, *node.output]
            low, high = min(reach[n][0] for n in names), max(reach[n][1] for n in names)
            shared.update(dict.fromkeys(names, (low, high)))
    return shared


def _as_tensors_data(reach: Mapping[str, Range]) -> TensorsData:
    return TensorsData(
        CalibrationMethod.MinMax,
        {
            name: TensorData(lowest=np.float32(low), highest=np.float32(high))
            for name, (low, high) in reach.items()
        },
    )


def _scaled_input(model: onnx.ModelProto) -> str:
    """Name of the input scaled to 0..1.

    Raises:
        GateError: What follows is not a layer to quantize.
    """
    name = scaled = str(model.graph.input[0].name)
    for kind in ("Cast", "Mul", "Conv"):
        readers = [reader for reader in model.graph.node if name in reader.input]
        if [reader.op_type for reader in readers] != [kind]:
            raise GateError(
                "this network does not begin with a convolution, so int8 would gain nothing; "
                "export it without --int8"
            )
        scaled, name = name, readers[0].output[0]
    return scaled


def _take_bytes(model: onnx.ModelProto, scaled: str) -> None:
    """Replace Cast, Mul and QuantizeLinear on the input by what they amount to: nothing.

    The glyphs are already uint8 with scale 1/255 and zero point 0, so the first convolution can
    take them as they come.
    """
    graph = model.graph
    quantize = next(node for node in graph.node if node.input[0] == scaled)
    producer = {output: node for node in graph.node for output in node.output}
    values = {initializer.name: initializer for initializer in graph.initializer}
    scale = values[quantize.input[1]]
    scale.CopyFrom(onnx.numpy_helper.from_array(np.array(1 / 255, np.float32), scale.name))
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] == quantize.output[0]:
            node.input[0] = graph.input[0].name
    for node in (quantize, producer[scaled], producer[producer[scaled].input[0]]):
        graph.node.remove(node)


def _check_quantized(model: onnx.ModelProto, left: Sequence[str]) -> None:
    """Hold the quantizer to its word: it leaves out silently what it does not know."""
    producer = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type not in _LAYERS or node.name in left:
            continue
        for source in node.input[:2]:
            if source not in producer or producer[source].op_type != "DequantizeLinear":
                raise GateError(f"the quantizer left {node.name or node.op_type} in float")


def _tidy(model: onnx.ModelProto) -> None:
    """Drop what nothing reads, and what only tools read; short names are a tenth of the file."""
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    for initializer in [i for i in graph.initializer if i.name not in used]:
        graph.initializer.remove(initializer)
    del model.metadata_props[:]
    del graph.value_info[:]
    model.producer_name, model.producer_version = "digits-export", ""
    shorten_names(model)
