"""`digits-train`: from handwriting to a checkpoint, and how good it is.

digits-train --data mnist,unipen,synth --epochs 20 --output runs/digits
digits-train evaluate runs/digits --on mnist
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.reporting import one_line_errors, plain_app
from digits_runtime.errors import InputError
from digits_train import tuning
from digits_train.options import DataDir, require_train

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
            help="digits, alnum, pairs (two that touch), or labels as in 'ABC' or 'yes,no' "
            "[default: digits, or what the folder holds]",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the run, made if need be.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the run in this folder, as it was started.")
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            help="fusion (the project's own), fusion-compact (four fifths of its time), "
            "fusion-large (a slow one, to be a --teacher), lenet5, resnet18, vgg11 or fasttext "
            "[default: fusion, or that of --init]",
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Start from a run's weights, from 'bundled' or 'bundled-alnum'."),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(help="Start from weights named as torchvision's: .safetensors or .pth."),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Learn also from this run's answers (distillation); once for each of several. "
            "One that knows some of the --data answers for those alone, if another knows all."
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100_000, help="Passes over the data.")] = 20,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean",
            help="Learn the glyphs alone, none in poor pictures and nothing that is no glyph: "
            "for a --teacher of one data set.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Same seed, same run.")] = 0,
    seeds: Annotated[
        int,
        typer.Option(min=1, max=1000, help="Train so many seeds in a row, and say the spread."),
    ] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="fp32, bf16, or auto: bf16 on CUDA, where it is faster.")
    ] = "auto",
    data_dir: DataDir = None,
) -> None:
    """Train a new run or go on with one."""
    if context.invoked_subcommand is not None:
        return
    require_train()
    from digits_train import run

    if resume is not None:
        given = [
            name
            for name in context.params
            if name not in ("resume", "device", "data_dir")
            and str(context.get_parameter_source(name)).endswith("COMMANDLINE")
        ]
        if given:
            raise InputError(f"a resumed run keeps its own --{given[0]}; leave that option out")
        run.resume(resume, device=device, data_dir=data_dir)
        return
    if output is None:
        raise InputError("the run needs a folder: give --output runs/NAME")
    asked = run.Request(
        data=tuple(name.strip() for name in data.split(",") if name.strip()),
        classes=classes,
        arch=arch,
        init=init,
        pretrained=pretrained,
        teachers=tuple(teacher or ()),
        epochs=epochs,
        clean=clean,
        seed=seed,
        device=device,
        precision=precision,
        data_dir=data_dir,
    )
    if seeds == 1:
        run.start(output, asked)
    else:
        run.several(output, asked, seeds)


@app.command()
@one_line_errors
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="A run's folder, an .onnx file, 'digits' or 'alnum'.", show_default=False
        ),
    ],
    on: Annotated[
        str,
        typer.Option(
            help="mnist, unipen, usps, photo_crops, synth, mnist-corrupted (or one of its kinds: "
            "mnist-corrupted-fog), NAME-validation, a folder by class, "
            "or an .npz with images uint8 [n, h, w] (bright on dark) and labels."
        ),
    ] = "mnist",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plots: Annotated[
        Path | None,
        typer.Option(help="Folder for confusion.png and mistakes.png, made if need be."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure a checkpoint or ONNX file on a set, seen through the runtime's own preprocessing."""
    require_train()
    from digits_train import data
    from digits_train.evaluate import draw, open_model, score

    opened = open_model(model)
    glyphs = data.load(on, "test", classes=opened.labels, data_dir=data_dir, seed=0)
    images = glyphs.normalised(opened.ink)
    result = score(opened, on, images, glyphs.labels).to_dict()
    if plots is not None:
        draw(opened, on, images, glyphs.labels, plots)
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(f"{result['set']}: {100 * float(result['accuracy']):.2f} % of {result['n']} right")
    if "accuracy_merged" in result:
        typer.echo(f"  {100 * float(result['accuracy_merged']):.2f} % with 0/O and 1/I as one each")
    if "rejected" in result:
        typer.echo(f"  {100 * float(result['rejected']):.2f} % taken for no glyph")


@app.command()
@one_line_errors
def page(
    output: Annotated[Path, typer.Option(help="Folder of the run.", show_default=False)],
    data: Annotated[
        str,
        typer.Option(
            help="Sets of digits to write over the pages, with commas: mnist, unipen, synth, print."
        ),
    ] = "mnist,unipen,synth",
    scenes: Annotated[
        int, typer.Option(min=1, max=100_000, help="Pages to generate; each takes 0.3 MB.")
    ] = 2000,
    steps: Annotated[int, typer.Option(min=1, help="Of 16 crops each.")] = 6000,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Same seed, same run.")] = 0,
    init: Annotated[Path | None, typer.Option(help="Start from the weights of this run.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Train the network that finds all digits of a page, on generated pages.

    Saved every 500 steps: Ctrl-C keeps the last; go on with --init FOLDER. With the defaults about
    an hour on one core. Next: digits-export FOLDER --int8.
    """
    require_train()
    from rich.console import Console
    from rich.progress import track

    from digits_train import page_run
    from digits_train.run import check_free

    check_free(output)
    console = Console(stderr=True)
    settings = page_run.PageSettings(
        data=tuple(name.strip() for name in data.split(",") if name.strip()),
        scenes=scenes,
        steps=steps,
        seed=seed,
        init=str(init) if init else None,
    )
    page_run.train(
        output,
        settings,
        data_dir,
        steps=lambda over, what: track(
            over, what, console=console, transient=True, disable=not console.is_terminal
        ),
        say=lambda line: typer.echo(line, err=True),
    )
    typer.echo(f"next: digits-export {output} --int8")


@app.command()
@one_line_errors
def compare(
    output: Annotated[Path, typer.Option(help="Folder for table and plot, made if need be.")],
    glyphs: Annotated[int, typer.Option(min=100, help="Training glyphs each learns from.")] = 20000,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the networks over them.")] = 5,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Of everything.")] = 0,
    only: Annotated[
        str, typer.Option(help="Methods to take, by parts of their names, with commas: hog,fusion.")
    ] = "",
    data_dir: DataDir = None,
) -> None:
    """Learn the same digits with classical features and with every network; table and plot.

    Without a data folder all learn and are measured on synthetic digits.
    """
    require_train("skimage", "sklearn")
    from digits_train.compare import compare as run_all
    from digits_train.compare import table

    methods = [part.strip() for part in only.split(",") if part.strip()]
    rows = run_all(
        output,
        glyphs=glyphs,
        epochs=epochs,
        seed=seed,
        data_dir=data_dir,
        methods=methods,
        say=lambda line: typer.echo(line, err=True),
    )
    typer.echo(table(rows), nl=False)


for tune in (tuning.adapt, tuning.prune, tuning.qat, tuning.soup):
    app.command()(tune)


def main() -> None:
    """Entry point of `digits-train`."""
    app()
