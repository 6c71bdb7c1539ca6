"""A repeated command gives the outcome that its first run had."""

from __future__ import annotations

import msgspec

from permits_engine.application.loaded import CommandResult
from permits_engine.application.outcome import Outcome
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import Command
from permits_engine.domain.errors import error
from permits_engine.store.database.transactions import Statement

_NAMES = Statement(
    "SELECT name FROM events WHERE stream = :stream AND version > :first AND version <= :last ORDER BY version"
)


def replayed(uow: UnitOfWork, command: Command) -> Outcome | None:
    """Return the first outcome of a command's id; raise ``command.id_reused`` for other content."""
    result = uow.command_result(command.command_id or "")
    if result is None:
        return None
    cipher = uow.key(result.holder_id) if result.holder_id else None
    if cipher is None or cipher.hmac(content_of(command)) != bytes(result.digest):
        message = f"command_id {command.command_id!r} was used for another content; give a new one"
        raise error("command.id_reused", message, command_id=command.command_id)
    uow.write()  # the first run may be part of this very transaction
    last = result.last_version
    rows = uow.tx.all(_NAMES, {"stream": result.stream, "first": result.first_version, "last": last})
    names = tuple(row[0].partition("@")[0] for row in rows)
    return Outcome(result.permit_id, result.holder_id, last, names, replayed=True)


def remember(uow: UnitOfWork, command: Command, outcome: Outcome, stream: str, first: int) -> None:
    """Keep a command's outcome under its id."""
    if command.command_id is not None and outcome.holder_id is not None:
        holder_id, permit_id = outcome.holder_id, outcome.permit_id
        digest = uow.cipher(holder_id).hmac(content_of(command))
        result = CommandResult(digest, holder_id, permit_id, stream, first, outcome.version)
        uow.remember(command.command_id, result)


def content_of(command: Command) -> bytes:
    """Return what makes two commands the same: name and fields as given, without the id itself."""
    fields = command.model_dump(mode="json", exclude_unset=True, exclude={"command_id"})
    return msgspec.json.encode([command.name, sorted(fields.items())])
