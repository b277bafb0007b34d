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
from digits_runtime.extras import require

# Of the extra `train`; named so that a missing one is told in one line.
_NEEDED = ("torch", "safetensors", "rich", "lightning_fabric", "matplotlib", "tensorboard")

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
    arch: Annotated[
        str | None,
        typer.Option(
            help="fusion (the project's own), fusion-quick (two thirds of its time), lenet5, "
            "resnet18, vgg11 or fasttext [default: fusion, or that of --init]",
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
        str | None, typer.Option(help="Learn also from this run's answers (distillation).")
    ] = None,
    width: Annotated[
        int,
        typer.Option(min=1, max=8, help="Times the channels of a fusion: a larger one, to teach."),
    ] = 1,
    epochs: Annotated[int, typer.Option(min=1, max=100_000, help="Passes over the data.")] = 20,
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
    require("digits-train", "train", *_NEEDED)
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
        teacher=teacher,
        width=width,
        epochs=epochs,
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
    require("digits-train", "train", *_NEEDED)
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
def adapt(
    mine: Annotated[
        Path,
        typer.Argument(
            help="Folder of pictures by label, as of digits-cam collect.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the new run.", show_default=False)],
    init: Annotated[
        str, typer.Option(help="Who learns: a run, 'bundled' or 'bundled-alnum'.")
    ] = "bundled",
) -> None:
    """Teach a reader one's own hand from 3 or more glyphs of each label, within seconds.

    Says what it gains, each glyph judged by a reader taught with the others. For many pictures or
    new labels train with --data FOLDER --init bundled.
    """
    require("digits-train", "train", *_NEEDED)
    from digits_train import checkpoint
    from digits_train.adapt import adapt as teach
    from digits_train.run import BUNDLED, check_free

    check_free(output)
    start = checkpoint.load(BUNDLED.get(init, Path(init)))
    gain = teach(mine, start, output, lambda line: typer.echo(line, err=True))
    typer.echo(f"{gain.before} of {gain.n} glyphs wrong before, {gain.after} after")


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
    require("digits-train", "train", *_NEEDED)
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
def prune(
    folder: Annotated[Path, typer.Argument(help="Of a finished run.", show_default=False)],
    to: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Share of the parameters to keep.")
    ] = 0.5,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the new run [default: FOLDER-pruned].")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Of tuning what is left.")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    data_dir: DataDir = None,
) -> None:
    """Drop the channels that matter least, tune the rest, and show size and accuracy."""
    require("digits-train", "train", *_NEEDED)
    from digits_train.prune import prune as run_prune

    target = output or folder.with_name(f"{folder.name}-pruned")
    stages = run_prune(
        folder,
        target,
        to=to,
        epochs=epochs,
        device=device,
        data_dir=data_dir,
        say=lambda line: typer.echo(line, err=True),
    )
    names = list(stages[0].accuracy)
    typer.echo(f"| | parameters | {' | '.join(names)} |")
    typer.echo("|---" * (len(names) + 2) + "|")
    for stage in stages:
        shares = " | ".join(f"{100 * stage.accuracy[name]:.2f} %" for name in names)
        typer.echo(f"| {stage.name} | {stage.parameters:,} | {shares} |")


@app.command()
@one_line_errors
def qat(
    folder: Annotated[Path, typer.Argument(help="Of a finished run.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option(help="Folder of the new run [default: FOLDER-qat].")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Of fine-tuning.")] = 4,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    data_dir: DataDir = None,
) -> None:
    """Fine-tune with the rounding of int8 in every step, for when export --int8 loses too much."""
    require("digits-train", "train", *_NEEDED)
    from digits_train.qat import qat as run_qat

    target = output or folder.with_name(f"{folder.name}-qat")
    run_qat(folder, target, epochs=epochs, device=device, data_dir=data_dir)
    typer.echo(f"next: digits-export {target} --int8")


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
    require("digits-train", "train", *_NEEDED, "skimage", "sklearn")
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


def main() -> None:
    """Entry point of `digits-train`."""
    app()
