"""`digits-cam`: the numbers in front of a camera.

digits-cam                        # the first webcam
digits-cam --source clip.mp4 --json
digits-cam --source rtsp://camera.local/stream
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from digits_runtime.commands.options import JsonOption, ModelOption, ProviderName, ProviderOption
from digits_runtime.commands.reporting import one_line_errors, plain_app

app = plain_app("digits-cam")

_WAIT_S = 0.5


@app.command()
@one_line_errors
def cam(
    source: Annotated[
        str,
        typer.Option(
            help="A camera's number, /dev/videoN or name; pi for a Raspberry Pi's ribbon camera; "
            "an http or rtsp address; a video, a picture or a folder of them; - for standard input."
        ),
    ] = "0",
    frames: Annotated[
        int | None,
        typer.Option(min=1, max=10**9, help="Stop after so many [default: never]"),
    ] = None,
    as_json: JsonOption = False,
    model: ModelOption = None,
    provider: ProviderOption = ProviderName.auto,
) -> None:
    """Read numbers from a camera, a stream or a video, a frame at a time.

    Prints what is read whenever it changes, a line of the page on each line and an empty line
    where the page is empty; with --json one object for every frame. Ctrl-C ends it.
    """
    from digits_runtime.capture.source import open_source
    from digits_runtime.reader import Reader
    from digits_runtime.session import BUNDLED

    reader = Reader(model or BUNDLED, provider=provider.value)
    shown = ""
    read = 0
    with open_source(source) as opened:
        while frames is None or read < frames:
            frame = opened.next(_WAIT_S)
            health = opened.health()
            if frame is None:
                if health.state == "ended":
                    break
                continue
            read += 1
            reading = reader.read(
                frame.image, source=health.source, number=frame.number, captured=frame.captured
            )
            if as_json:
                typer.echo(json.dumps(reading.to_dict()))
            elif reading.text != shown:
                typer.echo(reading.text)
                shown = reading.text


def main() -> None:
    """Entry point of `digits-cam`."""
    app()
