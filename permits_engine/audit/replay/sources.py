"""Where a history is read from, part by part: the live store (here), or a folder of Parquet files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import msgspec
from sqlalchemy import bindparam, func, select, text

from permits_engine.domain.errors import error
from permits_engine.domain.events import Event, NoticeDue, PolicyAdopted
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text
from permits_engine.projections.holder import facts_known
from permits_engine.store.database.connections import PostgresqlServer, SqliteFile
from permits_engine.store.database.schema import FILES, events
from permits_engine.store.database.statements import Row
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import codec, history
from permits_engine.store.events.application import Placed, event_store

PART = 500
"""Permits in one part of a live store."""

_begun = (text(FILES), events.c.position <= bindparam("until"))
_IDS = Statement(
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
_POLICIES = Statement(
    """SELECT position, stream, version, name, recorded_at, payload FROM events
    WHERE name LIKE 'policy.adopted@%' AND position <= :until ORDER BY position"""
)
_END = Statement(
    """SELECT max(recorded_at) FROM events
    WHERE position <= :until AND (name LIKE 'permit.%' OR name LIKE 'notice.%')"""
)


class Address(msgspec.Struct, frozen=True):
    """How another process opens a source: ``kind`` store or parquet, its URL, and the last position."""

    kind: str
    url: str
    until: int

    def __repr__(self) -> str:
        # A cluster logs arguments, and the URL may hold a password.
        return f"Address({self.kind}, {self.until})"


class Part(msgspec.Struct, frozen=True):
    """Permits with an id after one and up to another, or those of one folder; ``files`` is their number."""

    after: str
    last: str
    files: int


class File(NamedTuple):
    """One permit's events in order with their recorded times, and the messages that became due about it."""

    permit_id: str
    history: list[tuple[int, Event]]
    recorded: list[int]
    notices: list[NoticeDue]


class Source(ABC):
    """A history that is read part by part; no key is needed. ``name`` tells it from other histories."""

    def __init__(self, address: Address, name: str) -> None:
        self.address = address
        self.name = name
        self._compiled: dict[str, Policy] = {}

    @abstractmethod
    def total(self) -> int:
        """Return the number of permits."""

    @abstractmethod
    def parts(self, after: str = "") -> Iterator[Part]:
        """Yield the parts in a fixed order, those after the ``last`` of another part."""

    @abstractmethod
    def files(self, part: Part, *, notices: bool = False) -> Iterator[File]:
        """Yield the files of a part, with their messages only if asked for."""

    @abstractmethod
    def end(self) -> int:
        """Return when an event of a permit or notice was last recorded, in microseconds since the epoch."""

    @abstractmethod
    def _adoptions(self) -> Sequence[Row]:
        """Return the events of adopted policies in order."""

    @abstractmethod
    def _holder(self, holder_id: str) -> Iterable[Placed]:
        """Return the events of a holder that hold facts."""

    @cached_property
    def _adopted(self) -> list[PolicyAdopted]:
        adopted = (codec.decode(row[3], row[5]) for row in self._adoptions())
        return [event for event in adopted if isinstance(event, PolicyAdopted)]

    def policy(self, jurisdiction: str, digest: str) -> Policy:
        """Return an adopted policy; raises ``integrity.broken`` if it was never adopted."""
        found = self._compiled.get(digest)
        if found is None:
            texts = {
                event.digest: event.text for event in self._adopted if event.jurisdiction == jurisdiction
            }
            found = compile_text(texts[digest]) if digest in texts else None
            if found is None or found.digest != digest:
                raise error(
                    "integrity.broken",
                    f"a decision pins the policy {digest[:12]}… of {jurisdiction}, which was never adopted here",
                    jurisdiction=jurisdiction,
                    digest=digest,
                )
            self._compiled[digest] = found
        return found

    def text(self, jurisdiction: str) -> str:
        """Return the policy text in use at the end; raises ``policy.none_in_force``."""
        for event in reversed(self._adopted):
            if event.jurisdiction == jurisdiction:
                return event.text
        country = jurisdiction or "the country that the file names"
        message = f"the history holds no policy of {country}"
        raise error("policy.none_in_force", message, jurisdiction=jurisdiction)

    def known(self, holder_id: str, before: int) -> tuple[Fact, ...]:
        """Return what had been recorded about a holder, through any of their files, by a moment."""
        return facts_known(self._holder, holder_id, before)


class StoreSource(Source):
    """The live store up to a position."""

    def __init__(self, database: Database, address: Address, name: str = "") -> None:
        super().__init__(address, name)
        self.database = database

    @classmethod
    def of(cls, database: Database) -> StoreSource:
        """Return the store as it is now."""
        with database.read() as tx:
            head = history.head(tx)
        return cls(database, Address("store", _url(database), head.position), head.store_id)

    def total(self) -> int:
        return int(self._rows(_COUNT)[0][0])

    def parts(self, after: str = "") -> Iterator[Part]:
        """Yield ranges of ids, some hundreds at a time."""
        while ids := self._rows(_IDS, after=after, size=PART):
            last = ids[-1][0]
            yield Part(after, last, len(ids))
            after = last

    def files(self, part: Part, *, notices: bool = False) -> Iterator[File]:
        """Yield the files of a part, read with one query."""
        rows = self._rows(_RANGE, after=part.after, last=part.last)
        due = self._rows(_NOTICES, after=part.after, last=part.last) if notices else []
        return joined(rows, due)

    def end(self) -> int:
        return int(self._rows(_END)[0][0] or 0)

    def _adoptions(self) -> Sequence[Row]:
        return self._rows(_POLICIES)

    def _holder(self, holder_id: str) -> Iterable[Placed]:
        with self.database.read() as tx:
            return [each for each in event_store(tx).get(holder_id) if each.position <= self.address.until]

    def _rows(self, statement: Statement, **bounds: str | int) -> list[Row]:
        with self.database.read() as tx:
            return tx.all(statement, {**bounds, "until": self.address.until})


def joined(rows: Sequence[Row], notices: Sequence[Row]) -> Iterator[File]:
    """Yield events ordered by stream and version as files, each with its messages."""
    due: dict[str, list[NoticeDue]] = {}
    for row in notices:
        event = codec.decode(row[3], row[5])
        if isinstance(event, NoticeDue):
            due.setdefault(event.permit_id, []).append(event)
    for permit_id, group in groupby(rows, itemgetter(1)):
        found = list(group)
        events = [(row[2], codec.decode(row[3], row[5])) for row in found]
        yield File(permit_id, events, [row[4] for row in found], due.get(permit_id, []))


def _url(database: Database) -> str:
    """Return the URL under which another process opens the store; empty for one within this process."""
    source = database.source
    if isinstance(source, SqliteFile):
        return f"sqlite:///{source.path.absolute()}" if source.path is not None else ""
    return source.address if isinstance(source, PostgresqlServer) else ""
