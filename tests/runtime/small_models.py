"""Models in the smallest graphs that could keep the contract, and glyphs to ask models about."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from digits_runtime.contract import DIGITS, METADATA_KEY, Contract, InkSpec
from digits_runtime.ink import normalise
from digits_train import synth

Images = NDArray[np.uint8]

CONTRACT = Contract(DIGITS, True, InkSpec(), 1.0, 0.5, "float")


def small_onnx(
    *,
    given: str = "glyphs",
    kind: int = TensorProto.UINT8,
    shape: tuple[int | str, ...] = ("N", 1, 28, 28),
    answer: str = "logits",
    classes: int = 11,
    description: str | None = CONTRACT.to_json(),
    inputs: int = 1,
) -> bytes:
    """A whole model, in the smallest graph that could keep the contract."""
    side = int(np.prod([n for n in shape[1:] if isinstance(n, int)]))
    weights = np.random.default_rng(0).normal(size=(side, classes)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [given], ["cast"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["cast"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], [answer]),
        ],
        "glyphs",
        [helper.make_tensor_value_info(given, kind, list(shape))]
        + [
            helper.make_tensor_value_info(f"more{i}", TensorProto.UINT8, ["N"])
            for i in range(inputs - 1)
        ],
        [helper.make_tensor_value_info(answer, TensorProto.FLOAT, [shape[0], classes])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if description is not None:
        helper.set_model_props(model, {METADATA_KEY: description})
    return bytes(model.SerializeToString())


def some_glyphs(count: int, seed: int = 0) -> tuple[Images, NDArray[np.int64]]:
    inks, labels = synth.generate(DIGITS, count, seed)
    seen = np.stack([normalise(ink, InkSpec()) for ink in inks])[:, None]
    return seen, labels.astype(np.int64)
