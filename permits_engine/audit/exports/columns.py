"""The columns of a table of events, the same in Parquet and CSV."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec

from permits_engine.audit.exports.source import ExportedEvent
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
"""A ``code`` is a text with few distinct values; an ``instant`` is in microseconds since the epoch."""


class Column(NamedTuple):
    """A column: name, type, description, and how it is read from an event."""

    name: str
    kind: Kind
    description: str
    read: Callable[[ExportedEvent], Any]


def _at(path: str, kind: Kind, description: str, name: str | None = None) -> Column:
    """A value at a path below the exported event; the column is named after its end."""
    return Column(name or path.rpartition(".")[2], kind, description, attrgetter(path))


def _field(name: str, kind: Kind, description: str, *events: type[Event]) -> Column:
    """A field of the events named, or of all that have it."""
    wanted = events or (Event,)
    return Column(
        name,
        kind,
        description,
        lambda exported: getattr(exported.event, name, None) if isinstance(exported.event, wanted) else None,
    )


def _day(name: str, description: str) -> Column:
    def read(exported: ExportedEvent) -> date | None:
        value = getattr(exported.event, name, None)
        return value if type(value) is date else None

    return Column(name, "date", description, read)


def _notice(name: str, description: str, field: str) -> Column:
    def read(exported: ExportedEvent) -> str | None:
        return getattr(exported.event, field, None) if exported.context.family == "notice" else None

    return Column(name, "code", description, read)


def _policy(exported: ExportedEvent) -> str | None:
    return exported.event.basis.policy if exported.event.basis else None


def _rules(exported: ExportedEvent) -> str | None:
    return " ".join(exported.event.basis.rules) if exported.event.basis else None


COLUMNS: tuple[Column, ...] = (
    _at("record.position", "long", "place in the store's one order, from 1"),
    _at("record.stream", "text", "id of the permit, holder, notice or policy that the event belongs to"),
    _at("record.version", "int", "number of the event within its stream, from 1"),
    _at("record.name", "code", "the stored type, such as permit.issued@1"),
    _at("context.family", "code", "permit, holder, notice or policy", "kind"),
    _at("event.NAME", "code", "what happened, such as permit.issued", "event"),
    Column(
        "schema_version",
        "int",
        "version of the event's layout",
        lambda exported: int(exported.record.name.rpartition("@")[2]),
    ),
    _at("record.recorded_at", "instant", "when it was recorded, UTC"),
    _day("effective_on", "the event's legal date"),
    _at("context.permit_id", "text", "the permit; of a notice the one that it is about"),
    _at("context.holder_id", "text", "the holder"),
    _at("context.jurisdiction", "code", "country of the rules"),
    _at("office", "code", "where the file was at the event"),
    _at("context.category", "code", "category of the application"),
    _at("context.criterion", "code", "criterion of the application, as corrected"),
    _at("context.nationality", "code", "the holder's, on filing, as corrected (ISO 3166-1 alpha-3)"),
    _at("context.sex", "code", "the holder's, as corrected"),
    _at("context.age", "int", "the holder's on the day of filing, as corrected"),
    _at("event.actor.id", "text", "for whom it was done", "actor"),
    _at("event.actor.role", "code", "in which role"),
    _at("event.actor.prefecture", "code", "at which office", "actor_office"),
    _at("event.operator", "code", "who ran the process"),
    _at("event.event_id", "text", "id of the event"),
    _at("event.correlation_id", "text", "what it was done together with"),
    _at("event.causation_id", "text", "what led to it"),
    _at("event.command_id", "text", "idempotency key of its command"),
    Column("policy", "code", "digest of the policy text that it was decided under", _policy),
    Column("rules", "code", "ids of the rules used, in order, separated by spaces", _rules),
    _field("term_number", "int", "number of the term granted or lapsed"),
    _day("valid_from", "first day of the term granted"),
    _day("valid_until", "last day of the term granted"),
    _day("until", "last day of a receipt, or of a decision's extension"),
    _field("track", "code", "track of a renewal"),
    _field("favourable", "bool", "whether an opinion was favourable", OpinionRecorded),
    _field("body", "code", "the commission or court that is seized or speaks"),
    _field("outcome", "code", "outcome of an appeal", AppealDecided),
    _field("ground", "code", "ground of a revocation or removal", Revoked, RemovalOrdered),
    _field("mode", "code", "how a decision was notified"),
    _field("decision_version", "int", "version of the decision that is notified or appealed"),
    _notice("notice_kind", "kind of a notice", "kind"),
    _notice("tier", "tier of a reminder", "tier"),
    _notice("channel", "channel of a notice", "channel"),
)

PAYLOAD = _at("record.payload", "bytes", "the stored bytes, with personal fields encrypted")
PERSONAL = Column(
    "personal",
    "text",
    "the decrypted personal fields (JSON); only with personal data",
    lambda exported: None if exported.personal is None else msgspec.json.encode(exported.personal).decode(),
)

_ENVELOPE = frozenset(Event.__struct_fields__)
DISCREET = {
    FactNoted.NAME: frozenset({"kind", "since", "until"}),
    FactRecorded.NAME: frozenset({"kind", "since", "until"}),
    RemovalOrdered.NAME: frozenset({"asks", "age", "age_at_most"}),
}
"""Fields that rules need in clear, but that tell of health, family or protection."""


def own_fields(exported: ExportedEvent) -> dict[str, Any]:
    """Return the event's fields beside the envelope as plain values: personal ones only if decrypted."""
    event, decrypted = exported.event, exported.personal is not None
    hidden = frozenset() if decrypted else DISCREET.get(event.NAME, frozenset())
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.asdict(event))
    omitted = _ENVELOPE | hidden | event.ENCRYPTED
    clear = {name: value for name, value in plain.items() if name not in omitted and value is not None}
    return clear | (exported.personal or {})
