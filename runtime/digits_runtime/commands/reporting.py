"""How every command ends: errors in one line, and the design's exit codes."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from digits_runtime.errors import DigitsError, MissingExtraError

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130


def one_line_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turn what a command raises into one line on stderr and an exit code."""

    @functools.wraps(function)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except DigitsError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of a pipe (`| head`) has gone; nothing is left to say, and Python's
            # own flush at exit would only fail again.
            sys.stdout = None
            raise typer.Exit(0) from None

    return reporting


def require(command: str, extra: str, *packages: str) -> None:
    """Make sure the packages of an extra are there before a command uses them.

    Raises:
        MissingExtraError: One is missing; the message has the pip line that adds it.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError(command, extra, error.name or package) from None
