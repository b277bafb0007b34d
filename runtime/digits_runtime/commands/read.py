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
    JsonOption,
    KeyOption,
    ModelOption,
    ProviderName,
    ProviderOption,
    TrustOption,
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
    trusted: TrustOption = None,
    key: KeyOption = None,
) -> None:
    """Print the numbers written in pictures, a line of the page on each line.

    A glyph the model is not sure of is printed as ?, so that a number never loses a digit
    unnoticed. Several pictures are told apart by a line with their name. One that cannot be read is
    named on standard error, the others are read, and the exit code is 2.
    """
    from digits_runtime.pictures import in_folders
    from digits_runtime.reader import Reader
    from digits_runtime.session import BUNDLED
    from digits_runtime.trust import load

    if "" in images:
        raise InputError("a picture's name is empty; give files or folders")
    paths = in_folders([Path(image) for image in images])
    reader = Reader(load(model or BUNDLED, trusted, key), provider=provider.value)
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
