"""`digits-read`: the numbers in pictures.

digits-read photo.jpg
digits-read --json page1.png page2.png
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.options import (
    DenoiseName,
    JsonOption,
    ModelOption,
    ProviderName,
    ProviderOption,
)
from digits_runtime.commands.reporting import one_line_errors, plain_app, report
from digits_runtime.errors import InputError

app = plain_app("digits-read")


@app.command()
@one_line_errors
def read(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...", help="Pictures, or folders of pictures.", show_default=False
        ),
    ],
    as_json: JsonOption = False,
    model: ModelOption = None,
    provider: ProviderOption = ProviderName.auto,
    ignore_exif: Annotated[
        bool, typer.Option("--ignore-exif", help="Take pixels as they lie; EXIF may be stale.")
    ] = False,
    upside_down: Annotated[
        bool, typer.Option("--upside-down", help="The pages lie upside down.")
    ] = False,
    denoise: Annotated[
        DenoiseName,
        typer.Option(help="Against noise: median of 3x3, or non-local means (slow)."),
    ] = DenoiseName.none,
) -> None:
    """Print the numbers written in pictures, a line of the page on each line.

    Of a sudoku or a table its rows are printed, 0 for an empty cell.

    A glyph the model is not sure of is printed as ?, so that a number never loses a digit
    unnoticed. Several pictures are told apart by a line with their name. One that cannot be read is
    named on standard error, the others are read, and the exit code is 2.
    """
    from digits_runtime.pictures import in_folders
    from digits_runtime.reader import Reader
    from digits_runtime.session import BUNDLED

    if "" in images:
        raise InputError("a picture's name is empty; give files or folders")
    paths = in_folders([Path(image) for image in images])
    reader = Reader(
        model or BUNDLED,
        provider=provider.value,
        oriented=not ignore_exif,
        upside_down=upside_down,
        denoise=denoise.value,
    )
    bad = False
    for path in paths:
        try:
            reading = reader.read(path)
        except InputError as error:
            # One bad picture of a thousand does not stop the others.
            report(str(error))
            bad = True
            continue
        if as_json:
            typer.echo(json.dumps(reading.to_dict()))
            continue
        if len(paths) > 1:
            typer.echo(f"{path}:")
        typer.echo(reading.text or "(no number found)", err=not reading.text)
    if bad:
        raise typer.Exit(InputError.exit_code)


def main() -> None:
    """Entry point of `digits-read`."""
    app()
