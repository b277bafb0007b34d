"""Options from a TOML file, below the environment and the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path

import typer

from digits_runtime.commands.reporting import report
from digits_runtime.errors import InputError
from digits_runtime.files import read_bounded

# Keys of thousands of parts, which take tomllib a time that grows with their square, do not fit.
_LARGEST = 16 << 10


def apply(context: typer.Context, path: Path | None) -> Path | None:
    """Callback of an eager option: what the file says becomes the default of each option."""
    if path is not None:
        try:
            context.default_map = load(path, _names(context))
        except InputError as error:
            report(str(error))
            raise typer.Exit(error.exit_code) from None
    return path


def load(path: Path, names: dict[str, str]) -> dict[str, object]:
    """Read a file of options.

    Args:
        path: TOML; its keys are the long options without dashes in front.
        names: Option to parameter.

    Returns:
        Values by parameter.

    Raises:
        InputError: It is missing, no TOML, or has a key that is no option.
    """
    content = read_bounded(path, _LARGEST, "configuration")
    try:
        said = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # of TOML, and of text that is no UTF-8
        raise InputError(f"{path} is not TOML: {error}; mend that line") from None
    for key, value in said.items():
        if key.replace("_", "-") not in names:
            raise InputError(f"{path}: there is no option {key!r}; there are: {', '.join(names)}")
        if not isinstance(value, bool | int | float | str):
            raise InputError(f"{path}: {key} must be a text, a number, true or false")
    return {names[key.replace("_", "-")]: value for key, value in said.items()}


def _names(context: typer.Context) -> dict[str, str]:
    """Parameters by their long option; not --config itself, and not --help."""
    return {
        option.removeprefix("--"): parameter.name
        for parameter in context.command.params
        for option in parameter.opts
        if option.startswith("--") and parameter.name not in (None, "config", "help")
    }
