"""`digits-cam`: the numbers in front of a camera.

digits-cam                        # the first webcam
digits-cam --source clip.mp4 --json
digits-cam --source rtsp://camera.local/stream
"""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated

import typer

from digits_runtime.commands.collect import collect
from digits_runtime.commands.options import (
    JsonOption,
    KeyOption,
    ModelOption,
    ProviderName,
    ProviderOption,
    TrustOption,
)
from digits_runtime.commands.reporting import one_line_errors, plain_app

app = plain_app("digits-cam")


@app.callback(invoke_without_command=True)
@one_line_errors
def cam(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Option(
            help="A camera's number or /dev/videoN, a video file, a picture or a folder of them, "
            "an http or rtsp address."
        ),
    ] = "0",
    frames: Annotated[
        int | None,
        typer.Option(min=1, max=10**9, help="Stop after so many [default: never]"),
    ] = None,
    as_json: JsonOption = False,
    model: ModelOption = None,
    provider: ProviderOption = ProviderName.auto,
    trusted: TrustOption = None,
    key: KeyOption = None,
) -> None:
    """Read numbers from a camera, a stream or a video, a frame at a time.

    Prints what is read whenever it changes, a line of the page on each line and an empty line
    where the page is empty; with --json one object for every frame. Ctrl-C ends it.
    """
    if context.invoked_subcommand is not None:
        return
    from digits_runtime.capture.source import frames as frames_of
    from digits_runtime.reader import Reader
    from digits_runtime.session import BUNDLED
    from digits_runtime.trust import load

    reader = Reader(load(model or BUNDLED, trusted, key), provider=provider.value)
    shown = ""
    for frame in islice(frames_of(source), frames):
        reading = reader.read(
            frame.image, source=source, number=frame.number, captured=frame.captured
        )
        if as_json:
            typer.echo(json.dumps(reading.to_dict()))
        elif reading.text != shown:
            typer.echo(reading.text)
            shown = reading.text


app.command()(collect)


def main() -> None:
    """Entry point of `digits-cam`."""
    app()
