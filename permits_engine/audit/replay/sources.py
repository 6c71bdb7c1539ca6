"""Where a history is read from, part by part: the live store, or a folder of Parquet files.

A part holds whole files of permits; whoever works on it needs no other one. What a process is told of a source
is its place: an address and the position up to which the history counts, so that all see the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import msgspec
from sqlalchemy import bindparam, func, select, text

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.domain.errors import error
from permits_engine.domain.events import Event, NoticeDue, PolicyAdopted
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections.holder import facts_known
from permits_engine.store.database.schema import FILES, events
from permits_engine.store.database.statements import Row
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events import codec, history
from permits_engine.store.events.application import Placed, event_store
from permits_engine.store.events.history import StoredRecord

PART = 500
"""Permits in one part of a live store."""

_begun = (text(FILES), events.c.position <= bindparam("until"))
_CEILINGS = Statement(
    select(events.c.stream)
    .where(*_begun, events.c.stream > bindparam("after"))
    .order_by(events.c.stream)
    .limit(bindparam("size"))
)
_COUNT = Statement(select(func.count()).select_from(events).where(*_begun))
_RANGE = Statement(
    """SELECT position, stream, version, name, recorded_at, payload FROM events
    WHERE stream > :after AND stream <= :last AND name LIKE 'permit.%' AND position <= :until
    ORDER BY stream, version"""
)
_NOTICES = Statement(
    """SELECT e.position, e.stream, e.version, e.name, e.recorded_at, e.payload FROM notices AS n
    JOIN events AS e ON e.stream = n.notice_id AND e.version = 1
    WHERE n.permit_id > :after AND n.permit_id <= :last AND e.position <= :until ORDER BY n.permit_id, e.position"""
)


_TEXTS = Statement(
    """SELECT position, stream, version, name, recorded_at, payload FROM events
    WHERE name LIKE 'policy.adopted@%' AND position <= :until ORDER BY position"""
)
_END = Statement(
    """SELECT max(recorded_at) FROM events
    WHERE position <= :until AND (name LIKE 'permit.%' OR name LIKE 'notice.%')"""
)


class Place(msgspec.Struct, frozen=True):
    """A source as it is told to a process: ``kind`` store or parquet, its address, and the last position."""

    kind: str
    address: str
    until: int

    def __repr__(self) -> str:
        return f"Place({self.kind}, {self.until})"  # a cluster writes arguments into its log, and there is a password


class Part(msgspec.Struct, frozen=True):
    """Some permits: those after one id up to another, or one folder of files; ``files`` how many."""

    after: str
    last: str
    files: int


class File(NamedTuple):
    """One permit's events in order with their recorded times, and the messages that became due about it."""

    permit_id: str
    history: list[tuple[int, Event]]
    recorded: list[int]
    notices: list[NoticeDue]


class Source(Protocol):
    """A history to be read part by part."""

    place: Place

    def total(self) -> int:
        """How many permits there are."""

    def parts(self, after: str = "") -> Iterator[Part]:
        """The parts in their one order, those that come after a part's ``last``."""

    def files(self, part: Part, *, notices: bool = False) -> Iterator[File]:
        """The files of a part; the messages only where they are asked for."""

    def policy(self, jurisdiction: str, digest: str) -> Policy:
        """An adopted text, compiled; raises ``integrity.broken`` where it was never adopted."""

    def text(self, jurisdiction: str) -> str:
        """The words of the text in use at the end; raises ``policy.none_in_force``."""

    def end(self) -> int:
        """When a permit's event or a message was last recorded, in microseconds since the epoch."""

    def known(self, holder_id: str, before: int) -> tuple[Fact, ...]:
        """What had been recorded about a holder, through any of their files, by a moment."""


