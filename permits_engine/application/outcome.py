"""What comes back from a command, and the moments and refusals that every road shares."""

from __future__ import annotations

import msgspec

from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events.base import Actor


class Outcome(msgspec.Struct, frozen=True):
    """What a command led to: the stream's version after it and the names of the events."""

    permit_id: str | None
    holder_id: str | None
    version: int
    events: tuple[str, ...]
    replayed: bool = False


def conflict(what: str, version: int | None, expected: int) -> Exception:
    """``concurrency.conflict``: somebody else was first."""
    now = f"; it is at version {version}" if version is not None else ""
    return error(
        "concurrency.conflict",
        f"{what} has changed since version {expected}{now}; read it again and decide anew",
        expected_version=expected,
        version=version,
    )


def not_found(permit_id: str) -> Exception:
    """``permit.not_found``."""
    return error("permit.not_found", f"there is no permit {permit_id}", permit_id=permit_id)


def valid_actor(actor: object) -> Actor:
    """The actor, where it can be stored and told apart; raises ``input.invalid``."""
    if not isinstance(actor, Actor):
        raise invalid("actor", "is missing: give an Actor with id, role and, where there is one, prefecture")
    for field in ("id", "role", "prefecture"):
        value = getattr(actor, field)
        if field == "prefecture" and value is None:
            continue
        if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.isprintable():
            raise invalid(f"actor.{field}", "is blank, longer than 200 characters or not plain text")
    return actor
