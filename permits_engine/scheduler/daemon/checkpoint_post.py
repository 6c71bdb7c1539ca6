"""Checkpoints of the history that are signed on a schedule and posted outside the store."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

from sqlalchemy import func, select

from permits_engine.application.context import Context
from permits_engine.store.database.schema import checkpoints
from permits_engine.store.database.transactions import Statement
from permits_engine.store.log import checkpoints as signed

TIMEOUT = 10.0
_LAST = Statement(select(func.max(checkpoints.c.made_at)))


class Posted(NamedTuple):
    """A checkpoint of a history of ``size`` events; ``missed`` is the error if it was not received."""

    size: int
    note: str
    missed: str | None


def due(context: Context, every: float) -> bool:
    """Return whether the last checkpoint is older than so many seconds, or there is none."""
    with context.database.read() as tx:
        row = tx.one(_LAST)
    made_at = row[0] if row else None
    return made_at is None or context.now() - int(made_at) >= every * 1_000_000


def take(context: Context, where: str, alive: Callable[[], object]) -> Posted:
    """Seal and sign the history and post the checkpoint; ``alive`` is called meanwhile.

    Raises the errors of ``checkpoints.take``.
    """

    def progress(_done: int, _total: int) -> None:
        alive()

    made = signed.take(context.database, context.signing, now=context.now(), progress=progress)
    return Posted(made.size, made.note, post(where, made.size, made.note))


def post(where: str, size: int, note: str) -> str | None:
    """Post a checkpoint to an address, or write it to a file of its own in a folder; return the error, if any."""
    try:
        if where.startswith(("http://", "https://")):
            _call(where, note)
        else:
            _write(Path(where), f"checkpoint-{size:012d}.txt", note)
    except (OSError, URLError, ValueError) as problem:
        return f"{type(problem).__name__}: {getattr(problem, 'reason', None) or problem}"
    return None


def _write(folder: Path, name: str, note: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{name}.{os.getpid()}"
    with half.open("w", encoding="utf-8") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    half.replace(folder / name)


def _call(address: str, note: str) -> None:
    headers = {"User-Agent": "permits", "Content-Type": "text/plain; charset=utf-8"}
    request = Request(address, data=note.encode(), headers=headers, method="POST")  # noqa: S310
    with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        answer.read(1)
