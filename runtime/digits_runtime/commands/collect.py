"""`digits-cam collect`: crops of glyphs for labelling, by which a reader learns its user's hand.

digits-cam collect mine --source page.jpg --text 0123456789   # five rows of them: labelled
digits-cam collect mine --source 0                            # what it is not sure of
"""

from __future__ import annotations

import functools
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.options import ModelOption, ProviderName, ProviderOption
from digits_runtime.commands.reporting import one_line_errors
from digits_runtime.errors import InputError

# Each has a variable, as all of digits-cam's; the help says so once, there.
_option = functools.partial(typer.Option, show_envvar=False)


@one_line_errors
def collect(
    folder: Annotated[Path, typer.Argument(help="Where the crops go.", show_default=False)],
    source: Annotated[
        str, _option(help="Camera, stream, video or picture, as of digits-cam.")
    ] = "0",
    text: Annotated[
        str | None,
        _option(
            help="What is written on each line: its crops go to a folder for each label, however "
            "they were read. Without it those that were not surely read are kept for you to label."
        ),
    ] = None,
    limit: Annotated[int, _option(min=1, max=100_000, help="End after so many crops.")] = 200,
    frames: Annotated[
        int | None, _option(min=1, max=10**9, help="End after so many frames.")
    ] = None,
    seal_to: Annotated[
        Path | None,
        _option(help="Encrypt each crop to this public key, made by digits-keys crops."),
    ] = None,
    model: ModelOption = None,
    provider: ProviderOption = ProviderName.auto,
) -> None:
    """Keep crops of glyphs, to label and to learn one's own hand from.

    Unlabelled crops lie in FOLDER itself: move each into a folder named as the glyph it is, delete
    what is none, then `digits-train adapt FOLDER`. The same glyph is kept once, however long the
    camera looks at it. Nothing else is stored. Ctrl-C ends it; every crop is whole.
    """
    from digits_runtime.capture.source import open_source
    from digits_runtime.crops import Album
    from digits_runtime.fields import check_label
    from digits_runtime.reader import Reader
    from digits_runtime.reading import UNCERTAIN
    from digits_runtime.session import BUNDLED

    labels = [] if text is None else (text.split(",") if "," in text else list(text))
    for label in labels:
        check_label(label)
        if label in (".", "..") or "/" in label or "\\" in label:
            raise InputError(f"{label!r} cannot name a folder; collect that glyph without --text")
    album = Album(folder, seal_to)
    reader = Reader(model or BUNDLED, provider=provider.value)
    skipped = 0
    try:
        with open_source(source) as opened:
            for frame in islice(opened, frames):
                reading = reader.read(frame.image)
                for line in reading.lines:
                    if labels and len(line) != len(labels):
                        skipped += 1
                        continue
                    for place, glyph in enumerate(line):
                        if album.saved >= limit:
                            return
                        if labels:
                            album.keep(frame.image, glyph, labels[place])
                        elif glyph.label == UNCERTAIN:
                            album.keep(frame.image, glyph, None)
    finally:
        typer.echo(f"{album.saved} crops in {folder}")
        if skipped:
            typer.echo(f"{skipped} lines had not {len(labels)} glyphs and were left out", err=True)
