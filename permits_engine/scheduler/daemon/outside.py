"""What the daemon sends outside: signed checkpoints of the history, and a sign of life for a dead man's switch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

from permits_engine.application.context import Context
from permits_engine.store.database.transactions import Statement
from permits_engine.store.log import checkpoints as signed

TIMEOUT = 10.0
"""Seconds to wait for an answer."""
_LAST = Statement("SELECT max(made_at) FROM checkpoints")


class Posted(NamedTuple):
    """A checkpoint of a history of ``size`` events; ``missed`` is the error if it was not received."""

    size: int
    note: str
    missed: str | None


def checkpoint_due(context: Context, every: float) -> bool:
    """Return whether the last checkpoint is older than so many seconds, or there is none."""
    with context.database.read() as tx:
        row = tx.one(_LAST)
    made_at = row[0] if row else None
    return made_at is None or context.now() - int(made_at) >= every * 1_000_000


def take_checkpoint(context: Context, where: str, alive: Callable[[], object]) -> Posted:
    """Seal and sign the history and post the checkpoint; ``alive`` is called meanwhile.

    Raises the errors of ``checkpoints.take``.
    """

    def progress(_done: int, _total: int) -> None:
        alive()

    made = signed.take(context.database, context.signing, now=context.now(), progress=progress)
    return post_checkpoint(where, made.size, made.note)


def post_checkpoint(where: str, size: int, note: str) -> Posted:
    """Post a checkpoint to an address, or write it to a file of its own in a folder."""
    target = Path(where) / f"checkpoint-{size:012d}.txt"
    return Posted(size, note, _send(where, lambda: _write(target, note), note.encode()))


def beat(where: str) -> str | None:
    """Give a sign of life to an address or a file, whose time is set; return the error, if any."""
    return _send(where, lambda: Path(where).touch(mode=0o644), None)


def _send(where: str, locally: Callable[[], None], body: bytes | None) -> str | None:
    try:
        if where.startswith(("http://", "https://")):
            headers = {"User-Agent": "permits", "Content-Type": "text/plain; charset=utf-8"}
            with urlopen(Request(where, body, headers), timeout=TIMEOUT) as answer:  # noqa: S310
                answer.read(1)
        else:
            locally()
    except (OSError, URLError, ValueError) as problem:
        return f"{type(problem).__name__}: {getattr(problem, 'reason', None) or problem}"
    return None


def _write(target: Path, note: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}.{os.getpid()}")
    with half.open("w", encoding="utf-8") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    half.replace(target)
