"""`digits-doctor`: what is wrong with this machine, and what to do about it."""

from __future__ import annotations

import typer

from digits_runtime.commands.reporting import one_line_errors, plain_app

app = plain_app("digits-doctor")


@app.command()
@one_line_errors
def doctor() -> None:
    """Check the installation and the cameras; exit code 1 if something needs mending."""
    from digits_runtime.diagnosis import examine

    ill = False
    for finding in examine():
        typer.echo(f"{finding.verdict:8} {finding.what}")
        if finding.remedy:
            typer.echo(f"         -> {finding.remedy}")
        ill |= finding.verdict == "problem"
    if ill:
        raise typer.Exit(1)


def main() -> None:
    """Entry point of `digits-doctor`."""
    app()
