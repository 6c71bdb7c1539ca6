"""All data about a person, and who read them: the answer to the right of access (law 09-08, article 7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import msgspec

from permits_engine.application.queries import data_requests, retention_obstacles, views
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.domain.events import PERSONAL, HolderAccessed
from permits_engine.domain.periods import Period, add
from permits_engine.domain.rules.policy import Rules
from permits_engine.projections.search_entries import FILES
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import timestamps
from permits_engine.store.events.application import event_store
from permits_engine.store.keys.keyring import Cipher

if TYPE_CHECKING:
    from permits_engine.application.context import Context

DATA = ("person", "file", "letter")
"""The classes of data of the retention rules."""


class RetentionRule(TypedDict):
    """How long a class of data is kept: the archives' floor and the privacy law's ceiling, each with its norm."""

    jurisdiction: str
    data: str
    floor: str | None
    floor_norm: str | None
    floor_on: NotRequired[str | None]
    ceiling: str | None
    ceiling_norm: str | None
    ceiling_on: NotRequired[str | None]


class LookRow(TypedDict):
    """A look at a person's data, as shown to the person."""

    reader: dict[str, str | None]
    on: str
    recorded_at: str
    purpose: str | None
    operator: str


class Disclosure(TypedDict):
    """All that is held about a person; ``files`` are permit views with their ``history`` and ``messages``."""

    holder_id: str
    made_at: str
    erased: bool
    person: dict[str, Any]
    linked_to: list[str]
    files: list[dict[str, Any]]
    said_about_the_person: list[dict[str, Any]]
    looks: list[LookRow]
    requests: list[data_requests.RequestRow]
    kept_because: list[retention_obstacles.ObstacleRow]
    retention: list[RetentionRule]


def disclosure(context: Context, tx: Transaction, holder_id: str) -> Disclosure:
    """Return everything about a person as plain values; raise ``holder.not_found``.

    After an erasure only what is not encrypted is left.
    """
    uow = context.begin(tx)
    person = uow.person(holder_id)
    cipher = uow.key(holder_id)
    records = event_store(tx).stream(holder_id)
    said = [views.shown(each, holder_id, cipher) for each in records]
    found = retention_obstacles.assess(context, uow, holder_id)
    files = [row[0] for row in tx.all(FILES, {"holder_id": holder_id})]
    return {
        "holder_id": holder_id,
        "made_at": timestamps.iso(context.now()),
        "erased": cipher is None,
        "person": {name: _plain(getattr(person, name)) for name in PERSONAL},
        "linked_to": list(person.linked),
        "files": [_file(context, tx, permit_id, holder_id, cipher) for permit_id in sorted(files)],
        "said_about_the_person": [each for each in said if each["name"] != HolderAccessed.NAME],
        "looks": [look_row(each) for each in reversed(said) if each["name"] == HolderAccessed.NAME],
        "requests": [
            data_requests.as_row(each, context.clock().date())
            for each in data_requests.requests_of(uow.tx, holder_id)
        ],
        "kept_because": msgspec.to_builtins(found.obstacles),
        "retention": [line for rules in found.rules.values() for line in periods(rules, found.ended_on)],
    }


def periods(rules: Rules, ended_on: date | None) -> Iterator[RetentionRule]:
    """Yield how long each class of data is kept under a country's rules."""
    for data in DATA:
        line: Any = {"jurisdiction": rules.policy.jurisdiction, "data": data}
        for end in ("floor", "ceiling"):
            found = rules.find(f"retention.{end}", rules.known, {"data": data})
            value = found.value if found is not None else None
            line[end] = None if found is None else str(views.plain(value))
            line[f"{end}_norm"] = None if found is None else str(found.source)
            if data == "person":
                day = add(ended_on, value) if ended_on and isinstance(value, Period) else None
                line[f"{end}_on"] = day.isoformat() if day else None
        yield line


def _file(
    context: Context, tx: Transaction, permit_id: str, holder_id: str, cipher: Cipher | None
) -> dict[str, Any]:
    file = PermitFile(context, tx, permit_id)
    of = {"permit_id": permit_id, "holder_id": holder_id}
    messages = sorted(row[0] for row in tx.all(retention_obstacles.LETTERS_OF_FILE, of))
    return {
        **views.permit(file).as_dict(),
        "history": views.history_of(file, decrypt=True),
        "messages": [
            {
                "notice_id": notice_id,
                "history": [
                    views.shown(each, holder_id, cipher) for each in event_store(tx).stream(notice_id)
                ],
            }
            for notice_id in messages
        ],
    }


def look_row(event: dict[str, Any]) -> LookRow:
    """Return a look as shown to the person."""
    return {
        "reader": event["actor"],
        "on": event["effective_on"],
        "recorded_at": event["recorded_at"],
        "purpose": event.get("purpose"),
        "operator": event["operator"],
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
