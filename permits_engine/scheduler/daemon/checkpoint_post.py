"""The history sealed and signed on a schedule, and its checkpoint handed to somebody outside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

from sqlalchemy import func, select

from permits_engine.store.database.schema import checkpoints
from permits_engine.store.database.transactions import Statement
from permits_engine.store.events.timestamps import micros
from permits_engine.store.log import checkpoints as signed

TIMEOUT = 10.0
_LAST = Statement(select(func.max(checkpoints.c.made_at)))


class Posted(NamedTuple):
    """A checkpoint of a history of ``size`` events; ``missed`` says why it did not get outside, if it did not."""

    size: int
    note: str
    missed: str | None


def due(engine: Any, every: float) -> bool:
    """Whether the last checkpoint is older than so many seconds, or there is none."""
    with engine.database.read() as tx:
        row = tx.one(_LAST)
    made_at = row[0] if row else None
    return made_at is None or micros(engine.context.clock()) - int(made_at) >= every * 1_000_000


def take(engine: Any, where: str, alive: Callable[[], object]) -> Posted:
    """Seal what there is, sign it and hand it over; ``alive`` is called as it goes on.

    Raises the errors of ``checkpoints.take``.
    """

    def progress(_done: int, _total: int) -> None:
        alive()

    made = signed.take(
        engine.database, engine.context.signing, now=micros(engine.context.clock()), progress=progress
    )
    return Posted(made.size, made.note, post(where, made.size, made.note))


def post(where: str, size: int, note: str) -> str | None:
    """Hand a checkpoint to an address (POST), or to a folder as a file of its own; gives what went wrong, if anything.

    The same checkpoint twice is one file.
    """
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
