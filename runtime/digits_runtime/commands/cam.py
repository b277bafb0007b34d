"""`digits-cam`: the numbers in front of a camera.

digits-cam                        # the first webcam
digits-cam --source clip.mp4 --json
digits-cam --source rtsp://camera.local/stream --serve
digits-cam --config /etc/digits-cam.toml
digits-cam service --config /etc/digits-cam.toml > digits-cam.service
"""

from __future__ import annotations

import functools
import itertools
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands import config as config_file
from digits_runtime.commands.collect import collect
from digits_runtime.commands.options import (
    KeyOption,
    ModelOption,
    ProviderName,
    ProviderOption,
    TrustOption,
)
from digits_runtime.commands.reporting import one_line_errors, plain_app
from digits_runtime.errors import InputError

app = plain_app(
    "digits-cam",
    (
        "Read numbers from a camera, a stream or a video, a frame at a time. Prints each number "
        "once it is steady; with --json one object for every frame.\n\n"
        "The first webcam: digits-cam. Another: digits-cam --list, then --source. With a page to "
        "look at: digits-cam --serve. In the background for good: digits-cam service --help.\n\n"
        "A camera that freezes, vanishes or comes back elsewhere is read again as soon as it gives "
        "frames. Every option may stand in a --config file and in the environment: --frames is "
        "DIGITS_CAM_FRAMES. Ctrl-C ends."
    ),
)
# Each option by a variable, too; a service has its secrets there.
app.info.context_settings = {"auto_envvar_prefix": "DIGITS_CAM"}
# The help says so once, not at each option.
_option = functools.partial(typer.Option, show_envvar=False)

ConfigOption = Annotated[
    Path | None,
    _option(
        is_eager=True,
        callback=config_file.apply,
        help='TOML file with any of these options, such as source = "0".',
    ),
]


