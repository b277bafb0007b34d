"""Rounds a network's weights and activations as int8 does, while it is trained.

As the exported model rounds them (Jacob et al. 2018, "Quantization and Training of Neural Networks
for Efficient Integer-Arithmetic-Only Inference"); gradients pass the rounding unchanged (Bengio et
al. 2013).
"""

from __future__ import annotations

import torch
from torch import nn

# Weights are kept to 7 bits, as in the export's portable recipes; activations have 8.
_WEIGHTS = 64
_STEPS = 255


class _Conv2d(nn.Conv2d):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        given, weights = _activations(given), _weights(self.weight)
        return self._conv_forward(given, weights, self.bias)  # type: ignore[no-any-return]


class _Linear(nn.Linear):
    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(_activations(given), _weights(self.weight), self.bias)


def simulate(network: nn.Module) -> None:
    """Let a network compute as int8 would, in place; names and shapes of its weights stay.

    Batch norms need not be folded first: they scale whole channels, and each channel of the weights
    has a step of its own.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = _Conv2d
        elif type(module) is nn.Linear:
            module.__class__ = _Linear


def _weights(weights: torch.Tensor) -> torch.Tensor:
    """Round to 7 bits, each output channel in steps of its own."""
    reach = weights.detach().abs().flatten(1).amax(1).clamp_min(1e-8)
    zero = torch.zeros_like(reach, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(
        weights, reach / _WEIGHTS, zero, 0, -_WEIGHTS, _WEIGHTS
    )


def _activations(given: torch.Tensor) -> torch.Tensor:
    """Round to 256 steps over what the batch holds, zero included: no state to save or resume."""
    low = given.detach().amin().clamp_max(0)
    step = ((given.detach().amax().clamp_min(0) - low) / _STEPS).clamp_min(1e-8)
    zero = torch.round(-low / step).to(torch.int32)
    return torch.fake_quantize_per_tensor_affine(given, step, zero, 0, _STEPS)
