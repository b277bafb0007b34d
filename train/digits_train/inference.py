"""What a network says of glyphs, in batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from digits_train.architectures import Scaled


@dataclass(frozen=True, slots=True)
class Samples:
    """Normalised glyphs: uint8 `[n, 1, size, size]`, and int64 class indexes `[n]`.

    Those to train on are on the larger canvas of `augment`; those to validate with are model input.

    Attributes:
        origins: int64 `[n]`: which of a run's data sets each is of; their number for what was made
            from them, poor pictures and what is no glyph.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    origins: NDArray[np.int64]


@torch.inference_mode()
def predict(
    network: Scaled, images: NDArray[np.uint8], device: torch.device, *, batch: int = 1024
) -> NDArray[np.float32]:
    """Logits for glyphs: uint8 `[n, 1, size, size]` to float32 `[n, classes]`."""
    network.eval()
    parts = [
        network(torch.from_numpy(images[start : start + batch]).to(device)).float().cpu().numpy()
        for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)


def accuracy(network: Scaled, samples: Samples, named: int, device: torch.device) -> float:
    """Share of glyphs named rightly, 0 to 1, by the best of the first `named` classes."""
    answers = predict(network, samples.images, device)[:, :named].argmax(1)
    return float((answers == samples.labels).mean())
