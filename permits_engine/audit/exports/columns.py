"""The columns of a table of events: the same in Parquet and in CSV, each with one type and one meaning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec

from permits_engine.audit.exports.source import Told
from permits_engine.domain.events import (
    AppealDecided,
    Event,
    FactNoted,
    FactRecorded,
    OpinionRecorded,
    RemovalOrdered,
    Revoked,
)

Kind = Literal["long", "int", "text", "code", "date", "instant", "bool", "bytes"]
"""A ``code`` is a text of few values; an ``instant`` is in microseconds since the epoch."""


class Column(NamedTuple):
    """A column: its name and type, what it says, and how it is read from an event."""

    name: str
    kind: Kind
    says: str
    read: Callable[[Told], Any]


def _own(name: str, kind: Kind, says: str, field: str | None = None) -> Column:
    wanted = field or name
    return Column(name, kind, says, lambda told: getattr(told.event, wanted, None))


def _envelope(name: str, kind: Kind, says: str) -> Column:
    return Column(name, kind, says, attrgetter(f"event.{name}"))


def _stored(name: str, kind: Kind, says: str) -> Column:
    return Column(name, kind, says, attrgetter(f"record.{name}"))


def _of_stream(name: str, kind: Kind, says: str) -> Column:
    return Column(name, kind, says, attrgetter(f"context.{name}"))


def _day(name: str, says: str) -> Column:
    def read(told: Told) -> date | None:
        value = getattr(told.event, name, None)
        return value if type(value) is date else None

    return Column(name, "date", says, read)


def _policy(told: Told) -> str | None:
    return told.event.basis.policy if told.event.basis else None


def _rules(told: Told) -> str | None:
    return " ".join(told.event.basis.rules) if told.event.basis else None


def _ground(told: Told) -> str | None:
    return told.event.ground if isinstance(told.event, Revoked | RemovalOrdered) else None


def _outcome(told: Told) -> str | None:
    return told.event.outcome if isinstance(told.event, AppealDecided) else None


def _favourable(told: Told) -> bool | None:
    return told.event.favourable if isinstance(told.event, OpinionRecorded) else None


def _notice(name: str, says: str, field: str) -> Column:
    def read(told: Told) -> str | None:
        return getattr(told.event, field, None) if told.context.family == "notice" else None

    return Column(name, "code", says, read)


COLUMNS: tuple[Column, ...] = (
    _stored("position", "long", "place in the store's one order, from 1"),
    _stored("stream", "text", "id of the permit, holder, notice or policy that the event belongs to"),
    _stored("version", "int", "number of the event within its stream, from 1"),
    _stored("name", "code", "the stored type, such as permit.issued@1"),
    Column("kind", "code", "permit, holder, notice or policy", attrgetter("context.family")),
    Column("event", "code", "what happened, such as permit.issued", attrgetter("event.NAME")),
    Column(
        "schema_version",
        "int",
        "version of the event's layout",
        lambda told: int(told.record.name.rpartition("@")[2]),
    ),
    _stored("recorded_at", "instant", "when it was recorded, UTC"),
    _day("effective_on", "the event's legal date"),
    _of_stream("permit_id", "text", "the permit; of a notice the one that it is about"),
    _of_stream("holder_id", "text", "the holder"),
    _of_stream("jurisdiction", "code", "country of the rules"),
    Column("office", "code", "where the file was at the event", attrgetter("office")),
    _of_stream("category", "code", "category of the application"),
    _of_stream("criterion", "code", "criterion of the application, as corrected"),
    _of_stream("nationality", "code", "the holder's, on filing, as corrected (ISO 3166-1 alpha-3)"),
    _of_stream("sex", "code", "the holder's, as corrected"),
    _of_stream("age", "int", "the holder's on the day of filing, as corrected"),
    Column("actor", "text", "for whom it was done", attrgetter("event.actor.id")),
    Column("role", "code", "in which role", attrgetter("event.actor.role")),
    Column("actor_office", "code", "at which office", attrgetter("event.actor.prefecture")),
    _envelope("operator", "code", "who ran the process"),
    _envelope("event_id", "text", "id of the event"),
    _envelope("correlation_id", "text", "what it was done together with"),
    _envelope("causation_id", "text", "what led to it"),
    _envelope("command_id", "text", "idempotency key of its command"),
    Column("policy", "code", "digest of the policy text that it was decided under", _policy),
    Column("rules", "code", "ids of the rules used, in order, separated by spaces", _rules),
    _own("term_number", "int", "number of the term granted or lapsed"),
    _day("valid_from", "first day of the term granted"),
    _day("valid_until", "last day of the term granted"),
    _day("until", "last day of a receipt, or of a decision's extension"),
    _own("track", "code", "track of a renewal"),
    Column("favourable", "bool", "whether an opinion was favourable", _favourable),
    _own("body", "code", "the commission or court that is seized or speaks"),
    Column("outcome", "code", "outcome of an appeal", _outcome),
    Column("ground", "code", "ground of a revocation or removal", _ground),
    _own("mode", "code", "how a decision was notified"),
    _own("decision_version", "int", "version of the decision that is notified or appealed"),
    _notice("notice_kind", "kind of a notice", "kind"),
    _notice("tier", "tier of a reminder", "tier"),
    _notice("channel", "channel of a notice", "channel"),
)

PAYLOAD = _stored("payload", "bytes", "the stored bytes: encrypted fields stay encrypted")
PERSONAL = Column(
    "personal",
    "text",
    "the encrypted fields, decrypted (JSON); only with personal data",
    lambda told: None if told.personal is None else msgspec.json.encode(told.personal).decode(),
)

_ENVELOPE = frozenset(Event.__struct_fields__)
DISCREET = {
    FactNoted.NAME: frozenset({"kind", "since", "until"}),
    FactRecorded.NAME: frozenset({"kind", "since", "until"}),
    RemovalOrdered.NAME: frozenset({"asks", "age"}),
}
"""What is clear in the store because rules need it, and yet tells of health, family or protection."""


def said(told: Told) -> dict[str, Any]:
    """What an event says beside its envelope, in plain values: nothing personal unless it was opened."""
    event, opened = told.event, told.personal is not None
    hidden = frozenset() if opened else DISCREET.get(event.NAME, frozenset())
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(event))
    found = {
        name: value
        for name, value in plain.items()
        if name not in _ENVELOPE and name not in hidden and name not in event.ENCRYPTED and value is not None
    }
    return found | (told.personal or {})
