"""The history stream by stream, each whole and in order, in bounded memory and without a long transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from permits_engine.domain.events import (
    ApplicationLodged,
    Corrected,
    Event,
    NoticeDue,
    PolicyAdopted,
    Transferred,
)
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import codec
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.keys.keyring import Keyring

PAGE = 4000
"""Events read at a time; a batch holds no more than these and the longest stream."""
FAMILIES = ("permit", "holder", "notice", "policy")
"""What a stream is about: the first word of the names of its events."""

_PAGE = Statement(
    "SELECT position, stream, version, name, recorded_at, payload FROM events"
    " WHERE (stream, version) > (:stream, :version) AND position <= :until AND name LIKE :names"
    " ORDER BY stream, version LIMIT :limit"
)


class Context(NamedTuple):
    """What is known of a stream as a whole, as corrected by its end; none where it does not apply."""

    family: str
    permit_id: str | None = None
    holder_id: str | None = None
    jurisdiction: str | None = None
    office: str | None = None
    category: str | None = None
    criterion: str | None = None
    nationality: str | None = None
    sex: str | None = None
    age: int | None = None


class Told(NamedTuple):
    """One event to be exported: as stored, as read, and where it belongs.

    ``office`` is where the file was at that event. ``personal`` holds what was encrypted, where it was opened.
    """

    record: StoredRecord
    event: Event
    context: Context
    office: str | None
    personal: dict[str, Any] | None


Stream = list[Told]


def streams(
    database: Database,
    until: int,
    *,
    keyring: Keyring | None = None,
    family: str = "",
    page: int | None = None,
) -> Iterator[list[Stream]]:
    """Batches of whole streams, ordered by their ids; nothing after the position ``until``.

    ``family`` keeps the streams of one kind. With the ``keyring`` what is encrypted is opened, unless the person
    was erased. Raises ``integrity.broken`` where an event cannot be read.
    """
    for batch in _pages(database, until, family, page or PAGE):
        found = [told(records) for records in batch]
        yield found if keyring is None else _opened(database, keyring, found)


def _pages(database: Database, until: int, family: str, page: int) -> Iterator[list[list[StoredRecord]]]:
    """A page holds whole streams: the last one waits for the rest of its events."""
    stream, version = "", 0
    waiting: list[StoredRecord] = []
    while True:
        bounds = {
            "stream": stream,
            "version": version,
            "until": until,
            "names": f"{family}%",
            "limit": page,
        }
        with database.read() as tx:
            rows = [StoredRecord._make(row) for row in tx.all(_PAGE, bounds)]
        whole: list[list[StoredRecord]] = []
        for record in rows:
            if waiting and waiting[0].stream != record.stream:
                whole.append(waiting)
                waiting = []
            waiting.append(record)
        if len(rows) < page:
            yield [*whole, waiting] if waiting else whole
            return
        stream, version = rows[-1].stream, rows[-1].version
        if whole:
            yield whole


def told(records: Sequence[StoredRecord]) -> Stream:
    """The events of one stream with what is known of it."""
    events = [codec.decode(record.name, record.payload) for record in records]
    context = _context(records[0].stream, events)
    office = context.office
    found = []
    for record, event in zip(records, events, strict=True):
        if isinstance(event, Transferred):
            office = event.prefecture
        found.append(Told(record, event, context, office, None))
    return found


def _context(stream: str, events: Sequence[Event]) -> Context:
    first = events[0]
    family = first.NAME.partition(".")[0]
    if isinstance(first, ApplicationLodged):
        right = {each.field: each.value for each in events if isinstance(each, Corrected)}
        told = {name: right.get(name, getattr(first, name)) for name in _COARSE}
        return Context(
            family, stream, first.holder_id, first.jurisdiction, first.prefecture, first.category, **told
        )
    if isinstance(first, NoticeDue):
        return Context(family, first.permit_id, first.holder_id, first.office[:2], first.office)
    if isinstance(first, PolicyAdopted):
        return Context(family, jurisdiction=first.jurisdiction)
    return Context(family, holder_id=stream if family == "holder" else None)


_COARSE = ("criterion", "nationality", "sex", "age")


def _opened(database: Database, keyring: Keyring, batch: list[Stream]) -> list[Stream]:
    ids = {each[0].context.holder_id for each in batch} - {None}
    with database.read() as tx:
        keys = keyring.load_many(tx, sorted(filter(None, ids)))
    return [[_revealed(each, keys) for each in stream] for stream in batch]


def _revealed(each: Told, keys: dict[str, Any]) -> Told:
    holder_id, record = each.context.holder_id, each.record
    if each.event.sealed is None or holder_id is None:
        return each
    event = codec.decrypt(
        each.event,
        stream=record.stream,
        version=record.version,
        holder_id=holder_id,
        cipher=keys.get(holder_id),
        name=record.name,
    )
    if event.sealed is not None:
        return each
    personal = {
        name: value for name in sorted(event.ENCRYPTED) if (value := getattr(event, name)) is not None
    }
    return each._replace(personal=personal)
