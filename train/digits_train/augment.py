"""What hands, pens, paper and cameras do to a glyph, on the device, a batch at a time.

Every number comes from the generator handed in, so that a resumed run sees the same batches.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

_ROTATION = math.radians(12)
_SHEAR = 0.2
_SCALE = (0.85, 1.1)
_SHIFT = 1.2  # pixels
_ELASTIC = 1.3  # pixels, of the coarse field's standard deviation times its smoothing
_ELASTIC_KNOTS = 5


def augment(glyphs: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Vary glyphs in shape, stroke, sharpness, strength and grain.

    Args:
        glyphs: uint8 `[n, 1, size, size]`.
        generator: On the device of `glyphs`.

    Returns:
        float32 `[n, 1, size, size]`, 0 to 1.
    """
    images = glyphs.to(torch.float32) / 255
    images = _warp(images, generator)
    images = _stroke_width(images, generator)
    images = _blur(images, generator)
    images = _strength(images, generator)
    return _grain(images, generator).clamp_(0, 1)


def _uniform(
    generator: torch.Generator, shape: tuple[int, ...], low: float, high: float
) -> torch.Tensor:
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low


def _some(generator: torch.Generator, count: int, share: float) -> torch.Tensor:
    """Which of a batch are touched: float32 `[count, 1, 1, 1]` of 0 and 1."""
    return (_uniform(generator, (count, 1, 1, 1), 0, 1) < share).to(torch.float32)


def _warp(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Rotate, shear, scale, shift, and bend (Simard et al. 2003, elastic distortions)."""
    count, _, size, _ = images.shape
    angle = _uniform(generator, (count,), -_ROTATION, _ROTATION)
    shear = _uniform(generator, (count,), -_SHEAR, _SHEAR)
    wide = 1 / _uniform(generator, (count,), *_SCALE)
    high = 1 / _uniform(generator, (count,), *_SCALE)
    shift = _uniform(generator, (count, 2), -2 * _SHIFT / size, 2 * _SHIFT / size)
    cosine, sine = angle.cos(), angle.sin()
    rows = [
        torch.stack((wide * cosine, wide * (shear * cosine - sine), shift[:, 0]), 1),
        torch.stack((high * sine, high * (shear * sine + cosine), shift[:, 1]), 1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    knots = torch.randn(
        (count, 2, _ELASTIC_KNOTS, _ELASTIC_KNOTS), generator=generator, device=generator.device
    )
    amount = _uniform(generator, (count, 1, 1, 1), 0, 2 * _ELASTIC / size)
    bend = functional.interpolate(knots * amount, (size, size), mode="bicubic", align_corners=True)
    grid = grid + bend.permute(0, 2, 3, 1)
    return functional.grid_sample(images, grid, align_corners=False)


def _stroke_width(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Broaden a quarter of the strokes and thin another, by up to a pixel on either side."""
    count = len(images)
    by = _uniform(generator, (count, 1, 1, 1), 0.2, 1)
    choice = _uniform(generator, (count, 1, 1, 1), 0, 1)
    broad = functional.max_pool2d(images, 3, 1, 1)
    thin = -functional.max_pool2d(-images, 3, 1, 1)
    images = torch.where(choice < 0.25, torch.lerp(images, broad, by), images)
    # A hair-thin stroke would vanish if all of it went.
    return torch.where(choice > 0.75, torch.lerp(images, thin, 0.6 * by), images)


def _blur(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Soften a third of the glyphs, as an unfocused camera does."""
    kernel = torch.tensor([1.0, 2.0, 1.0], device=images.device)
    kernel = (kernel[:, None] * kernel / 16)[None, None]
    amount = _some(generator, len(images), 0.33) * _uniform(generator, (len(images), 1, 1, 1), 0, 1)
    soft = functional.conv2d(images, kernel, padding=1)
    return torch.lerp(images, soft, amount)


def _strength(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Vary how fast the stroke's edges fall off and how strong the ink is."""
    gamma = torch.exp(_uniform(generator, (len(images), 1, 1, 1), -0.5, 0.5))
    gain = _uniform(generator, (len(images), 1, 1, 1), 0.7, 1.15)
    return images.clamp(0, 1).pow(gamma) * gain


def _grain(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Add the sensor's noise to a third of the glyphs."""
    amount = _some(generator, len(images), 0.33)
    amount = amount * _uniform(generator, (len(images), 1, 1, 1), 0, 0.12)
    noise = torch.randn(images.shape, generator=generator, device=generator.device)
    return images + amount * noise
