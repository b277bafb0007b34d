"""From a PyTorch network to a plain ONNX graph that says nothing but what it computes."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import torch

from digits_runtime.contract import (
    INPUT,
    METADATA_KEY,
    OUTPUT,
    PAGE_INPUT,
    PAGE_OUTPUTS,
    Contract,
    PageContract,
)
from digits_train.architectures import Scaled
from digits_train.page_net import PageNet

# Fixed, so that a newer torch or onnx does not change what boards in the field must load.
OPSET = 20
_IR_VERSION = 10
_ANY = torch.export.Dim.DYNAMIC


def to_onnx(network: Scaled, size: int) -> onnx.ModelProto:
    """Convert a trained network; batch norms are folded into their convolutions.

    Args:
        network: Takes uint8 `[n, 1, size, size]`, gives float32 logits `[n, classes]`.
        size: Side of its input, pixels.

    Returns:
        A float32 model with a dynamic batch and no external data, without metadata.
    """
    example = torch.zeros((2, 1, size, size), dtype=torch.uint8)
    return _converted(network, example, (INPUT,), (OUTPUT,), {0: ("N", _ANY)})


def page_to_onnx(network: PageNet) -> onnx.ModelProto:
    """Convert a page network: uint8 `[n, 4, h, w / 4]` to its two maps, pages of any size."""
    example = torch.zeros((2, 4, 64, 24), dtype=torch.uint8)
    sides = {0: ("N", _ANY), 2: ("H", _ANY), 3: ("W", _ANY)}
    return _converted(network, example, (PAGE_INPUT,), PAGE_OUTPUTS, sides)


def _converted(
    network: torch.nn.Module,
    example: torch.Tensor,
    given: tuple[str, ...],
    told: tuple[str, ...],
    sides: dict[int, tuple[str, Any]],
) -> onnx.ModelProto:
    """Convert a network whose axes `sides`, by number, are of any length and called so."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    # The exporter reports packages that this model has no use for.
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network.eval(),
                (example,),
                input_names=list(given),
                output_names=list(told),
                dynamic_shapes=({axis: side for axis, (_, side) in sides.items()},),
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        logger.setLevel(level)
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model_proto
    _clean(model)
    for value in (*model.graph.input, *model.graph.output):
        for axis, (name, _) in sides.items():
            if axis < len(value.type.tensor_type.shape.dim):
                value.type.tensor_type.shape.dim[axis].dim_param = name
    onnx.checker.check_model(model, full_check=True)
    return model


def to_ort(content: bytes) -> bytes:
    """An ONNX file in ORT format, for minimal builds of onnxruntime, optimised for no one machine.

    As onnxruntime's own converter does: every optimisation but the blocked layout, which depends
    on the width of a processor's vectors.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.optimized_model_filepath = str(Path(folder) / "model.ort")
        options.add_session_config_entry("session.save_model_format", "ORT")
        ort.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["NchwcTransformer"],
        )
        return Path(options.optimized_model_filepath).read_bytes()


def _clean(model: onnx.ModelProto) -> None:
    """Drop what differs from machine to machine: stack traces, file names, symbol numbers."""
    model.ir_version = _IR_VERSION
    model.producer_name, model.producer_version = "digits-export", ""
    model.doc_string = ""
    del model.metadata_props[:]
    graph = model.graph
    graph.name, graph.doc_string = "digits_edge", ""
    del graph.metadata_props[:]
    del graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Halve a float model's weights and compute in float16, from uint8 to float32 as before."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    onnx.checker.check_model(half, full_check=True)
    return half


def shorten_names(model: onnx.ModelProto) -> None:
    """Name the inner values by number: what tools call them fills a tenth of a small int8 file.

    Args:
        model: Changed in place; its inputs and outputs keep their names.
    """
    graph = model.graph
    short = {value.name: value.name for value in (*graph.input, *graph.output)}
    short[""] = ""  # an input left out
    for initializer in graph.initializer:
        initializer.name = short.setdefault(initializer.name, str(len(short)))
    for node in graph.node:
        node.name = ""
        for names in (node.input, node.output):
            names[:] = [short.setdefault(name, str(len(short))) for name in names]


def to_bytes(model: onnx.ModelProto, contract: Contract | PageContract) -> bytes:
    """Serialise a model with its contract in the metadata; equal models give equal bytes."""
    described = onnx.ModelProto()
    described.CopyFrom(model)
    onnx.helper.set_model_props(described, {METADATA_KEY: contract.to_json()})
    content: bytes = described.SerializeToString(deterministic=True)
    return content
