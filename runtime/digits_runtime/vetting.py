"""Looks a model's graph over before onnxruntime does, so that a hostile file costs one line.

Let in is what digits-export writes: plain operators of ONNX's own domain, weights inside the
file, no functions, no subgraphs, no external data; and only what computes within bounds of memory
and work, which `shapes` works out from the graph. onnxruntime itself would follow an external
file, or set aside whatever a few bytes claim to need.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from digits_runtime import operators, shapes, wire
from digits_runtime.contract import INPUT, OUTPUT, PAGE_INPUT, PAGE_OUTPUTS
from digits_runtime.errors import InputError
from digits_runtime.node_arguments import INT64, Constant
from digits_runtime.wire import Field

# One run of a batch may fill so many bytes with what passes between its nodes, and so many
# multiply-adds a glyph are a tenth of a second on a slow core.
MOST_ACTIVATIONS = 192 << 20
MOST_WORK = 1 << 30
# The same of one page, the largest that a reader looks at: pixels side by side are channels.
MOST_PAGE_ACTIVATIONS = 512 << 20
MOST_PAGE_WORK = 4 << 30
LARGEST_PAGE = (1, 1280, 320, 4)
# resnet18, the largest network here, has 11 million weights in 62 initialisers and 48 nodes.
_MOST_WEIGHTS = 1 << 24
_MOST_FIELDS = 50_000
_MOST_NODES = 2_000
_MOST_AXES = 8

_STORED_IN_FILE = 0
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 13: 8}

_ENTRY = {1: Field("key", "text"), 2: Field("value", "text")}
_METADATA = Field("metadata_props", _ENTRY, many=True)
_DOC = Field("doc_string", "text")
_TENSOR = {
    1: Field("dims", "int", many=True),
    2: Field("data_type", "int"),
    4: Field("float_data", "bytes"),
    5: Field("int32_data", "bytes"),
    7: Field("int64_data", "bytes"),
    8: Field("name", "text"),
    9: Field("raw_data", "bytes"),
    12: _DOC,
    14: Field("data_location", "int"),
    16: _METADATA,
}
_ATTRIBUTE = {
    1: Field("name", "text"),
    2: Field("f", "float"),
    3: Field("i", "int"),
    4: Field("s", "text"),
    8: Field("ints", "int", many=True),
    13: _DOC,
    20: Field("type", "int"),
}
_NODE = {
    1: Field("input", "text", many=True),
    2: Field("output", "text", many=True),
    3: Field("name", "text"),
    4: Field("op_type", "text"),
    5: Field("attribute", _ATTRIBUTE, many=True),
    6: _DOC,
    7: Field("domain", "text"),
    9: _METADATA,
}
_DIMENSION = {1: Field("dim_value", "int"), 2: Field("dim_param", "text")}
_SHAPE = {1: Field("dim", _DIMENSION, many=True)}
_TENSOR_TYPE = {1: Field("elem_type", "int"), 2: Field("shape", _SHAPE)}
_VALUE = {
    1: Field("name", "text"),
    2: Field("type", {1: Field("tensor_type", _TENSOR_TYPE)}),
    3: _DOC,
    4: _METADATA,
}
_GRAPH = {
    1: Field("node", _NODE, many=True),
    2: Field("name", "text"),
    5: Field("initializer", _TENSOR, many=True),
    10: _DOC,
    11: Field("input", _VALUE, many=True),
    12: Field("output", _VALUE, many=True),
    13: Field("value_info", _VALUE, many=True),
    16: _METADATA,
}
_OPSET = {1: Field("domain", "text"), 2: Field("version", "int")}
MODEL = {
    1: Field("ir_version", "int"),
    2: Field("producer_name", "text"),
    3: Field("producer_version", "text"),
    4: Field("domain", "text"),
    5: Field("model_version", "int"),
    6: _DOC,
    7: Field("graph", _GRAPH),
    8: Field("opset_import", _OPSET, many=True),
    14: _METADATA,
}


def vet(content: bytes, name: str, batch: int) -> int:
    """Make sure that a model may be handed to onnxruntime.

    Args:
        content: The ONNX file.
        name: What to call it in an error.
        batch: Glyphs that one run should take.

    Returns:
        How many one run may take: `batch`, or fewer where so many would need too much memory.

    Raises:
        InputError: It is no ONNX file, has something that no model of ours has, or would take too
            much memory or work.
    """
    try:
        return _vet_glyphs(_graph(content), batch)
    except InputError as error:
        raise _refused(name, error) from None


def vet_page(content: bytes, name: str) -> None:
    """Make sure that a page network may be handed to onnxruntime.

    Args:
        content: The ONNX file.
        name: What to call it in an error.

    Raises:
        InputError: As `vet`.
    """
    try:
        graph = _graph(content)
        constants = _vet_nodes(graph, PAGE_INPUT, PAGE_OUTPUTS)
        if _given(graph["input"], PAGE_INPUT)[3:] != LARGEST_PAGE[3:]:
            raise InputError(f"{PAGE_INPUT!r} is not of the shape [N, h, w, {LARGEST_PAGE[3]}]")
        cost = shapes.cost(graph["node"], {PAGE_INPUT: LARGEST_PAGE}, constants)
        if cost.work > MOST_PAGE_WORK:
            raise InputError(f"it needs over {MOST_PAGE_WORK:,} multiply-adds for a page")
        if cost.bytes > MOST_PAGE_ACTIVATIONS:
            raise InputError(f"it needs over {MOST_PAGE_ACTIVATIONS >> 20} MiB for a page")
    except InputError as error:
        raise _refused(name, error) from None


def _refused(name: str, error: InputError) -> InputError:
    return InputError(
        f"{name} is damaged or no model of digits-edge: {error}; export it with digits-export"
    )


def _graph(content: bytes) -> dict[str, Any]:
    model = wire.read(memoryview(content), MODEL, wire.Budget(_MOST_FIELDS))
    if "graph" not in model:
        raise InputError("it has no graph")
    graph: dict[str, Any] = model["graph"]
    return graph


def _vet_nodes(graph: dict[str, Any], given: str, told: tuple[str, ...]) -> dict[str, Constant]:
    """Hold all nodes to the list: the initialisers by name."""
    nodes = graph["node"]
    if len(nodes) > _MOST_NODES:
        raise InputError(f"it has {len(nodes):,} nodes")
    constants: dict[str, Constant] = {}
    for tensor in graph["initializer"]:
        key = tensor.get("name", "")
        if not key or key in constants:
            raise InputError(f"it has two initialisers {key!r}, or one without a name")
        constants[key] = _constant(tensor)
    if sum(math.prod(constant.shape) for constant in constants.values()) > _MOST_WEIGHTS:
        raise InputError(f"it has more than {_MOST_WEIGHTS:,} weights")
    made = {*constants, given}
    for node in nodes:
        _vet_node(node, made)
    for output in told:
        if output not in made:
            raise InputError(f"nothing in it makes {output!r}")
    return constants


def _vet_glyphs(graph: dict[str, Any], batch: int) -> int:
    constants = _vet_nodes(graph, INPUT, (OUTPUT,))
    glyph = _given(graph["input"], INPUT)[1:]
    if min(glyph) < 1:
        raise InputError(f"{INPUT!r} is not of the shape [N, 1, size, size]")
    while True:
        cost = shapes.cost(graph["node"], {INPUT: (batch, *glyph)}, constants)
        if cost.work > batch * MOST_WORK:
            raise InputError(f"it needs over {MOST_WORK:,} multiply-adds for a glyph")
        if cost.bytes <= MOST_ACTIVATIONS:
            return batch
        if batch == 1:
            raise InputError(f"it needs over {MOST_ACTIVATIONS >> 20} MiB for a glyph")
        batch //= 2


def _vet_node(node: dict[str, Any], made: set[str]) -> None:
    """Hold one node to the list, and to the order that makes a graph without circles."""
    operator, domain = node.get("op_type", ""), node.get("domain", "")
    if domain not in ("", "ai.onnx") or operator not in operators.OPERATORS:
        raise InputError(
            f"it uses {f'{domain}.' if domain else ''}{operator}, which none of ours do"
        )
    # An input left out has an empty name.
    if unknown := [name for name in node["input"] if name and name not in made]:
        raise InputError(f"{operator} takes {unknown[0]!r}, which nothing before it makes")
    if len(node["output"]) != 1 or node["output"][0] in ("", *made):
        raise InputError(f"{operator} makes what is there already, or not one value")
    made.update(node["output"])


def _constant(tensor: dict[str, Any]) -> Constant:
    dims = tuple(tensor["dims"])
    if len(dims) > _MOST_AXES or min(dims, default=0) < 0:
        raise InputError(f"an initialiser has the shape {list(dims)}")
    if tensor.get("data_location", _STORED_IN_FILE) != _STORED_IN_FILE:
        raise InputError("it keeps weights outside the file")
    kind = tensor.get("data_type", 0)
    if kind not in _ITEM_BYTES:
        raise InputError(f"an initialiser is of the type {kind}")
    size = math.prod(dims)
    raw = tensor.get("raw_data", memoryview(b""))
    typed = [tensor[key] for key in ("float_data", "int32_data", "int64_data") if key in tensor]
    # A number among typed data takes at least a byte.
    stored = sum(map(len, typed)) if typed else len(raw) // _ITEM_BYTES[kind]
    if (typed and "raw_data" in tensor) or stored < size:
        raise InputError(f"an initialiser has the shape {list(dims)} but not the bytes for it")
    values: tuple[int, ...] | None = None
    if kind == INT64 and size <= _MOST_AXES:
        if "int64_data" in tensor:
            values = tuple(wire.integers(tensor["int64_data"], wire.Budget(_MOST_AXES)))
        else:
            values = struct.unpack(f"<{size}q", raw[: 8 * size])
        if len(values) != size:
            raise InputError(f"an initialiser has the shape {list(dims)} but not the bytes for it")
    return Constant(dims, kind, values)


def _given(inputs: list[dict[str, Any]], name: str) -> tuple[int, ...]:
    """Shape of the one input, of four axes; 0 where it is not fixed."""
    given = [value for value in inputs if value.get("name") == name]
    if len(inputs) != 1 or not given:
        raise InputError(f"its input is not {name!r} alone")
    tensor = given[0].get("type", {}).get("tensor_type", {})
    dims = [dim.get("dim_value", 0) for dim in tensor.get("shape", {}).get("dim", ())]
    if len(dims) != 4:
        raise InputError(f"{name!r} is not of four axes")
    return tuple(dims)
