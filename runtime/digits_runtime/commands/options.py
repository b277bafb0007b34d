"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ProviderName(StrEnum):
    """Where a model may be asked to run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class DenoiseName(StrEnum):
    """What is done against noise before a picture is read."""

    none = "none"
    median = "median"
    nlm = "nlm"


ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        show_envvar=False,
        help="digits or alnum (0-9 A-Z), both bundled, or a file [default: digits]",
    ),
]
ProviderOption = Annotated[
    ProviderName,
    typer.Option(show_envvar=False, help="Where the model runs; cpu or cuda insist on it."),
]
TrustOption = Annotated[
    Path | None,
    typer.Option(
        "--trust",
        show_envvar=False,
        help="Use the model only if a key in this file of PEM public keys signed it.",
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        show_envvar=False,
        help="Key of an encrypted model [default: what DIGITS_MODEL_KEY holds]",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object for each picture or frame.")
]
