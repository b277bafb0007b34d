"""The commands of digits-train that go on from a finished run: adapt, prune, qat, soup."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.reporting import one_line_errors
from digits_train.options import DataDir, require_train


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
    require_train()
    from digits_train import checkpoint
    from digits_train.adapt import adapt as teach
    from digits_train.run import BUNDLED, check_free

    check_free(output)
    start = checkpoint.load(BUNDLED.get(init, Path(init)))
    gain = teach(mine, start, output, lambda line: typer.echo(line, err=True))
    typer.echo(f"{gain.before} of {gain.n} glyphs wrong before, {gain.after} after")


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
    require_train()
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
    require_train()
    from digits_train.qat import qat as run_qat

    target = output or folder.with_name(f"{folder.name}-qat")
    run_qat(folder, target, epochs=epochs, device=device, data_dir=data_dir)
    typer.echo(f"next: digits-export {target} --int8")


@one_line_errors
def soup(
    folders: Annotated[
        list[Path], typer.Argument(help="Of finished runs, as of --seeds.", show_default=False)
    ],
    output: Annotated[Path, typer.Option(help="Folder of the new run.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Average the weights of runs with one --init and several seeds: often better than any.

    Says what each names rightly of the validation splits, and what their mean does.
    """
    require_train()
    from digits_train.soup import soup as average

    average(folders, output, data_dir=data_dir, say=typer.echo)
    typer.echo(f"next: digits-export {output} --int8")
