"""The operators that a model may use, each with its rule: what shape it gives, and what that takes.

One rule an operator, for just the operators and attributes that digits-export writes; a node that
does not fit its rule is refused rather than guessed at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from digits_runtime.node_arguments import FLOAT32, INT64, UINT64, Arguments, Shape

_CAST_TO = (FLOAT32, 2, 3, 6, INT64, 9, 10, UINT64)


@dataclass(frozen=True, slots=True)
class Made:
    """What an operator gives: the shape, multiply-adds, bytes it needs beside, and the type."""

    shape: Shape
    work: int = 0
    beside: int = 0
    kind: int | None = None


def _same(node: Arguments) -> Made:
    return Made(node.input(0).shape)


def _quantize(node: Arguments) -> Made:
    return Made(node.input(0).shape, kind=FLOAT32)


def _cast(node: Arguments) -> Made:
    kind = node.integer("to", 0)
    if kind not in _CAST_TO:
        raise node.odd(f"gives the type {kind}")
    return Made(node.input(0).shape, kind=kind)


def _broadcast(node: Arguments) -> Made:
    given = [value.shape for value in node.all_inputs()]
    axes = max(map(len, given))
    columns = list(zip(*((1,) * (axes - len(shape)) + shape for shape in given), strict=True))
    if any(len({*column, 1}) > 2 for column in columns):
        raise node.odd(f"joins the shapes {', '.join(str(list(shape)) for shape in given)}")
    return Made(tuple(max(column) for column in columns), kind=node.all_inputs()[-1].kind)


def _slid(node: Arguments, given: Shape, kernel: Sequence[int]) -> Shape:
    """Height and width after a kernel has slid over an image."""
    node.unpadded()
    strides = node.integers("strides", (1, 1), 1)
    dilations = node.integers("dilations", (1, 1), 1)
    pads = node.integers("pads", (0, 0, 0, 0), 0)
    up = node.integer("ceil_mode", 0) != 0
    sides = []
    for axis in (0, 1):
        room = given[axis] + pads[axis] + pads[axis + 2] - dilations[axis] * (kernel[axis] - 1) - 1
        if room < 0:
            raise node.odd("has a kernel that is larger than what it slides over")
        sides.append((-(-room // strides[axis]) if up else room // strides[axis]) + 1)
    return tuple(sides)


def _conv(node: Arguments) -> Made:
    count, channels, *given = node.input(0, 4).shape
    made, taken, *kernel = node.input(1, 4).shape
    groups = node.integer("group", 1)
    if groups < 1 or taken * groups != channels or made % groups:
        raise node.odd(f"has weights {list(node.input(1).shape)} for {channels} channels")
    if min(kernel) < 1 or node.integers("kernel_shape", kernel, 1) != tuple(kernel):
        raise node.odd("has weights of another size than its kernel")
    height, width = _slid(node, tuple(given), kernel)
    patch = taken * kernel[0] * kernel[1] * height * width
    # onnxruntime lays the patches of one image out as a matrix.
    return Made((count, made, height, width), count * made * patch, 4 * groups * patch)


def _pool(node: Arguments) -> Made:
    count, channels, *given = node.input(0, 4).shape
    kernel = node.integers("kernel_shape", (0, 0), 1)
    shape = (count, channels, *_slid(node, tuple(given), kernel))
    return Made(shape, math.prod(shape) * kernel[0] * kernel[1])


def _gemm(node: Arguments) -> Made:
    rows, inner = node.input(0, 2).shape[:: -1 if node.integer("transA", 0) else 1]
    other, columns = node.input(1, 2).shape[:: -1 if node.integer("transB", 0) else 1]
    return _multiplied(node, (rows,), inner, other, columns)


def _matmul(node: Arguments) -> Made:
    *rows, inner = node.input(0).shape or (0,)
    other, columns = node.input(1, 2).shape
    return _multiplied(node, tuple(rows), inner, other, columns)


def _multiplied(node: Arguments, rows: Shape, inner: int, other: int, columns: int) -> Made:
    if inner != other:
        raise node.odd(f"multiplies rows of {inner} by columns of {other}")
    shape = (*rows, columns)
    return Made(shape, math.prod(shape) * inner)


def _concat(node: Arguments) -> Made:
    shapes = [value.shape for value in node.all_inputs()]
    axis = node.axis("axis", 0, len(node.input(0).shape))
    rest = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if len(rest) != 1 or len({len(shape) for shape in shapes}) != 1:
        raise node.odd("joins what does not fit")
    first = shapes[0]
    return Made((*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :]))


def _reshape(node: Arguments) -> Made:
    given = node.input(0).shape
    wanted = list(node.whole(1))
    if not node.integer("allowzero", 0):
        if any(size == 0 and axis >= len(given) for axis, size in enumerate(wanted)):
            raise node.odd("copies an axis that is not there")
        wanted = [size or given[axis] for axis, size in enumerate(wanted)]
    if wanted.count(-1) == 1:
        wanted[wanted.index(-1)] = math.prod(given) // max(1, -math.prod(wanted))
    if min(wanted, default=1) < 1 or math.prod(wanted) != math.prod(given):
        raise node.odd(f"makes {list(node.whole(1))} of {list(given)}")
    return Made(tuple(wanted))


def _flatten(node: Arguments) -> Made:
    given = node.input(0).shape
    axis = node.axis("axis", 1, len(given) + 1)
    return Made((math.prod(given[:axis]), math.prod(given[axis:])))


def _unsqueeze(node: Arguments) -> Made:
    given = list(node.input(0).shape)
    new = node.axes(node.whole(1), len(given) + len(node.whole(1)))
    rest = iter(given)
    return Made(tuple(1 if axis in new else next(rest) for axis in range(len(given) + len(new))))


def _transpose(node: Arguments) -> Made:
    given = node.input(0).shape
    order = node.integers("perm", range(len(given))[::-1], 0)
    if sorted(order) != list(range(len(given))):
        raise node.odd(f"has perm = {list(order)}")
    return Made(tuple(given[axis] for axis in order))


def _reduce(node: Arguments) -> Made:
    given = node.input(0).shape
    named = node.whole(1) if node.given(1) else range(len(given))
    axes = node.axes(named, len(given))
    keep = node.integer("keepdims", 1) != 0
    shape = [1 if axis in axes else size for axis, size in enumerate(given)]
    kept = shape if keep else [size for axis, size in enumerate(shape) if axis not in axes]
    return Made(tuple(kept), math.prod(given))


def _pad(node: Arguments) -> Made:
    shape = list(node.input(0).shape)
    pads = node.whole(1)
    named = node.whole(3) if node.given(3) else range(len(shape))
    axes = node.axes(named, len(shape))
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise node.odd(f"has pads = {list(pads)}")
    for place, axis in enumerate(axes):
        shape[axis] += pads[place] + pads[place + len(axes)]
    return Made(tuple(shape))


def _slice(node: Arguments) -> Made:
    shape = list(node.input(0).shape)
    starts, ends = node.whole(1), node.whole(2)
    axes = node.axes(node.whole(3) if node.given(3) else range(len(starts)), len(shape))
    steps = node.whole(4) if node.given(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or min(steps, default=1) < 1:
        raise node.odd(f"goes from {list(starts)} to {list(ends)} by {list(steps)}")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        shape[axis] = len(range(shape[axis])[start:end:step])
    return Made(tuple(shape))


def _gather(node: Arguments) -> Made:
    given, places = node.input(0).shape, node.input(1).shape
    axis = node.axis("axis", 0, len(given))
    return Made((*given[:axis], *places, *given[axis + 1 :]))


# The list of operators that a model may use. Those of integer arithmetic are fasttext's hashes.
OPERATORS: Mapping[str, Callable[[Arguments], Made]] = {
    "Add": _broadcast,
    "AveragePool": _pool,
    "BitShift": _broadcast,
    "BitwiseAnd": _broadcast,
    "BitwiseOr": _broadcast,
    "BitwiseXor": _broadcast,
    "Cast": _cast,
    "Concat": _concat,
    "Conv": _conv,
    "DequantizeLinear": _quantize,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "Greater": _broadcast,
    "Less": _broadcast,
    "MatMul": _matmul,
    "MaxPool": _pool,
    "Mod": _broadcast,
    "Mul": _broadcast,
    "Pad": _pad,
    "QuantizeLinear": _quantize,
    "ReduceMean": _reduce,
    "ReduceSum": _reduce,
    "Relu": _same,
    "Reshape": _reshape,
    "Slice": _slice,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _broadcast,
}
