"""`digits-train`: from handwriting to a checkpoint, and how good it is.

digits-train --data mnist,unipen,synth --epochs 20 --output runs/digits
digits-train evaluate runs/digits --on mnist
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.reporting import one_line_errors, plain_app, require
from digits_runtime.errors import InputError

app = plain_app(
    "digits-train",
    (
        "Train a small reader of handwritten glyphs, or measure one. A checkpoint is saved each "
        "epoch: Ctrl-C loses only the epoch under way.\n\n"
        "Without a data set at hand: digits-train --data synth --output runs/first\n\n"
        "On your own glyphs: digits-train --data my_glyphs/ --init bundled --output runs/mine, "
        "where my_glyphs/ has a folder of pictures for each label."
    ),
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="DIGITS_DATA",
        show_envvar=True,
        help="Folder with mnist/, unipen/, ...; without it MNIST is downloaded.",
    ),
]


@app.callback(invoke_without_command=True)
@one_line_errors
def train(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Option(help="mnist, unipen, synth or a folder by class; several with commas."),
    ] = "mnist",
    classes: Annotated[
        str | None,
        typer.Option(
            help="digits, alnum, or labels as in 'ABC' or 'yes,no' "
            "[default: digits, or what the folder holds]",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the run, made if need be.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, as it was started.")
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Start from another run's weights, or from 'bundled'.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100_000, help="Passes over the data.")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Same seed, same run.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    data_dir: DataDir = None,
) -> None:
    """Train a new run or go on with one."""
    if context.invoked_subcommand is not None:
        return
    require("digits-train", "train", "torch", "safetensors", "rich")
    from digits_train import run

    if resume is not None:
        given = [
            name
            for name in ("data", "classes", "output", "init", "epochs", "seed")
            if str(context.get_parameter_source(name)).endswith("COMMANDLINE")
        ]
        if given:
            raise InputError(f"a resumed run keeps its own --{given[0]}; leave that option out")
        run.resume(resume, device=device, data_dir=data_dir)
        return
    if output is None:
        raise InputError("the run needs a folder: give --output runs/NAME")
    run.start(
        output,
        data=[name.strip() for name in data.split(",") if name.strip()],
        classes=classes,
        init=init,
        epochs=epochs,
        seed=seed,
        device=device,
        data_dir=data_dir,
    )


@app.command()
@one_line_errors
def evaluate(
    model: Annotated[
        str, typer.Argument(help="A run's folder, an .onnx file, or 'bundled'.", show_default=False)
    ],
    on: Annotated[
        str,
        typer.Option(
            help="mnist, unipen, usps, photo_crops, synth, NAME-validation, a folder by class, "
            "or an .npz with images uint8 [n, h, w] (bright on dark) and labels."
        ),
    ] = "mnist",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Measure a checkpoint or ONNX file on a set, seen through the runtime's own preprocessing."""
    require("digits-train", "train", "torch", "safetensors", "rich")
    from digits_train import data
    from digits_train.evaluate import open_model, score

    opened = open_model(model)
    glyphs = data.load(on, "test", classes=opened.labels, data_dir=data_dir, seed=0)
    result = score(opened, on, glyphs.normalised(opened.ink), glyphs.labels).to_dict()
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(f"{result['set']}: {100 * float(result['accuracy']):.2f} % of {result['n']} right")
    if "accuracy_merged" in result:
        typer.echo(f"  {100 * float(result['accuracy_merged']):.2f} % with 0/O and 1/I as one each")
    if "rejected" in result:
        typer.echo(f"  {100 * float(result['rejected']):.2f} % taken for no glyph")


def main() -> None:
    """Entry point of `digits-train`."""
    app()
