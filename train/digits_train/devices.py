"""Where a run computes: device, precision and processes, through lightning-fabric."""

from __future__ import annotations

import logging
import os
import warnings

import torch
from lightning_fabric import Fabric

from digits_runtime.errors import InputError


def choose_precision(device: str, precision: str) -> str:
    """Turn auto into fp32 or bf16, which is for CUDA, where it is faster.

    Raises:
        InputError: The device or precision is unknown or not there.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"--precision {precision!r}: give auto, fp32 or bf16")
    if precision != "auto":
        return precision
    return "bf16" if _accelerator(device) == "cuda" else "fp32"


def open_fabric(device: str, precision: str = "fp32") -> Fabric:
    """Choose a device and join the other processes of `torchrun`, if there are any.

    Args:
        device: auto, cpu or cuda.
        precision: fp32, or bf16: mixed, weights stay float32.

    Raises:
        InputError: The device is unknown or not there.
    """
    accelerator = _accelerator(device)
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    world = int(os.environ.get("WORLD_SIZE", "1"))
    # Its hints about other ways of starting would stand between the user and the run's own lines.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = Fabric(
            accelerator=accelerator,
            devices=here,
            num_nodes=world // here,
            strategy="ddp" if world > 1 else "auto",
            precision="bf16-mixed" if precision == "bf16" else "32-true",
        )
        fabric.launch()
    return fabric


def first_process() -> bool:
    """Whether this is the one process, or the first of `torchrun`'s: the one that speaks."""
    return os.environ.get("RANK", "0") == "0"


def _accelerator(device: str) -> str:
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {device!r}: give auto, cpu or cuda")
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InputError("--device cuda: this torch sees no CUDA GPU; use --device cpu")
    return "cuda" if there and device != "cpu" else "cpu"
