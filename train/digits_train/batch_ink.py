"""`digits_runtime.ink.normalise` for a whole batch on the device, so that training augments first.

Every glyph has its own bounding box and so its own enlargement. Resizing is separable and linear,
so each axis of each glyph is one small matrix, filled with the weights that OpenCV uses, and the
batch is two batched products. A test holds it to the runtime's answers.
"""

from __future__ import annotations

import torch

from digits_runtime.contract import InkSpec
from digits_runtime.ink import EDGE, SATURATE, TIE

_FULL = 255
# OpenCV's cubic kernel (Keys 1981).
_KEYS = -0.75


@torch.no_grad()
def normalise(ink: torch.Tensor, spec: InkSpec) -> torch.Tensor:
    """Bring glyphs to the size, place and strength that a model expects.

    Args:
        ink: `[n, 1, h, w]`, bright ink on 0: 0 to 255, of any type.
        spec: The model's input.

    Returns:
        float32 `[n, 1, spec.size, spec.size]` of whole numbers 0 to 255, on the device of `ink`;
        all zero where there is no ink.
    """
    plain = ink[:, 0].to(torch.float32)
    inked = plain > EDGE * plain.amax((1, 2), keepdim=True)
    top, height = _extent(inked.any(2))
    left, width = _extent(inked.any(1))
    longer = torch.maximum(width, height).clamp_min(1).double()
    # A number over a tensor would be a multiplication by its reciprocal, which rounds otherwise.
    scale = torch.full_like(longer, spec.box) / longer
    rows = (height * scale).round().clamp_min(1)
    columns = (width * scale).round().clamp_min(1)
    shrunk = scale < 1
    down = _weights(top, height, rows, plain.shape[1], spec.box, shrunk)
    across = _weights(left, width, columns, plain.shape[2], spec.box, shrunk)
    glyph = torch.bmm(torch.bmm(down, plain), across.mT)
    glyph = _strengthen(glyph.clamp_min_(0))
    mass = glyph.sum((1, 2)).clamp_min(1e-6).double()
    steps = torch.arange(spec.box, device=ink.device, dtype=torch.float32)
    y = _placed((glyph.sum(2) * steps).sum(1) / mass, rows, spec.size)
    x = _placed((glyph.sum(1) * steps).sum(1) / mass, columns, spec.size)
    return torch.bmm(torch.bmm(_shift(y, spec), glyph.round_()), _shift(x, spec).mT)[:, None]


def _extent(inked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First inked place and length up to the last, each int64 `[n]`, of bool `[n, length]`."""
    place = torch.arange(inked.shape[1], device=inked.device)
    first = torch.where(inked, place, inked.shape[1]).amin(1)
    last = torch.where(inked, place, -1).amax(1)
    return first, (last - first + 1).clamp_min(0)


def _weights(
    first: torch.Tensor,
    length: torch.Tensor,
    target: torch.Tensor,
    source: int,
    box: int,
    shrunk: torch.Tensor,
) -> torch.Tensor:
    """Resize one axis of each glyph: float32 `[n, box, source]`, zero beyond `target` rows."""
    out = torch.arange(box, device=first.device, dtype=torch.float64)
    step = (length / target)[:, None]
    there = (out < target[:, None]).double()
    # Averaging over the source pixels that an output pixel covers.
    start = (first[:, None] + out * step).float()[:, :, None]
    end = (first[:, None] + (out + 1) * step).float()[:, :, None]
    place = torch.arange(source, device=first.device, dtype=torch.float32)
    overlap = (torch.minimum(end, place + 1) - torch.maximum(start, place)).clamp_min_(0)
    share = torch.where(shrunk[:, None], there / step.clamp_min(1), 0).float()
    # Cubic interpolation from four source pixels, the crop's edge repeated outward.
    centre = (out + 0.5) * step - 0.5
    base = centre.floor()
    taps = torch.arange(-1, 3, device=first.device, dtype=torch.float64)
    weight = _keys(((centre - base)[:, :, None] - taps).abs())
    weight = weight * torch.where(shrunk[:, None], 0, there)[:, :, None]
    last = (length[:, None, None] - 1).clamp_min(0)
    index = (base[:, :, None] + taps).long().clamp_min(0).minimum(last) + first[:, None, None]
    index = index.clamp_max(source - 1)
    return overlap.mul_(share[:, :, None]).scatter_add_(2, index, weight.float())


def _keys(distance: torch.Tensor) -> torch.Tensor:
    near = ((_KEYS + 2) * distance - (_KEYS + 3)) * distance * distance + 1
    far = ((_KEYS * distance - 5 * _KEYS) * distance + 8 * _KEYS) * distance - 4 * _KEYS
    return torch.where(distance <= 1, near, far)


def _strengthen(glyph: torch.Tensor) -> torch.Tensor:
    """Raise each glyph's strength until most of its ink saturates."""
    flat = glyph.flatten(1)
    inked = (flat > EDGE * flat.amax(1, keepdim=True)).sum(1)
    rank = (SATURATE * inked.double()).long() + flat.shape[1] - inked
    level = flat.sort(1).values.gather(1, rank.clamp_max(flat.shape[1] - 1)[:, None])
    return (flat * (_FULL / level.clamp_min(1e-6))).clamp_max_(_FULL).view_as(glyph)


def _placed(centre: torch.Tensor, length: torch.Tensor, size: int) -> torch.Tensor:
    """Where each glyph starts so that its centre of mass is the canvas's, within the canvas."""
    return (size / 2 - centre + TIE).round().clamp_min(0).minimum(size - length)


def _shift(start: torch.Tensor, spec: InkSpec) -> torch.Tensor:
    """Move one axis of each glyph: float32 `[n, size, box]` of 0 and 1."""
    place = torch.arange(spec.size, device=start.device)[None, :, None] - start[:, None, None]
    return (place == torch.arange(spec.box, device=start.device)[None, None, :]).to(torch.float32)
