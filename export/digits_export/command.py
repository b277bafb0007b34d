"""`digits-export`: from a run's folder to a model file that passed the gate.

digits-export runs/digits --int8 -o digits-int8.onnx
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.reporting import one_line_errors, plain_app, require
from digits_train.command import DataDir

app = plain_app("digits-export")


@app.command()
@one_line_errors
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Model file to write [default: RUN/model.onnx]"),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantize, calibrated on the run's training split.")
    ] = False,
    max_drop: Annotated[
        float, typer.Option(min=0, max=100, help="Points of accuracy int8 may lose at most.")
    ] = 0.05,
    sign: Annotated[
        Path | None, typer.Option(help="Private key to sign the model with, of digits-keys sign.")
    ] = None,
    encrypt: Annotated[
        Path | None, typer.Option(help="Key to encrypt the file with, of digits-keys model.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Export a trained run as one self-describing ONNX file, float or int8.

    Every answer on the validation split is compared from torch to ONNX to int8. A model that lost
    more than --max-drop is refused: exit code 1, nothing written, an older file stays.
    """
    require("digits-export", "export", "torch", "safetensors", "rich", "onnx", "onnxscript")
    from digits_export import seal
    from digits_export.card import card, check_outputs
    from digits_export.export import export as run_export
    from digits_runtime.files import write_whole

    if sign or encrypt:
        require("digits-export --sign and --encrypt", "seal", "cryptography")
        seal.check_keys(sign, encrypt)
    target = output or run / "model.onnx"
    check_outputs(target)
    exported = run_export(
        run,
        int8=int8,
        max_drop=max_drop,
        data_dir=data_dir,
        report=lambda line: typer.echo(line, err=True),
    )
    seal.write(target, exported.content, exported.contract, sign=sign, encrypt=encrypt)
    write_whole(target.with_suffix(".md"), card(target.name, exported).encode())
    typer.echo(f"{target} ({len(exported.content):,} bytes)")


def main() -> None:
    """Entry point of `digits-export`."""
    app()
