"""Lays the pixels of an int8 model's input out for onnxruntime's direct integer convolution.

A convolution of one channel goes byte by byte; of four it takes the direct kernel. Four pixels side
by side already lie as four channels of a channels-last image, so that the input is only seen anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from digits_runtime.contract import INPUT

# Channels that onnxruntime's direct integer convolutions take at a time.
_GROUP = 4


@dataclass(frozen=True, slots=True)
class _Windows:
    """How a row's windows lie in groups of pixels.

    Attributes:
        width: Of a window, pixels.
        stride: From one to the next, pixels.
        columns: Windows of a row.
        outputs: Of them, those that begin in one group.
        first: Where the first window of a group begins in the pixels that it is given.
        groups: How many groups of pixels the windows of one group reach over.
        before: Groups of zeros before a row.
        after: And after it.
    """

    width: int
    stride: int
    columns: int
    outputs: int
    first: int
    groups: int
    before: int
    after: int


def group(model: onnx.ModelProto) -> None:
    """See the one-channel input as four channels of every fourth pixel, if the stem allows it.

    Of a stem of stride two, the two outputs that fall to one group become twice the channels, which
    as bytes lie as the two outputs side by side do. Weights are spread accordingly, with zeros
    where a window ends within a group: the same products, the same sums.

    Args:
        model: A QDQ model whose input goes to a dequantization, changed in place.
    """
    graph = model.graph
    if graph.input[0].name != INPUT:
        return
    dequantize = next(node for node in graph.node if INPUT in node.input)
    conv, *others = (node for node in graph.node if dequantize.output[0] in node.input)
    if others or conv.op_type != "Conv":
        return
    parameters = [node for node in graph.node if set(node.output) & set(conv.input[1:])]
    if any(node.op_type != "DequantizeLinear" for node in parameters):
        return
    values = {initializer.name: initializer for initializer in graph.initializer}
    kernel = next(node for node in parameters if conv.input[1] in node.output)
    weights = numpy_helper.to_array(values[kernel.input[0]])
    size = graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    windows = _windows(conv, weights.shape, size)
    if windows is None:
        return
    zero = (
        numpy_helper.to_array(values[kernel.input[2]])
        if len(kernel.input) > 2
        else np.zeros((), np.int8)
    )
    _store(values[kernel.input[0]], _spread(weights, zero, windows))
    for name in {name for node in parameters for name in node.input} - {kernel.input[0]}:
        each = numpy_helper.to_array(values[name])
        _store(values[name], np.tile(each, windows.outputs) if each.ndim == 1 else each)
    channels, _, height, _ = weights.shape
    attributes = _attributes(conv)
    top, _, bottom, _ = attributes["pads"]
    down, _ = attributes["strides"]
    _set(conv, "kernel_shape", [height, windows.groups])
    _set(conv, "strides", [down, 1])
    _set(conv, "pads", [top, windows.before, bottom, windows.after])
    if windows.outputs > 1:
        rows = (size + top + bottom - height) // down + 1
        _part_outputs(graph, conv, [-1, rows, windows.columns, channels])
    graph.node.insert(0, helper.make_node("Transpose", ["rows"], ["pixels"], perm=[0, 3, 1, 2]))
    graph.node.insert(0, _reshape(graph, INPUT, "rows", [-1, size, size // _GROUP, _GROUP]))
    dequantize.input[0] = "pixels"


def _windows(conv: onnx.NodeProto, shape: Sequence[int], size: int) -> _Windows | None:
    """How a stem's windows lie in groups; None if they do not lie alike in all."""
    attributes = _attributes(conv)
    _, left, _, right = attributes["pads"]
    stride, width = attributes["strides"][1], shape[3]
    if attributes.get("dilations", [1, 1]) != [1, 1] or shape[1] != 1 or stride not in (2, _GROUP):
        return None
    columns, outputs = (size + left + right - width) // stride + 1, _GROUP // stride
    if size % _GROUP or columns % outputs:
        return None
    before = -(-left // _GROUP)
    groups = before + (width + (outputs - 1) * stride - 1 - left) // _GROUP + 1
    after = columns // outputs - 1 + groups - size // _GROUP - before
    if after < 0:
        return None
    return _Windows(width, stride, columns, outputs, before * _GROUP - left, groups, before, after)


def _spread(
    weights: NDArray[np.int8], zero: NDArray[np.int8], windows: _Windows
) -> NDArray[np.int8]:
    """Weights `[channels, 1, rows, width]` as `[outputs * channels, pixels, rows, groups]`."""
    channels, _, rows, _ = weights.shape
    spread = np.empty((windows.outputs, channels, rows, windows.groups * _GROUP), weights.dtype)
    spread[:] = zero.reshape(-1, 1, 1)
    for output in range(windows.outputs):
        start = windows.first + output * windows.stride
        spread[output, ..., start : start + windows.width] = weights[:, 0]
    return spread.reshape(-1, rows, windows.groups, _GROUP).transpose(0, 3, 1, 2)


def _part_outputs(graph: onnx.GraphProto, conv: onnx.NodeProto, shape: list[int]) -> None:
    """Give each window its own column again, once the stem's outputs are integers."""
    quantize = next(node for node in graph.node if conv.output[0] in node.input)
    while quantize.op_type != "QuantizeLinear":
        quantize = next(node for node in graph.node if quantize.output[0] in node.input)
    place, parted = list(graph.node).index(quantize) + 1, quantize.output[0]
    quantize.output[0] = "windows"
    seen = [
        helper.make_node("Transpose", ["windows"], ["windows_last"], perm=[0, 2, 3, 1]),
        _reshape(graph, "windows_last", "columns_last", shape),
        helper.make_node("Transpose", ["columns_last"], [parted], perm=[0, 3, 1, 2]),
    ]
    for node in reversed(seen):
        graph.node.insert(place, node)


def _reshape(graph: onnx.GraphProto, source: str, target: str, shape: list[int]) -> onnx.NodeProto:
    name = f"{target}_shape"
    graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
    return helper.make_node("Reshape", [source, name], [target])


def _store(tensor: onnx.TensorProto, array: NDArray[np.generic]) -> None:
    # Not `ascontiguousarray`, which makes an array of a scalar.
    tensor.CopyFrom(numpy_helper.from_array(np.array(array, order="C"), tensor.name))


def _attributes(node: onnx.NodeProto) -> dict[str, list[int]]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _set(node: onnx.NodeProto, name: str, value: list[int]) -> None:
    for attribute in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(attribute)
    node.attribute.append(helper.make_attribute(name, value))
