"""`digits-bench`: how fast this machine reads, as ratios measured in one run.

    digits-bench
    digits-bench --reference other.onnx --json
    digits-bench --choose

The measuring itself is in `digits_runtime.timing`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.options import ModelOption
from digits_runtime.commands.reporting import one_line_errors, plain_app

app = plain_app("digits-bench")


@app.command()
@one_line_errors
def bench(
    model: ModelOption = None,
    versus: Annotated[
        Path | None, typer.Option(help="Model to compare with [default: the bundled float one]")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Any ONNX classifier of 28x28 glyphs, as a yardstick.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    choose: Annotated[
        bool,
        typer.Option(
            "--choose",
            help="Only find out whether the int8 or the float file of each bundled model is faster "
            "here; digits-cam and digits-read open that one from now on.",
        ),
    ] = False,
) -> None:
    """Measure one glyph, a whole 640x480 frame by stage, and a cold start.

    Rounds of the models alternate, so that a machine whose speed drifts slows all alike; figures
    are medians. The frame is drawn for the purpose: three lines of seven digits on shaded paper.
    """
    if choose:
        _choose(as_json)
        return
    from digits_runtime import timing
    from digits_runtime.session import BUNDLED, BUNDLED_FLOAT

    report = timing.measure(model or BUNDLED, versus or BUNDLED_FLOAT, reference)
    if as_json:
        typer.echo(json.dumps(report.to_dict()))
        return
    for line in report.lines():
        typer.echo(line)


def _choose(as_json: bool) -> None:
    from digits_runtime import choice

    found = choice.choose()
    if as_json:
        said = {name: {**asdict(one), "kind": one.kind} for name, one in found.items()}
        typer.echo(json.dumps(said))
        return
    for name, one in found.items():
        measured = f"{one.int8_us:.1f} us a glyph as int8, {one.float_us:.1f} as float"
        typer.echo(f"{name}: {one.kind} ({measured})")
    typer.echo(f"kept in {choice.cache()}")


def main() -> None:
    """Entry point of `digits-bench`."""
    app()
