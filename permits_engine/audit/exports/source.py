"""The history stream by stream, each whole and in order, in bounded memory and short transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from permits_engine.store.keys.keyring import Cipher, Keyring

PAGE = 4000
"""Events read at a time; a batch holds at most these and the longest stream."""
FAMILIES = ("permit", "holder", "notice", "policy")
"""Subjects of streams: the first word of their events' names."""

_PAGE = Statement(
    "SELECT position, stream, version, name, recorded_at, payload FROM events"
    " WHERE (stream, version) > (:stream, :version) AND position <= :until AND name LIKE :names"
    " ORDER BY stream, version LIMIT :limit"
)
_CORRECTABLE = ("criterion", "nationality", "sex", "age")


class StreamContext(NamedTuple):
    """Facts about a whole stream, as corrected by its end; None where they do not apply."""

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


class ExportedEvent(NamedTuple):
    """An event as stored and as decoded, with its context.

    ``office`` is where the file was at the event. ``personal`` holds the decrypted fields, if they were decrypted.
    """

    record: StoredRecord
    event: Event
    context: StreamContext
    office: str | None
    personal: dict[str, Any] | None


Stream = list[ExportedEvent]


class TextFormat(NamedTuple):
    """A format of a single file: the bytes of a stream, and those before and after all streams."""

    stream: Callable[[Stream], bytes]
    head: bytes = b""
    tail: bytes = b""


def streams(
    database: Database,
    until: int,
    *,
    keyring: Keyring | None = None,
    family: str = "",
    page: int | None = None,
) -> Iterator[list[Stream]]:
    """Yield batches of whole streams up to the position ``until``, ordered by stream id.

    ``family`` selects one kind of stream. With a ``keyring`` personal fields are decrypted, unless the person was
    erased. Raises ``integrity.broken`` if an event cannot be read.
    """
    for batch in _pages(database, until, family, page or PAGE):
        found = [_exported(records) for records in batch]
        yield found if keyring is None else _decrypted(database, keyring, found)


def _pages(database: Database, until: int, family: str, page: int) -> Iterator[list[list[StoredRecord]]]:
    """Yield pages of whole streams: the last stream of a page waits for the rest of its events."""
    bounds = {"stream": "", "version": 0, "until": until, "names": f"{family}%", "limit": page}
    waiting: list[StoredRecord] = []
    while True:
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
        bounds |= {"stream": rows[-1].stream, "version": rows[-1].version}
        if whole:
            yield whole


def _exported(records: Sequence[StoredRecord]) -> Stream:
    events = [codec.decode(record.name, record.payload) for record in records]
    context = _context(records[0].stream, events)
    office = context.office
    found = []
    for record, event in zip(records, events, strict=True):
        if isinstance(event, Transferred):
            office = event.prefecture
        found.append(ExportedEvent(record, event, context, office, None))
    return found


def _context(stream: str, events: Sequence[Event]) -> StreamContext:
    first = events[0]
    family = first.NAME.partition(".")[0]
    if isinstance(first, ApplicationLodged):
        corrected = {each.field: each.value for each in events if isinstance(each, Corrected)}
        coarse = {name: corrected.get(name, getattr(first, name)) for name in _CORRECTABLE}
        return StreamContext(
            family, stream, first.holder_id, first.jurisdiction, first.prefecture, first.category, **coarse
        )
    if isinstance(first, NoticeDue):
        return StreamContext(family, first.permit_id, first.holder_id, first.office[:2], first.office)
    if isinstance(first, PolicyAdopted):
        return StreamContext(family, jurisdiction=first.jurisdiction)
    return StreamContext(family, holder_id=stream if family == "holder" else None)


def _decrypted(database: Database, keyring: Keyring, batch: list[Stream]) -> list[Stream]:
    ids = {each[0].context.holder_id for each in batch} - {None}
    with database.read() as tx:
        keys = keyring.load_many(tx, sorted(filter(None, ids)))
    return [[_with_personal(each, keys) for each in stream] for stream in batch]


def _with_personal(each: ExportedEvent, keys: Mapping[str, Cipher | None]) -> ExportedEvent:
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
