"""`digits-export`: from a run's folder to a model file that passed the gate.

digits-export runs/digits --int8 -o digits-int8.onnx
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from digits_runtime.commands.reporting import one_line_errors, plain_app
from digits_runtime.errors import InputError
from digits_runtime.extras import require
from digits_train.options import DataDir

app = plain_app("digits-export")


@app.command()
@one_line_errors
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Model file to write, .onnx, or .ort for minimal builds of onnxruntime "
            "[default: RUN/model.onnx]",
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Quantize: try all recipes, keep the best one that passes."),
    ] = False,
    fp16: Annotated[
        bool, typer.Option("--fp16", help="Half the size, for processors that compute in float16.")
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Quantize by this recipe instead of searching, such as mse:channel:s7 "
            "(the search names it, the model's card too)."
        ),
    ] = None,
    allow_drop: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            help="Points of accuracy that may be lost at most [default: 0.05; 0.5 of the glyphs "
            "that a page network finds]",
        ),
    ] = None,
    allow_slower: Annotated[
        bool, typer.Option("--allow-slower", help="Let int8 be slower than float at batch 1.")
    ] = False,
    reports: Annotated[
        Path | None,
        typer.Option(help="Folder for the search's report, ranges and plots [default: RUN/export]"),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(help="Private key to sign the model with, of digits-keys sign.")
    ] = None,
    encrypt: Annotated[
        Path | None, typer.Option(help="Key to encrypt the file with, of digits-keys model.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Export a trained run as one self-describing ONNX file: float, fp16 or int8.

    Every answer on the validation split is compared from torch to ONNX to int8. A model that lost
    more than --allow-drop, or is slower as int8 than as float, is refused: exit code 1, nothing
    written, an older file stays. RUN/export/search.md shows all recipes that were tried.
    """
    require("digits-export", "export", "torch", "safetensors", "rich", "onnx", "onnxscript")
    from rich.console import Console
    from rich.progress import Progress

    from digits_export import recipe as recipes
    from digits_export import seal
    from digits_export.card import card, check_outputs
    from digits_export.export import Order
    from digits_export.export import export as run_export
    from digits_export.gate import Limits
    from digits_runtime.files import check_target, write_whole
    from digits_train.page_run import is_page_run

    if fp16 and (int8 or recipe):
        raise InputError("--fp16 and --int8 are two formats; give one")
    if sign or encrypt:
        require("digits-export --sign and --encrypt", "seal", "cryptography")
        seal.check_keys(sign, encrypt)
    target = output or run / "model.onnx"
    check_outputs(target)
    if is_page_run(run):
        if fp16 or target.suffix == ".ort" or reports:
            raise InputError(f"{run} is a page network: float or --int8, to .onnx, no --reports")
        _export_page(
            run,
            target,
            int8=int8 or recipe is not None,
            recipe=recipe,
            allow_drop=allow_drop,
            keys=(sign, encrypt),
            data_dir=data_dir,
        )
        return
    folder = reports or run / "export"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for --reports")
    check_target(folder / "search.json" if folder.is_dir() else folder)
    order = Order(
        precision="fp16" if fp16 else "int8" if int8 or recipe else "float",
        recipe=recipes.parse(recipe) if recipe else None,
        limits=Limits(0.05 if allow_drop is None else allow_drop, allow_slower),
        data_dir=data_dir,
        reports=folder,
    )
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False)
        exported = run_export(
            run,
            order,
            say=lambda line: typer.echo(line, err=True),
            progress=lambda name, number, total: bar.update(
                task, description=name, completed=number - 1, total=total, visible=True
            ),
        )
    if target.suffix == ".ort":
        from digits_export.convert import to_ort

        exported = replace(exported, content=to_ort(exported.content))
    seal.write(target, exported.content, exported.contract, sign=sign, encrypt=encrypt)
    write_whole(target.with_suffix(".md"), card(target.name, exported).encode())
    typer.echo(f"{target} ({len(exported.content):,} bytes)")


def _export_page(
    run: Path,
    target: Path,
    *,
    int8: bool,
    recipe: str | None,
    allow_drop: float | None,
    keys: tuple[Path | None, Path | None],
    data_dir: Path | None,
) -> None:
    from digits_export import page, seal
    from digits_export import recipe as recipes
    from digits_export.card import page_card
    from digits_runtime.files import write_whole

    exported = page.export(
        run,
        int8=int8,
        recipe=recipes.parse(recipe) if recipe else None,
        allowed=page.ALLOWED if allow_drop is None else allow_drop,
        data_dir=data_dir,
        say=lambda line: typer.echo(line, err=True),
    )
    seal.write(target, exported.content, exported.contract, sign=keys[0], encrypt=keys[1])
    write_whole(target.with_suffix(".md"), page_card(target.name, exported).encode())
    typer.echo(f"{target} ({len(exported.content):,} bytes)")


def main() -> None:
    """Entry point of `digits-export`."""
    app()
