"""What is going away: still there for a while, with a warning that says what to use instead.

A public name stays at least until the next minor version after the one that deprecates it; a test holds the table
to that.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple


class Deprecation(NamedTuple):
    """A public name that goes away: what takes its place, since when that is so, and the version without it."""

    instead: str
    since: str
    until: str


NAMES: dict[str, Deprecation] = {}
"""Old names of ``permits_engine``, each with the new name that it stands for."""


def warn(what: str, deprecation: Deprecation, *, stacklevel: int = 2) -> None:
    """Say at the caller's line that something is deprecated (``DeprecationWarning``)."""
    message = (
        f"{what} is deprecated since {deprecation.since} and goes away in {deprecation.until}; "
        f"use {deprecation.instead}"
    )
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel + 1)


def renamed(name: str, *, stacklevel: int = 2) -> str | None:
    """The new name of a deprecated public one, with its warning; none for a name that never was."""
    found = NAMES.get(name)
    if found is None:
        return None
    warn(f"permits_engine.{name}", found, stacklevel=stacklevel + 1)
    return found.instead
