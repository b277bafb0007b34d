"""Packages of an extra: imported where they are used, and named where they are missing."""

from __future__ import annotations

import importlib

from digits_runtime.errors import MissingExtraError


def require(user: str, extra: str, *packages: str) -> None:
    """Make sure the packages of an extra are there before something uses them.

    Args:
        user: The command, option or file that needs them.
        extra: The extra that brings them.
        packages: Modules to import.

    Raises:
        MissingExtraError: One is missing; the message has the pip line that adds it.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError(user, extra, error.name or package) from None
