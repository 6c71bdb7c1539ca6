"""Files that a command writes for a person: new, whole, and readable by their owner only."""

from __future__ import annotations

import os
from pathlib import Path

from permits_engine.domain.errors import invalid


def write_private(name: str, content: bytes, option: str = "--out", *, replace: bool = False) -> None:
    """Write a file with mode 0600; one that is there is kept (unless ``replace``) and is ``input.invalid``."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    try:
        descriptor = os.open(Path(name), flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
    except FileExistsError:
        raise invalid(option, f"{name} is there already; name another file") from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise invalid(option, f"{name} cannot be written ({reason})") from None
