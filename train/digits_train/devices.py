"""Where a run computes: device, precision and processes, through lightning-fabric."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Literal

import torch
from lightning_fabric import Fabric

from digits_runtime.errors import InputError

Precision = Literal["auto", "fp32", "bf16"]


def open_fabric(device: str, precision: str = "auto") -> Fabric:
    """Choose a device and join the other processes of `torchrun`, if there are any.

    Args:
        device: auto, cpu or cuda.
        precision: fp32, bf16 (mixed: weights stay float32), or auto: bf16 on CUDA only.

    Raises:
        InputError: The device or precision is unknown or not there.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {device!r}: give auto, cpu or cuda")
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise InputError("--device cuda: this torch sees no CUDA GPU; use --device cpu")
    accelerator = "cuda" if there and device != "cpu" else "cpu"
    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"--precision {precision!r}: give auto, fp32 or bf16")
    mixed = precision == "bf16" or (precision == "auto" and accelerator == "cuda")
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
            precision="bf16-mixed" if mixed else "32-true",
        )
        fabric.launch()
    return fabric
