"""The package's one family of exceptions, each with the exit code its command ends with."""

from __future__ import annotations


class DigitsError(Exception):
    """Anything digits-edge reports to its user as one line instead of a traceback."""

    exit_code = 1


class InputError(DigitsError):
    """What the user gave cannot be used; the message names it, the fault and the remedy."""

    exit_code = 2


class GateError(DigitsError):
    """A model was refused because it does not meet what was asked of it."""


class MissingExtraError(InputError):
    """A command needs packages that the base installation does not bring."""

    def __init__(self, command: str, extra: str, missing: str) -> None:
        super().__init__(
            f"{command} needs the package {missing!r}; "
            f"add it with: pip install 'digits-edge[{extra}]'"
        )
