"""What the commands of digits-train share: the folder of data, and what they need installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.extras import require

# Of the extra `train`; named so that a missing one is told in one line.
_NEEDED = ("torch", "safetensors", "rich", "lightning_fabric", "matplotlib", "tensorboard")

DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="DIGITS_DATA",
        show_envvar=True,
        help="Folder with mnist/, unipen/, ...; without it MNIST is downloaded.",
    ),
]


def require_train(*more: str) -> None:
    """Make sure that the packages of the extra `train` are there, those that few need if named.

    Raises:
        MissingExtraError: One is missing; the message has the pip line that adds it.
    """
    require("digits-train", "train", *_NEEDED, *more)
