"""What a graph will need, worked out from its shapes alone: memory between nodes, multiply-adds.

The figures are upper bounds: everything that a run makes is added up, though onnxruntime frees what
is no longer needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from digits_runtime.node_arguments import INT64, UINT64, Arguments, Constant, Shape
from digits_runtime.operators import OPERATORS


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of all that a run makes, and its multiply-adds."""

    bytes: int
    work: int


def cost(
    nodes: Sequence[Mapping[str, Any]],
    given: Mapping[str, Shape],
    constants: Mapping[str, Constant],
) -> Cost:
    """Add up what a run of a graph needs.

    Args:
        nodes: As `vetting` reads them, in an order in which they can run.
        given: Shapes of the inputs.
        constants: The initialisers by name.

    Raises:
        InputError: A node's inputs or attributes are not such as digits-export writes.
    """
    values = {**constants, **{name: Constant(shape) for name, shape in given.items()}}
    memory = sum(4 * math.prod(shape) for shape in given.values())
    work = 0
    for node in nodes:
        arguments = Arguments(node, values)
        made = OPERATORS[arguments.operator](arguments)
        if min(made.shape, default=1) < 1:
            raise arguments.odd(f"gives the shape {list(made.shape)}")
        kind = made.kind or arguments.input(0).kind
        values[node["output"][0]] = Constant(made.shape, kind)
        size = math.prod(made.shape)
        memory += size * (8 if kind in (INT64, UINT64) else 4) + made.beside
        work += made.work or size
    return Cost(memory, work)
