from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn

from digits_export import activations, convert, pixels, quantize
from digits_export.recipe import Recipe, parse
from digits_runtime.contract import INPUT
from digits_runtime.errors import GateError, InputError
from digits_train.architectures import Scaled


class Patches(nn.Module):
    """A stem that strides, two depths joined, a depthwise pool, a classifier."""

    def __init__(self, kernel: int, padding: int, stride: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, kernel, stride, padding)
        self.block = nn.Conv2d(16, 16, 3, padding=1)
        side = (28 + 2 * padding - kernel) // stride + 1
        self.pool = nn.Conv2d(32, 32, side, groups=32)
        self.classifier = nn.Linear(32, 11)

    def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
        shallow = torch.relu(self.stem(glyphs))
        both = torch.cat((shallow, torch.relu(self.block(shallow))), 1)
        logits: torch.Tensor = self.classifier(torch.relu(self.pool(both)).flatten(1))
        return logits


def patches(kernel: int = 8, padding: int = 2, stride: int = 4) -> onnx.ModelProto:
    torch.manual_seed(0)
    return convert.to_onnx(Scaled(Patches(kernel, padding, stride)), 28)


GLYPHS = np.random.default_rng(0).integers(0, 256, (64, 1, 28, 28), dtype=np.uint8)


def logits(model: onnx.ModelProto, *, optimised: bool = True) -> np.ndarray:
    options = ort.SessionOptions()
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options)
    found: np.ndarray = session.run(None, {INPUT: GLYPHS})[0]
    return found


@pytest.mark.parametrize("recipe", ["minmax:channel:s7", "minmax:tensor:s7", "mse:tensor:u8"])
@pytest.mark.parametrize(("stride", "kernel"), [(4, 8), (2, 6)])
def test_scales_and_zero_points_fit_each_other_and_their_tensor(
    recipe: str, stride: int, kernel: int
) -> None:
    model = patches(kernel, 0, stride)
    graph = quantize.to_int8(model, activations.calibrate(model, GLYPHS), parse(recipe)).graph
    shapes = {value.name: tuple(value.dims) for value in graph.initializer}
    found = [node for node in graph.node if node.op_type == "DequantizeLinear"]
    assert len(found) > 8
    for tensor, scale, *zero in (node.input for node in found):
        assert shapes[scale] in ((), shapes.get(tensor, ())[:1])
        assert all(shapes[name] == shapes[scale] for name in zero)


@pytest.mark.parametrize(
    ("stride", "kernel", "padding"),
    [
        *((4, 4, 0), (4, 8, 2), (4, 8, 0), (4, 12, 4), (4, 7, 3), (4, 5, 1), (4, 6, 1)),
        *((2, 5, 2), (2, 2, 0), (2, 8, 3)),
    ],
)
def test_grouped_pixels_compute_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch, stride: int, kernel: int, padding: int
) -> None:
    model = patches(kernel, padding, stride)
    held = activations.calibrate(model, GLYPHS)
    for weights in ("s7", "u8"):
        laid_out = quantize.to_int8(model, held, Recipe(weights=weights))  # type: ignore[arg-type]
        with monkeypatch.context() as patch:
            patch.setattr(pixels, "group", lambda _: None)
            patch.setattr(quantize, "flatten_integers", lambda _: None)
            plain = quantize.to_int8(model, held, Recipe(weights=weights))  # type: ignore[arg-type]
        kinds = [node.op_type for node in laid_out.graph.node]
        assert kinds[:2] == ["Reshape", "Transpose"]
        assert [node.op_type for node in plain.graph.node].count("Transpose") == 0
        # Without integer kernels sums are of floats, in another order.
        np.testing.assert_allclose(
            logits(laid_out, optimised=False), logits(plain, optimised=False), atol=1e-3
        )
        np.testing.assert_array_equal(logits(laid_out), logits(plain))


@pytest.mark.parametrize(("stride", "kernel", "padding"), [(1, 5, 2), (2, 4, 0)])
def test_pixels_that_do_not_fall_into_groups_stay_as_they_are(
    stride: int, kernel: int, padding: int
) -> None:
    model = patches(kernel, padding, stride)
    laid_out = quantize.to_int8(model, activations.calibrate(model, GLYPHS), Recipe())
    assert laid_out.graph.node[0].op_type != "Reshape"


def test_all_that_a_concatenation_joins_has_one_scale() -> None:
    model = patches()
    quantized = quantize.to_int8(model, activations.calibrate(model, GLYPHS), Recipe())
    producer = {output: node for node in quantized.graph.node for output in node.output}
    values = {i.name: onnx.numpy_helper.to_array(i) for i in quantized.graph.initializer}
    (concat,) = (node for node in quantized.graph.node if node.op_type == "Concat")
    (after,) = (node for node in quantized.graph.node if concat.output[0] in node.input)
    scales = [float(values[producer[name].input[1]]) for name in concat.input]
    assert scales == [float(values[after.input[1]])] * 2


@pytest.mark.parametrize("left", [(1,), (2,), (3,), (4,), (2, 4)])
def test_layers_left_in_float_run_in_float(left: tuple[int, ...]) -> None:
    model = patches()
    quantized = quantize.to_int8(model, activations.calibrate(model, GLYPHS), Recipe(left=left))
    content = quantized.SerializeToString()
    assert quantize.kernels(model, content) == (4 - len(left), len(left))
    assert np.abs(logits(quantized) - logits(model)).max() < 0.1


def test_a_recipe_for_a_layer_that_is_not_there_is_refused_before_work() -> None:
    with pytest.raises(InputError, match="layers 1 to 4"):
        quantize.check(patches(), Recipe(left=(5,)))


def test_a_quantizer_that_skips_a_layer_is_caught() -> None:
    with pytest.raises(GateError, match="in float"):
        quantize._check_quantized(patches(), [])


def test_all_methods_but_entropy_lose_little() -> None:
    model = patches()
    held = activations.calibrate(model, GLYPHS)
    scale = np.abs(logits(model)).max()
    for method in ("minmax", "percentile", "mse"):
        change = logits(quantize.to_int8(model, held, Recipe(method))) - logits(model)  # type: ignore[arg-type]
        assert np.abs(change).max() < 0.05 * scale
