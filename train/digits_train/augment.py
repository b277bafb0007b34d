"""What hands, pens, paper and cameras do to a glyph, on the device, a batch at a time.

Glyphs are varied on a canvas larger than the model's input, at several resolutions as cameras
have them, and normalised afterwards as the runtime does: a model is never shown a size or a place
that it could not be shown at work. Every number comes from the generator handed in, so that a
resumed run sees the same batches.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from digits_runtime.contract import InkSpec
from digits_train.batch_ink import normalise

_ROTATION = math.radians(12)
_SHEAR = 0.2
_ASPECT = (0.85, 1.15)
_PERSPECTIVE = 0.08  # how much larger one side of the canvas may be than its middle
_ELASTIC = 0.04  # of the canvas, the coarse field's standard deviation
_KNOTS = 5  # of smooth fields, along each side of the canvas
# Resolutions, as shares of the canvas: a glyph from half the model's size to its 1.4-fold.
_RESOLUTIONS = (1.0, 0.85, 0.7, 0.55, 0.45)


def canvas(spec: InkSpec) -> InkSpec:
    """What glyphs are drawn on before they are varied: 1.4 times the model's size."""
    return InkSpec(round(spec.size * 10 / 7), round(spec.box * 1.4))


def augment(glyphs: torch.Tensor, spec: InkSpec, generator: torch.Generator) -> torch.Tensor:
    """Vary glyphs in shape, stroke, sharpness, strength and grain, then normalise them.

    Args:
        glyphs: uint8 `[n, 1, size, size]` on the `canvas` of `spec`.
        spec: The model's input.
        generator: On the device of `glyphs`.

    Returns:
        float32 `[n, 1, spec.size, spec.size]`, 0 to 1.
    """
    # Whatever comes first in a batch is seen sharp: batches are shuffled, so that is by chance.
    parts = glyphs.chunk(len(_RESOLUTIONS))
    return torch.cat(
        [
            normalise(_seen(part, round(share * glyphs.shape[-1]), generator) * 255, spec) / 255
            for part, share in zip(parts, _RESOLUTIONS, strict=False)
        ]
    )


