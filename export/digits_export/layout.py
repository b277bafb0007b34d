"""Lays an int8 graph out as integer kernels like it, without changing what it computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from digits_runtime.contract import INPUT

# Channels that onnxruntime's direct integer convolutions take at a time.
_GROUP = 4


def group_pixels(model: onnx.ModelProto) -> None:
    """See the one-channel input as four channels of every fourth pixel, if the stem strides so.

    A convolution of one channel goes byte by byte; of four it takes the direct kernel. Four pixels
    side by side already lie as four channels of a channels-last image, so that the input is only
    seen anew. Weights are spread accordingly, with zeros where the kernel ends within a group:
    the same products, the same sums.

    Args:
        model: A QDQ model whose input goes to a dequantization, changed in place.
    """
    graph = model.graph
    if graph.input[0].name != INPUT:
        return
    dequantize = next(node for node in graph.node if INPUT in node.input)
    readers = [node for node in graph.node if dequantize.output[0] in node.input]
    if len(readers) != 1 or readers[0].op_type != "Conv":
        return
    conv = readers[0]
    values = {initializer.name: initializer for initializer in graph.initializer}
    attributes = {a.name: helper.get_attribute_value(a) for a in conv.attribute}
    kernel = next(node for node in graph.node if conv.input[1] in node.output)
    if kernel.op_type != "DequantizeLinear":
        return
    stored = values[kernel.input[0]]
    weights = numpy_helper.to_array(stored)
    size = graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    top, left, bottom, right = attributes["pads"]
    plain = attributes.get("dilations", [1, 1]) == [1, 1] and weights.shape[1] == 1
    if not plain or attributes["strides"] != [_GROUP, _GROUP] or size % _GROUP:
        return
    width = weights.shape[3]
    columns = (size + left + right - width) // _GROUP + 1
    first, last = -(-left // _GROUP), (width - 1 - left) // _GROUP
    groups = first + last + 1
    after = columns - 1 + groups - size // _GROUP - first
    if after < 0:
        return
    zero = numpy_helper.to_array(values[kernel.input[2]]) if len(kernel.input) > 2 else np.int8(0)
    spread = np.empty((*weights.shape[:3], groups * _GROUP), weights.dtype)
    spread[:] = zero.reshape(-1, 1, 1, 1)
    start = first * _GROUP - left
    spread[..., start : start + width] = weights
    # [outputs, 1, rows, groups * pixels] to [outputs, pixels, rows, groups]
    spread = spread[:, 0].reshape(*spread[:, 0].shape[:2], groups, _GROUP).transpose(0, 3, 1, 2)
    stored.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(spread), stored.name))
    _set(conv, kernel_shape=[weights.shape[2], groups], strides=[_GROUP, 1])
    _set(conv, pads=[top, first, bottom, after])
    shape = np.array([-1, size, size // _GROUP, _GROUP], np.int64)
    graph.initializer.append(numpy_helper.from_array(shape, "pixels_shape"))
    seen = helper.make_node("Reshape", [INPUT, "pixels_shape"], ["pixels_last"])
    first_again = helper.make_node("Transpose", ["pixels_last"], ["pixels"], perm=[0, 3, 1, 2])
    dequantize.input[0] = "pixels"
    graph.node.insert(0, first_again)
    graph.node.insert(0, seen)


def take_channels_last(model: onnx.ModelProto) -> None:
    """Take the input `[n, h, w, c]` instead of `[n, c, h, w]`, as pixels lie in memory.

    onnxruntime runs integer convolutions channels last, so that this costs nothing.

    Args:
        model: Changed in place.
    """
    graph = model.graph
    value = graph.input[0]
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name == value.name:
                node.input[place] = "channels_first"
    turn = helper.make_node("Transpose", [value.name], ["channels_first"], perm=[0, 3, 1, 2])
    graph.node.insert(0, turn)
    dims = [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
    last = [dims[axis] for axis in (0, 2, 3, 1)]
    kind = value.type.tensor_type.elem_type
    value.CopyFrom(helper.make_tensor_value_info(value.name, kind, last))


def keep_float(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Make sure that layers left in float stay so.

    onnxruntime quantizes, as it loads a model, the weights of any layer between a dequantization
    and a quantization, whatever the file says, and to 8 bits. A ReLU of what is never negative
    changes nothing and stands in its way.

    Args:
        model: A QDQ model, changed in place.
        names: Nodes that are to compute in float.
    """
    graph = model.graph
    producer = {output: node for node in graph.node for output in node.output}
    for place, node in reversed(list(enumerate(graph.node))):
        given = producer.get(node.input[0]) if node.name in names else None
        if given is not None and given.op_type == "DequantizeLinear":
            kept = f"{node.input[0]}_kept"
            graph.node.insert(place, helper.make_node("Relu", [node.input[0]], [kept]))
            node.input[0] = kept


def flatten_integers(model: onnx.ModelProto) -> None:
    """Flatten `[n, c, 1, 1]` as integers, by way of channels last.

    onnxruntime runs integer convolutions channels last and puts back the order the file states;
    stating the other one spares that. With one row and one column the order is the same.

    Args:
        model: A QDQ model, shapes inferred, changed in place.
    """
    graph = model.graph
    producer = {output: node for node in graph.node for output in node.output}
    shapes = {value.name: _dims(value) for value in graph.value_info}
    for flatten in [node for node in graph.node if node.op_type in ("Reshape", "Flatten")]:
        dequantize = producer.get(flatten.input[0])
        readers = [node for node in graph.node if flatten.output[0] in node.input]
        if dequantize is None or dequantize.op_type != "DequantizeLinear":
            continue
        if [node.op_type for node in readers] != ["QuantizeLinear"]:
            continue
        if shapes.get(flatten.input[0], ())[2:] != (1, 1) or not _same_steps(
            model, dequantize, readers[0]
        ):
            continue
        if sum(dequantize.output[0] in node.input for node in graph.node) != 1:
            continue
        place = list(graph.node).index(dequantize)
        turned = f"{flatten.input[0]}_last"
        turn = helper.make_node("Transpose", [dequantize.input[0]], [turned], perm=[0, 2, 3, 1])
        flatten.input[0] = turned
        flatten.output[0] = readers[0].output[0]
        graph.node.remove(dequantize)
        graph.node.remove(readers[0])
        graph.node.insert(place, turn)


def _same_steps(model: onnx.ModelProto, one: onnx.NodeProto, other: onnx.NodeProto) -> bool:
    """Whether two nodes have equal scales and zero points."""
    values = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    return all(
        np.array_equal(values[first], values[second])
        for first, second in zip(one.input[1:], other.input[1:], strict=True)
    )


def _dims(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


def _set(node: onnx.NodeProto, **values: list[int]) -> None:
    for name, value in values.items():
        for attribute in [a for a in node.attribute if a.name == name]:
            node.attribute.remove(attribute)
        node.attribute.append(helper.make_attribute(name, value))
