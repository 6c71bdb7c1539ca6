"""The outcome of a command, and the refusals that do not depend on what was decided."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.events.base import Actor


class Outcome(msgspec.Struct, frozen=True):
    """What a command led to: the stream's version after it and the names of the events."""

    permit_id: str | None
    holder_id: str | None
    version: int
    events: tuple[str, ...]
    replayed: bool = False


def conflict(what: str, version: int | None, expected: int) -> PermitsError:
    """Return ``concurrency.conflict``: another transaction was first."""
    now = f"; it is at version {version}" if version is not None else ""
    message = f"{what} has changed since version {expected}{now}; read it again and decide anew"
    return error("concurrency.conflict", message, expected_version=expected, version=version)


def not_found(permit_id: str) -> PermitsError:
    """Return ``permit.not_found``."""
    return error("permit.not_found", f"there is no permit {permit_id}", permit_id=permit_id)


def valid_actor(actor: object) -> Actor:
    """Return the actor, where it is complete and plain text; raise ``input.invalid``."""
    if not isinstance(actor, Actor):
        raise invalid("actor", "is missing: give an Actor with id, role and, where there is one, prefecture")
    for field in ("id", "role", "prefecture"):
        value = getattr(actor, field)
        if field == "prefecture" and value is None:
            continue
        if not isinstance(value, str) or not _is_plain(value):
            raise invalid(f"actor.{field}", "is blank, longer than 200 characters or not plain text")
    return actor


@lru_cache(maxsize=4096)
def _is_plain(value: str) -> bool:
    return bool(value.strip()) and len(value) <= 200 and value.isprintable()