@app.callback(invoke_without_command=True)
@one_line_errors
def cam(
    context: typer.Context,
    source: Annotated[
        str,
        _option(
            help="A camera's number, /dev/videoN or name; pi for a Raspberry Pi's ribbon camera; "
            "an http or rtsp address; a video, a picture or a folder of them; - for standard input."
        ),
    ] = "0",
    listing: Annotated[
        bool, _option("--list", help="Show the webcams and what they can do, and end.")
    ] = False,
    size: Annotated[
        str | None, _option(metavar="WxH", help="Pixels to ask for [default: 640x480]")
    ] = None,
    rate: Annotated[
        float | None, _option(min=0.1, max=1000, help="Frames a second to ask for [default: 30]")
    ] = None,
    pixel_format: Annotated[
        str | None,
        _option(
            help="What to ask for, such as MJPG or YUYV; of standard input, what it is: mjpg, or "
            "bgr24, rgb24, gray, yuyv, uyvy, yuv420, nv12 with --size [default: what suits]"
        ),
    ] = None,
    rotate: Annotated[int, _option(help="Degrees clockwise: 0, 90, 180 or 270.")] = 0,
    crop: Annotated[
        str | None, _option(metavar="X,Y,W,H", help="Read only this part, in the camera's pixels.")
    ] = None,
    timeout: Annotated[
        float, _option(min=1, max=3600, help="Open a camera anew that is silent for so many s.")
    ] = 5.0,
    wait: Annotated[
        bool, _option("--wait", help="Wait for a camera that is not there at the start, too.")
    ] = False,
    frames: Annotated[
        int | None, _option(min=1, max=10**9, help="Stop after so many [default: never]")
    ] = None,
    as_json: Annotated[
        bool,
        _option("--json", envvar="DIGITS_CAM_JSON", help="Print one JSON object for each frame."),
    ] = False,
    record: Annotated[
        Path | None,
        _option(help="Annotated video (.mp4, .avi), or a folder for a picture of each number."),
    ] = None,
    serve: Annotated[
        str | None,
        _option(
            metavar="[HOST:PORT]",
            help="A web page: live picture, health, a pad to draw on. Alone: this machine only.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        _option(help="What visitors of the page must know [default: made up if not loopback]"),
    ] = None,
    mqtt: Annotated[
        str | None, _option(metavar="URL", help="Publish: mqtt[s]://[user@]host[:port][/topic].")
    ] = None,
    metrics: Annotated[
        str | None, _option(metavar="HOST:PORT", help="Metrics for Prometheus without the page.")
    ] = None,
    redact: Annotated[
        bool, _option("--redact", help="Mask all but the glyphs in pictures that leave.")
    ] = False,
    model: ModelOption = None,
    provider: ProviderOption = ProviderName.auto,
    trust: TrustOption = None,
    key: KeyOption = None,
    config: ConfigOption = None,
) -> None:
    """What the help of the app says."""
    if context.invoked_subcommand is not None:
        return
    if listing:
        _list()
        return
    from digits_runtime import outputs
    from digits_runtime.capture.settings import Settings, parse_crop, parse_rotation, parse_size
    from digits_runtime.capture.source import open_source
    from digits_runtime.choice import preferred
    from digits_runtime.notify import Notifier
    from digits_runtime.reader import Reader
    from digits_runtime.trust import load
    from digits_runtime.watch import watch

    settings = Settings(
        size=None if size is None else parse_size(size),
        rate=rate,
        pixel_format=pixel_format,
        rotate=parse_rotation(rotate),
        crop=None if crop is None else parse_crop(crop),
        timeout=timeout,
    )
    # A service that is told to stop ends as one at a keyboard does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    notifier = Notifier()
    # The camera's process starts while the model loads.
    with open_source(source, settings, patient=wait) as opened:
        reader = Reader(load(preferred(model), trust, key), provider=provider.value)
        with outputs.chosen(
            reader,
            as_json=as_json,
            record=record,
            serve=serve,
            token=token,
            mqtt=mqtt,
            metrics=metrics,
            redact=redact,
        ) as shown:
            try:
                watch(opened, reader, shown, notifier, frames=frames)
            finally:
                notifier.stopping()


@app.command()
@one_line_errors
def service(
    config: Annotated[Path, _option(help="TOML file with the service's options.")] = Path(
        "/etc/digits-cam.toml"
    ),
    memory: Annotated[int, _option(min=64, max=65536, help="MiB that it may take.")] = 400,
) -> None:
    """Print a systemd unit that reads the camera of a configuration for good (Linux)."""
    from digits_runtime.commands.service import unit

    typer.echo(unit(config, memory), nl=False)


def _list() -> None:
    """Webcams and their modes, a line for each format."""
    if sys.platform != "linux":
        raise InputError("--list knows the webcams of Linux only; try --source 0, 1, ... here")
    from digits_runtime.capture import v4l2

    found = v4l2.cameras()
    if not found:
        typer.echo("no webcam (/dev/video*); digits-doctor may know why", err=True)
    for camera in found:
        serial = f", serial number {camera.serial}" if camera.serial else ""
        typer.echo(f"{camera.path}  {camera.name} ({camera.kind}{serial})")
        try:
            modes = v4l2.modes(camera.path)
        except OSError as error:
            typer.echo(f"    {error.strerror}: digits-doctor knows more")
            continue
        for pixel_format in dict.fromkeys(mode.pixel_format for mode in modes):
            sizes = [
                f"{mode.width}x{mode.height} at {mode.rate:g}"
                for mode in modes
                if mode.pixel_format == pixel_format
            ]
            typer.echo(f"    {pixel_format}: {', '.join(sizes)}")


app.command()(collect)


def main() -> None:
    """Entry point of `digits-cam`."""
    app(args=_with_place(sys.argv[1:]))


def _with_place(arguments: list[str]) -> list[str]:
    """`--serve` alone means this machine's usual port; typer knows no options with half a value."""
    return [
        "--serve=" if argument == "--serve" and after.startswith("-") else argument
        for argument, after in itertools.pairwise([*arguments, "-"])
    ]


if __name__ == "__main__":
    main()
