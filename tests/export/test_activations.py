from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from digits_export import activations, convert, quantize
from digits_export.recipe import Recipe
from digits_runtime.errors import InputError
from digits_train.architectures import Scaled

from .test_layout import GLYPHS, logits, patches


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups"),
    [(3, 1, 1, 1, 1), (3, 2, 1, 1, 2), (2, 2, 0, 1, 4), (3, 1, 2, 2, 1), (1, 1, 0, 1, 4)],
)
def test_a_layers_inputs_times_its_weights_are_what_it_gives(
    kernel: int, stride: int, padding: int, dilation: int, groups: int
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 8, kernel, stride, padding, dilation, groups, bias=False)
    weights = conv.weight.detach().numpy()
    node = onnx.helper.make_node(
        *("Conv", ["x", "w"], ["y"]),
        kernel_shape=[kernel] * 2,
        strides=[stride] * 2,
        pads=[padding] * 4,
        dilations=[dilation] * 2,
        group=groups,
    )
    values = np.random.default_rng(0).normal(size=(5, 4, 9, 7)).astype(np.float32)
    inputs = activations._inputs(node, values, weights.shape)
    found = weights.reshape(groups, 8 // groups, -1).astype(np.float64) @ inputs
    expected = conv(torch.from_numpy(values)).detach().numpy()
    np.testing.assert_allclose(
        found.reshape(8, 5, *expected.shape[2:]).swapaxes(0, 1), expected, atol=1e-5
    )


def test_attributes_that_a_convolution_may_lack_have_their_defaults() -> None:
    values = np.random.default_rng(0).normal(size=(2, 3, 6, 5)).astype(np.float32)
    plain = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    assert activations.has_rows(plain)
    assert activations._inputs(plain, values, (4, 3, 2, 2)).shape == (1, 12, 2 * 5 * 4)
    padded = onnx.helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER")
    assert not activations.has_rows(padded)


@pytest.mark.parametrize("weights", ["s7", "s8", "u8"])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_weights_are_rounded_so_that_logits_change_less(weights: str, granularity: str) -> None:
    model = patches()
    held = activations.calibrate(model, GLYPHS)
    assert len(held.factors) == 4
    recipe = Recipe("minmax", granularity, weights)  # type: ignore[arg-type]
    nearest = quantize.to_int8(model, activations.Activations(held.histograms, {}), recipe)
    change = [
        float(((logits(quantized) - logits(model)) ** 2).sum())
        for quantized in (quantize.to_int8(model, held, recipe), nearest)
    ]
    assert change[0] < change[1]


def test_a_layer_of_very_many_inputs_is_rounded_to_the_nearest_step() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 3)
            self.classifier = nn.Linear(4 * 26 * 26, 3)

        def forward(self, glyphs: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.classifier(torch.relu(self.stem(glyphs)).flatten(1))
            return found

    model = convert.to_onnx(Scaled(Wide()), 28)
    held = activations.calibrate(model, GLYPHS)
    assert [len(factor[0]) for factor in held.factors.values()] == [9]
    quantize.to_int8(model, held, Recipe())


def test_nothing_to_calibrate_on_is_said() -> None:
    with pytest.raises(InputError, match="at least one"):
        activations.calibrate(patches(), GLYPHS[:0])
