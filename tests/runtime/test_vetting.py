from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from digits_runtime.contract import DIGITS, METADATA_KEY, Contract, InkSpec
from digits_runtime.errors import InputError
from digits_runtime.session import BUNDLED, BUNDLED_FLOAT, NAMED, Session
from digits_runtime.vetting import vet

WHOLE = BUNDLED.read_bytes()
Node = onnx.NodeProto


def _model(nodes: list[Node], weights: dict[str, NDArray[Any]] | None = None) -> onnx.ModelProto:
    """A model that keeps the contract but for what the nodes do."""
    graph = helper.make_graph(
        nodes,
        "glyphs",
        [helper.make_tensor_value_info("glyphs", TensorProto.UINT8, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 11])],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    contract = Contract(DIGITS, True, InkSpec(), 1.0, 0.5, "float")
    helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    return model


def _cast() -> Node:
    return helper.make_node("Cast", ["glyphs"], ["x"], to=TensorProto.FLOAT)


def _refused(model: onnx.ModelProto | bytes) -> str:
    content = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(InputError) as refused:
        vet(content, "m.onnx", 512)
    line = str(refused.value)
    assert line.startswith("m.onnx is damaged or no model of digits-edge: ")
    assert len(line.splitlines()) == 1
    assert len(line) < 300
    return line


@pytest.mark.parametrize("path", [BUNDLED, BUNDLED_FLOAT, NAMED["alnum"]], ids=lambda p: p.name)
def test_the_bundled_models_pass_with_whole_batches(path: Path) -> None:
    assert vet(path.read_bytes(), "it", 512) == 512


def test_operators_of_others_are_refused() -> None:
    assert "uses Loop" in _refused(_model([helper.make_node("Loop", ["glyphs"], ["logits"])]))
    foreign = helper.make_node("Relu", ["glyphs"], ["logits"], domain="com.microsoft")
    assert "uses com.microsoft.Relu" in _refused(_model([foreign]))


def test_data_outside_the_file_is_refused() -> None:
    model = _model([_cast()], {"w": np.zeros((2, 2), np.float32)})
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "/etc/passwd")
    assert "field 13" in _refused(model)
    del model.graph.initializer[0].external_data[:]
    assert "outside the file" in _refused(model)


@pytest.mark.parametrize("part", ["function", "subgraph", "sparse", "tensor", "training"])
def test_parts_that_no_model_of_ours_has_are_refused(part: str) -> None:
    model = _model([_cast()])
    if part == "function":
        model.functions.add().name = "f"
    elif part == "subgraph":
        model.graph.node[0].attribute.add().g.name = "g"
    elif part == "sparse":
        model.graph.sparse_initializer.add()
    elif part == "tensor":
        model.graph.node[0].attribute.add().t.name = "t"
    else:
        model.training_info.add()
    assert "that no model of ours has" in _refused(model)


def test_an_initialiser_must_have_the_bytes_it_claims() -> None:
    model = _model([_cast()], {"w": np.zeros((2, 2), np.float32)})
    model.graph.initializer[0].dims[0] = 1 << 40
    assert "not the bytes for it" in _refused(model)
    model.graph.initializer[0].dims[0] = -1
    assert "has the shape" in _refused(model)


def test_weights_are_limited() -> None:
    assert "weights" in _refused(_model([_cast()], {"w": np.zeros((1 << 24) + 1, np.int8)}))


def test_a_circle_is_refused() -> None:
    nodes = [
        helper.make_node("Add", ["b", "glyphs"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
    ]
    assert "nothing before it makes" in _refused(_model(nodes))


def test_one_name_is_made_once() -> None:
    assert "there already" in _refused(_model([_cast(), _cast()]))


def _wide(channels: int) -> onnx.ModelProto:
    """A small file whose one convolution makes many channels of every pixel."""
    nodes = [
        _cast(),
        helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["y", "axes"], ["z"], keepdims=0),
        helper.make_node("MatMul", ["z", "v"], ["logits"]),
    ]
    return _model(
        nodes,
        {
            "w": np.ones((channels, 1, 3, 3), np.float32),
            "axes": np.array([2, 3]),
            "v": np.ones((channels, 11), np.float32),
        },
    )


def test_a_glyph_may_not_need_more_memory_or_work_than_is_set() -> None:
    assert "MiB for a glyph" in _refused(_wide(100_000))
    # Padding makes a large image out of a small one.
    far = helper.make_node("Conv", ["x", "w"], ["logits"], pads=[4_000] * 4)
    assert "MiB for a glyph" in _refused(
        _model([_cast(), far], {"w": np.ones((1, 1, 3, 3), np.float32)})
    )
    layers = [_cast(), helper.make_node("Conv", ["x", "a"], ["y0"], pads=[1, 1, 1, 1])]
    layers += [
        helper.make_node("Conv", [f"y{i}", "w"], [f"y{i + 1}"], pads=[1, 1, 1, 1])
        for i in range(10)
    ]
    layers.append(helper.make_node("Relu", ["y10"], ["logits"]))
    weights = {
        "a": np.ones((512, 1, 3, 3), np.float32),
        "w": np.ones((512, 512, 3, 3), np.float32),
    }
    assert "multiply-adds" in _refused(_model(layers, weights))


def test_a_hungry_model_is_given_fewer_glyphs_at_a_time() -> None:
    model = _wide(1000).SerializeToString()
    assert vet(model, "it", 512) == 32
    session = Session(model)
    glyphs = np.random.default_rng(0).integers(0, 255, (100, 1, 28, 28), np.uint8)
    alone = np.concatenate([session.logits(glyphs[i : i + 1]) for i in range(100)])
    np.testing.assert_allclose(session.logits(glyphs), alone, rtol=1e-5)


def test_a_bomb_of_empty_nodes_costs_nothing() -> None:
    nodes = b"\x0a\x00" * (16 << 20)
    bomb = b"\x3a\x80\x80\x80\x10" + nodes  # 32 MiB of graph
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "more parts" in _refused(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 << 10


@pytest.mark.parametrize("content", [b"", b"not a model", b"\0" * 1000, b"\xff" * 1000, WHOLE[:-1]])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    _refused(content)


@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8)),
        min_size=1,
        max_size=8,
    )
)
def test_a_damaged_model_passes_or_is_an_input_error(changes: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(WHOLE)
    for place, content in changes:
        damaged[place : place + len(content)] = content
    with contextlib.suppress(InputError):
        assert 1 <= vet(bytes(damaged), "it", 512) <= 512


def test_the_most_that_a_model_may_ask_for_fits_half_a_gibibyte() -> None:
    code = """
import resource, sys
import numpy as np
from digits_runtime.session import Session, BUNDLED
Session(BUNDLED).logits(np.zeros((1, 1, 28, 28), np.uint8))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
session = Session(sys.stdin.buffer.read())
session.logits(np.zeros((512, 1, 28, 28), np.uint8))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=_wide(3900).SerializeToString(),
        capture_output=True,
        check=True,
    )
    assert int(done.stdout) < 512 << 10