class StoreSource:
    """The live store up to a position; reads without any key."""

    def __init__(self, database: Database, place: Place) -> None:
        self.database = database
        self.place = place
        self._adopted = AdoptedPolicies()
        self._policies: dict[str, Policy] = {}

    @classmethod
    def of(cls, database: Database) -> StoreSource:
        """The store as it is now."""
        with database.read() as tx:
            until = history.head(tx).position
        return cls(database, Place("store", address_of(database), until))

    def total(self) -> int:
        """How many permits there are."""
        with self.database.read() as tx:
            row = tx.one(_COUNT, {"until": self.place.until})
        return int(row[0]) if row else 0

    def parts(self, after: str = "") -> Iterator[Part]:
        """Neighbouring ids, some hundreds at a time."""
        while True:
            bounds = {"after": after, "size": PART, "until": self.place.until}
            with self.database.read() as tx:
                ids = [row[0] for row in tx.all(_CEILINGS, bounds)]
            if not ids:
                return
            yield Part(after, ids[-1], len(ids))
            after = ids[-1]

    def files(self, part: Part, *, notices: bool = False) -> Iterator[File]:
        """The files of a part, read in one go."""
        bounds = {"after": part.after, "last": part.last, "until": self.place.until}
        with self.database.read() as tx:
            rows = tx.all(_RANGE, bounds)
            letters = [StoredRecord._make(row) for row in tx.all(_NOTICES, bounds)] if notices else []
        yield from together(rows, letters)

    def policy(self, jurisdiction: str, digest: str) -> Policy:
        """An adopted text, compiled once."""
        found = self._policies.get(digest)
        if found is None:
            with self.database.read() as tx:
                policy = self._adopted.by_digest(tx, jurisdiction, digest)
            found = self._policies[digest] = _found(policy, jurisdiction, digest)
        return found

    def text(self, jurisdiction: str) -> str:
        """The words of the text that was in use at the end."""
        with self.database.read() as tx:
            rows = tx.all(_TEXTS, {"until": self.place.until})
        return text_in([StoredRecord._make(row) for row in rows], jurisdiction)

    def end(self) -> int:
        """When a permit's event or a message was last recorded."""
        with self.database.read() as tx:
            row = tx.one(_END, {"until": self.place.until})
        return int(row[0]) if row and row[0] is not None else 0

    def known(self, holder_id: str, before: int) -> tuple[Fact, ...]:
        """What had been recorded about a holder by a moment."""
        with self.database.read() as tx:
            return facts_known(lambda each: _stream(tx, each, self.place.until), holder_id, before)


def _stream(tx: Transaction, stream: str, until: int) -> list[Placed]:
    return [each for each in event_store(tx).get(stream) if each.position <= until]


def together(rows: Sequence[Row], notices: Sequence[StoredRecord]) -> Iterator[File]:
    """Events ordered by stream and version as files, each with its messages."""
    letters: dict[str, list[NoticeDue]] = {}
    for record in notices:
        event = codec.decode(record.name, record.payload)
        if isinstance(event, NoticeDue):
            letters.setdefault(event.permit_id, []).append(event)
    for permit_id, group in groupby(rows, itemgetter(1)):
        found = list(group)
        recorded = [row[4] for row in found]
        yield File(
            permit_id,
            [(row[2], codec.decode(row[3], row[5])) for row in found],
            recorded,
            letters.get(permit_id, []),
        )


def text_in(records: Sequence[StoredRecord], jurisdiction: str) -> str:
    """The words of a jurisdiction's last adopted text; raises ``policy.none_in_force``."""
    for record in reversed(records):
        event = codec.decode(record.name, record.payload)
        if isinstance(event, PolicyAdopted) and event.jurisdiction == jurisdiction:
            return event.text
    raise error(
        "policy.none_in_force",
        f"the history holds no policy of {jurisdiction or 'the country that the file names'}",
        jurisdiction=jurisdiction,
    )


def _found(policy: Policy | None, jurisdiction: str, digest: str) -> Policy:
    if policy is None:
        raise error(
            "integrity.broken",
            f"a decision pins the policy {digest[:12]}… of {jurisdiction}, which was never adopted here",
            jurisdiction=jurisdiction,
            digest=digest,
        )
    return policy


def address_of(database: Database) -> str:
    """The address under which another process opens the store; empty for one that lives in this one only."""
    source: Any = database.source
    path, address = getattr(source, "path", None), getattr(source, "address", None)
    if path is not None:
        return f"sqlite:///{path.absolute()}"
    return str(address) if address is not None else ""
