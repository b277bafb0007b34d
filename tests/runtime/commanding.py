"""Commands run as a user types them, in this process."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.testing import CliRunner, Result

CLIP = Path(__file__).parents[1] / "data" / "clip.mp4"


def run(app: typer.Typer, *arguments: str | Path) -> Result:
    plain = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb", "TERMINAL_WIDTH": "200"}
    return CliRunner(env=plain).invoke(app, [str(argument) for argument in arguments])


def refused(app: typer.Typer, *arguments: str | Path, code: int = 2) -> str:
    result = run(app, *arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line
