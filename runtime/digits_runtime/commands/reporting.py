"""How every command ends: errors in one line, and the design's exit codes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

from digits_runtime.errors import DigitsError, InputError

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130


def plain_app(name: str, description: str | None = None) -> typer.Typer:
    """A command whose help shows brackets as they are and whose errors are not drawn in boxes."""
    return typer.Typer(
        name=name,
        help=description,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def one_line_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turn what a command raises into one line on stderr and an exit code."""

    @functools.wraps(function)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except DigitsError as error:
            report(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of a pipe (`| head`) has gone; nothing is left to say, and Python's
            # own flush at exit would only fail again.
            sys.stdout = None
            raise typer.Exit(0) from None
        except OSError as error:
            # A disk that is full or a name that is too long, wherever it was met.
            report(f"{error.filename or 'cannot write the output'}: {error.strerror}")
            raise typer.Exit(InputError.exit_code) from None
        except Exception as error:
            # Compiled packages make errors of their own of a Ctrl-C that comes as they are loaded.
            if not _interrupted(error):
                raise
            typer.echo("interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None

    return reporting


def _interrupted(error: BaseException | None) -> bool:
    """Whether a Ctrl-C is what an error came of."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def report(message: str) -> None:
    """One line on standard error, whatever is in the names it quotes."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    typer.echo(f"error: {line}", err=True)
