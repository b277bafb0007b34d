"""`digits-read`: the numbers in pictures.

digits-read photo.jpg
digits-read --json page1.png page2.png
digits-read archive/ --jobs 4 --output archive.jsonl
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from digits_runtime.commands.options import (
    DenoiseName,
    JsonOption,
    KeyOption,
    ModelOption,
    ProviderName,
    ProviderOption,
    TrustOption,
)
from digits_runtime.commands.reporting import one_line_errors, plain_app, report
from digits_runtime.errors import InputError
from digits_runtime.extras import require
from digits_runtime.reading import Reading

if TYPE_CHECKING:
    from digits_runtime.bulk.readers import Outcome
    from digits_runtime.reader import Reader

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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to a file of JSON lines (.jsonl) or a folder of Parquet files (.parquet) "
            "instead; pictures that it has already are left out.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Processes that read [default: 1; all with --ray]"),
    ] = None,
    ray: Annotated[
        bool,
        typer.Option(
            "--ray", help="Read on the Ray cluster at RAY_ADDRESS, or on one started here."
        ),
    ] = False,
    model: ModelOption = None,
    provider: ProviderOption = ProviderName.auto,
    trusted: TrustOption = None,
    key: KeyOption = None,
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

    With --output a run that was stopped goes on where it was when it is given again.
    """
    if ray:
        require("digits-read --ray", "ray", "ray.data")
    if output is not None and output.suffix == ".parquet":
        require("digits-read --output *.parquet", "parquet", "pyarrow.parquet")
    from digits_runtime.bulk.results import open_results
    from digits_runtime.choice import preferred
    from digits_runtime.pictures import in_folders
    from digits_runtime.reader import Reader
    from digits_runtime.trust import load

    if "" in images:
        raise InputError("a picture's name is empty; give files or folders")
    paths = in_folders([Path(image) for image in images])
    make = partial(
        Reader,
        load(preferred(model), trusted, key),
        provider=provider.value,
        oriented=not ignore_exif,
        upside_down=upside_down,
        denoise=denoise.value,
    )
    # Made here also where others read: what is wrong with the model shows before the work.
    reader = make()
    with ExitStack() as stack:
        keep = _printer(as_json, named=len(paths) > 1)
        if output is not None:
            results = stack.enter_context(open_results(output))
            keep = results.add
            wanted = len(paths)
            paths = [path for path in paths if str(path) not in results.done]
            if len(paths) < wanted:
                typer.echo(f"{wanted - len(paths):,} pictures are in {output} already", err=True)
        outcomes = stack.enter_context(closing(_outcomes(make, reader, paths, jobs, ray)))
        failed = _keep_all(outcomes, len(paths), keep, quiet=output is None)
    if failed:
        raise typer.Exit(InputError.exit_code)


def _outcomes(
    make: Callable[[], Reader], reader: Reader, paths: Sequence[Path], jobs: int | None, ray: bool
) -> Generator[Outcome, None, None]:
    """What each picture gives, in order, read by whoever was asked for."""
    from digits_runtime.bulk import readers

    if ray:
        from digits_runtime.bulk.cluster import on_ray

        yield from on_ray(make, paths, jobs)
    elif jobs is not None and jobs > 1:
        yield from readers.in_processes(make, paths, jobs)
    else:
        for path in paths:
            yield readers.read_one(reader, path)


def _keep_all(
    outcomes: Iterator[Outcome], count: int, keep: Callable[[Reading], None], *, quiet: bool
) -> int:
    """Keep the readings, report the errors; how many these were."""
    failed = 0
    hidden = quiet or not sys.stderr.isatty()
    with typer.progressbar(length=count, file=sys.stderr, show_pos=True, hidden=hidden) as bar:
        for outcome in outcomes:
            if isinstance(outcome, Reading):
                keep(outcome)
            else:
                if not hidden:
                    typer.echo(err=True)
                report(str(outcome))
                failed += 1
            bar.update(1)
    if not quiet:
        typer.echo(f"{count - failed:,} pictures read, {failed:,} failed", err=True)
    return failed


def _printer(as_json: bool, *, named: bool) -> Callable[[Reading], None]:
    """Print readings on standard output."""

    def show(reading: Reading) -> None:
        if as_json:
            typer.echo(json.dumps(reading.to_dict()))
            return
        if named:
            typer.echo(f"{reading.source}:")
        typer.echo(reading.text or "(no number found)", err=not reading.text)

    return show


def main() -> None:
    """Entry point of `digits-read`."""
    app()
