"""What training makes small: the loss of labels, and that of a teacher's answers."""

from __future__ import annotations

import torch
from torch.nn import functional

# Distillation (Hinton et al. 2015): how much softer than the logits, and how much of the loss.
_SOFTER = 2.0
_TAUGHT = 0.7


def labelled(
    logits: torch.Tensor, labels: torch.Tensor, rarity: torch.Tensor, smoothing: float
) -> torch.Tensor:
    """Cross-entropy with the labels, a scalar.

    Summed, then shared out, for the weights of a batch differ from process to process.

    Args:
        logits: float32 `[n, classes]`.
        labels: int64 `[n]`.
        rarity: From `rarity`.
        smoothing: Share of the label that goes to all classes alike.
    """
    loss = functional.cross_entropy(
        logits, labels, weight=rarity, label_smoothing=smoothing, reduction="sum"
    )
    return loss / len(labels)


def taught(
    loss: torch.Tensor, logits: torch.Tensor, wanted: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """A loss mixed with how far logits are from a teacher's.

    Where a teacher's likeliest answer is not the label, the two change places (Wen et al. 2021,
    "Preparing Lessons: Improve Knowledge Distillation with Better Supervision"): otherwise what no
    teacher knows, such as a zero struck through, could hardly be learnt.

    Args:
        loss: Of the labels, a scalar.
        logits: float32 `[n, classes]`.
        wanted: The teacher's logits, float32 `[n, classes]`.
        labels: int64 `[n]`.
    """
    label = labels[:, None]
    most, likeliest = wanted.max(1, keepdim=True)
    wanted = wanted.scatter(1, likeliest, wanted.gather(1, label)).scatter(1, label, most)
    theirs = functional.log_softmax(wanted / _SOFTER, 1)
    ours = functional.log_softmax(logits / _SOFTER, 1)
    apart = functional.kl_div(ours, theirs, log_target=True, reduction="batchmean")
    return (1 - _TAUGHT) * loss + _TAUGHT * _SOFTER**2 * apart


def rarity(labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Weights of the classes, one in the mean over glyphs: float32 `[classes]`.

    By the square root of how rare they are (Mahajan et al. 2018), halfway between what the data
    happens to hold and all classes alike: of digits and letters there are far more digits.
    """
    counts = torch.bincount(labels, minlength=classes).clamp_min(1)
    weights = counts.to(torch.float32).rsqrt()
    return weights * (counts.sum() / (weights * counts).sum())
