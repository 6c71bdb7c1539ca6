"""The folder of letters: files named after their messages, which an erasure takes away."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from permits_engine.domain.errors import error


def remove(folder: Path, notice_ids: Iterable[str]) -> int:
    """Delete the letters of messages, half-written ones too; how many there were."""
    wanted = set(notice_ids)
    try:
        found = [each for each in folder.iterdir() if _message(each.name) in wanted]
        for each in found:
            with suppress(FileNotFoundError):
                each.unlink()
        if found:
            place = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(place)
            finally:
                os.close(place)
    except FileNotFoundError:
        return 0
    except OSError as problem:
        why = f"letters in {folder} cannot be deleted ({problem.strerror}): give this user the right, erase again"
        raise error("store.unavailable", why, path=str(folder)) from None
    return len(found)


def messages(folder: Path) -> list[str]:
    """The messages whose letters lie in the folder."""
    try:
        return sorted(_message(each.name) for each in folder.iterdir() if each.name.endswith(".eml"))
    except FileNotFoundError:
        return []
    except OSError as problem:
        why = f"the folder of letters {folder} cannot be read ({problem.strerror}): give this user the right"
        raise error("store.unavailable", why, path=str(folder)) from None


def _message(name: str) -> str:
    """The message that a file is about: ``ID.eml``, or ``.ID.eml.…`` while it is written."""
    return name.removeprefix(".").partition(".eml")[0]
