"""Lays an int8 graph out as integer kernels like it, without changing what it computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper


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


def share_scalars(model: onnx.ModelProto) -> None:
    """Make scalars of scales and zero points that whole tensors share.

    The quantizer gives biases an array of one scale beside a scalar zero point, which OpenVINO and
    OpenCV refuse.

    Args:
        model: A QDQ model, changed in place.
    """
    graph = model.graph
    values = {initializer.name: initializer for initializer in graph.initializer}
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            for name in node.input[1:]:
                array = numpy_helper.to_array(values[name])
                if array.size == 1:
                    values[name].CopyFrom(numpy_helper.from_array(array.reshape(()), name))


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