def _seen(glyphs: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Glyphs as a camera of this many pixels sees them: `[n, 1, side, side]`, 0 to 1."""
    pixel = side / glyphs.shape[-1]
    images = _warp(glyphs.to(torch.float32) / 255, side, generator)
    images = _stroke_width(images, pixel, generator)
    images = _blur(images, generator)
    images = _strength(images, generator)
    return _grain(images, generator)


def _uniform(
    generator: torch.Generator, shape: tuple[int, ...], low: float, high: float
) -> torch.Tensor:
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low


def _some(generator: torch.Generator, count: int, share: float) -> torch.Tensor:
    """Which of a batch are touched: float32 `[count, 1, 1, 1]` of 0 and 1."""
    return (_uniform(generator, (count, 1, 1, 1), 0, 1) < share).to(torch.float32)


def _warp(images: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Rotate, shear, stretch, tilt, and bend (Simard et al. 2003, elastic distortions)."""
    count = len(images)
    angle = _uniform(generator, (count,), -_ROTATION, _ROTATION)
    shear = _uniform(generator, (count,), -_SHEAR, _SHEAR)
    wide = 1 / _uniform(generator, (count,), *_ASPECT)
    high = 1 / _uniform(generator, (count,), *_ASPECT)
    cosine, sine = angle.cos(), angle.sin()
    nought = torch.zeros_like(angle)
    rows = [
        torch.stack((wide * cosine, wide * (shear * cosine - sine), nought), 1),
        torch.stack((high * sine, high * (shear * sine + cosine), nought), 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), [count, 1, side, side], align_corners=False)
    tilt = _uniform(generator, (count, 1, 1, 2), -_PERSPECTIVE, _PERSPECTIVE)
    grid = grid * (1 + (grid * tilt).sum(3, keepdim=True))
    amount = _uniform(generator, (count, 1, 1, 1), 0, 2 * _ELASTIC)
    bend = _field((count, 2), side, generator) * amount
    grid = grid + bend.permute(0, 2, 3, 1)
    return functional.grid_sample(images, grid, align_corners=False)


def _field(shape: tuple[int, int], side: int, generator: torch.Generator) -> torch.Tensor:
    """Smooth chance over the canvas, of deviation one at its knots: `[*shape, side, side]`."""
    knots = torch.randn((*shape, _KNOTS, _KNOTS), generator=generator, device=generator.device)
    # The same interpolation for all: as two products it is many times as fast as interpolating.
    unit = torch.eye(_KNOTS, device=generator.device)[None, None]
    size = (side, _KNOTS)
    spread = functional.interpolate(unit, size, mode="bicubic", align_corners=True)[0, 0]
    return spread @ knots @ spread.mT


def _stroke_width(images: torch.Tensor, pixel: float, generator: torch.Generator) -> torch.Tensor:
    """Broaden a third of the strokes and thin another, by up to a pixel of the canvas a side."""
    by = _uniform(generator, (len(images), 1, 1, 1), 0.2 * pixel, 1.2 * pixel)
    choice = _uniform(generator, (len(images), 1, 1, 1), 0, 1)
    broad = _broad(images)
    thin = -_broad(-images)
    images = torch.where(choice < 0.33, torch.lerp(images, broad, by), images)
    # A hair-thin stroke would vanish if all of it went.
    return torch.where(choice > 0.67, torch.lerp(images, thin, 0.6 * by), images)


def _broad(images: torch.Tensor) -> torch.Tensor:
    """The largest of each pixel and its eight neighbours: `max_pool2d`, at 10 times its speed."""
    for axis in (2, 3):
        length = images.shape[axis] - 1
        first, last = images.narrow(axis, 0, 1), images.narrow(axis, length, 1)
        pairs = torch.maximum(images.narrow(axis, 0, length), images.narrow(axis, 1, length))
        images = torch.maximum(torch.cat((first, pairs), axis), torch.cat((pairs, last), axis))
    return images


def _soft(images: torch.Tensor) -> torch.Tensor:
    """Mix each pixel with its neighbours, 1 2 1 along both axes; the canvas's edge is kept."""
    for axis in (2, 3):
        length = images.shape[axis] - 1
        first, last = images.narrow(axis, 0, 1), images.narrow(axis, length, 1)
        pairs = images.narrow(axis, 0, length) + images.narrow(axis, 1, length)
        images = torch.cat((2 * first, pairs), axis).add_(torch.cat((pairs, 2 * last), axis)) / 4
    return images


def _blur(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Soften half of the glyphs, some of them much, as an unfocused camera does."""
    count = len(images)
    for share in (0.5, 0.2):
        amount = _some(generator, count, share) * _uniform(generator, (count, 1, 1, 1), 0, 1)
        images = torch.lerp(images, _soft(images), amount)
    return images


def _strength(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Vary how fast the stroke's edges fall off."""
    gamma = torch.exp(_uniform(generator, (len(images), 1, 1, 1), -0.5, 0.5))
    return images.clamp(0, 1).pow(gamma)


def _grain(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Add paper's texture and a sensor's noise to the strokes of some glyphs.

    Only to the strokes and just around them: away from those, finding ink leaves nothing.
    """
    count, _, side, _ = images.shape
    texture = _field((count, 1), side, generator)
    noise = torch.randn(images.shape, generator=generator, device=generator.device)
    stain = _some(generator, count, 0.3) * _uniform(generator, (count, 1, 1, 1), 0, 0.15)
    rough = _some(generator, count, 0.4) * _uniform(generator, (count, 1, 1, 1), 0, 0.15)
    near = (_broad(_broad(images)) > 0.35).to(torch.float32)
    return ((images + stain * texture + rough * noise) * near).clamp_(0, 1)
