"""The files that a command line names: read and written, with ``input.invalid`` for what cannot be."""

from __future__ import annotations

import os
from pathlib import Path

from permits_engine.domain.errors import InputError, invalid


def read(name: str | Path, option: str) -> bytes:
    """Return the content of a file."""
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as problem:
        raise _unusable(option, name, "read", problem) from None


def write(name: str | Path, content: str, option: str = "--out") -> None:
    """Write a text in UTF-8, with its line ends as they are; replace a file that is there."""
    try:
        Path(name).write_bytes(content.encode())
    except (OSError, ValueError) as problem:
        raise _unusable(option, name, "written", problem) from None


def write_private(name: str | Path, content: bytes, option: str = "--out", *, replace: bool = False) -> None:
    """Write a file that only its owner may read; refuse one that is there, unless ``replace``."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    try:
        descriptor = os.open(name, flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
    except FileExistsError:
        raise invalid(option, f"{name} is there already; name another file") from None
    except (OSError, ValueError) as problem:
        raise _unusable(option, name, "written", problem) from None


def _unusable(option: str, name: str | Path, what: str, problem: Exception) -> InputError:
    reason = getattr(problem, "strerror", None) or problem
    return invalid(option, f"{str(name)[:100]} cannot be {what} ({reason})")
