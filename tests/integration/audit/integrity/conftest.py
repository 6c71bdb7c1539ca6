"""A history with seals and checkpoints on each database, and a hand that bypasses the program."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from permits_engine.audit.integrity import verification
from permits_engine.audit.integrity.findings import Finding, VerificationReport
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.store.log import checkpoints
from permits_engine.store.log.checkpoints import Checkpoint
from permits_engine.store.log.signing_keys import SigningKeys
from permits_engine.store.log.tiles import seal

STREAMS = 7


@dataclass
class Store:
    """A store under attack. Event p is version (p - 1) // 7 + 1 of stream ``s(p - 1) % 7``."""

    url: str
    database: Database
    signing: SigningKeys = field(default_factory=lambda: SigningKeys(None, in_memory=True))
    length: int = 0

    def append(self, count: int, says: str = "event") -> None:
        """So many more events."""
        records = [
            StoredEvent(
                f"s{at % STREAMS}", at // STREAMS + 1, "permit.noted@1", f'{{"{says}":{at}}}'.encode()
            )
            for at in range(self.length, self.length + count)
        ]
        for at in range(0, count, 50):
            with self.database.write() as tx:
                TransactionRecorder(tx).insert_events(
                    records[at : at + 50], now=1_700_000_000_000_000 + self.length + at
                )
        self.length += count

    def checkpoint(self) -> Checkpoint:
        return checkpoints.take(self.database, self.signing, now=0)

    def seal(self) -> None:
        seal(self.database)

    def verify(self, *outside: Checkpoint, **options: Any) -> VerificationReport:
        given = [(f"checkpoint {each.size}", each.note.encode()) for each in outside]
        return verification.verify(self.database, self.signing, outside=given, **options)

    def attack(self, *statements: str, **values: Any) -> None:
        """Carry out SQL on a connection of one's own, all triggers dropped; values are bound by name."""
        self.bypass(lambda run: [run(each, values) for each in statements])

    def bypass(self, uow: Callable[[Callable[..., list[Any]]], Any]) -> Any:
        """The same with a function, which gets one to run a statement with values."""
        if self.database.dialect == "sqlite":
            return self._sqlite(uow)
        return self._postgresql(uow)

    def _sqlite(self, uow: Callable[[Callable[..., list[Any]]], Any]) -> Any:
        import sqlite3

        connection = sqlite3.connect(self.url.removeprefix("sqlite:///"))
        try:
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            done = uow(lambda text, values=(): connection.execute(text, values).fetchall())
            connection.commit()
        finally:
            connection.close()
        return done

    def _postgresql(self, uow: Callable[[Callable[..., list[Any]]], Any]) -> Any:
        import psycopg

        def run(text: str, values: Any = ()) -> list[Any]:
            for name in values:
                text = text.replace(f":{name}", f"%({name})s")
            cursor = connection.execute(text, values or None)
            return cursor.fetchall() if cursor.description else []

        with psycopg.connect(self.url) as connection:
            triggers = connection.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
            ).fetchall()
            for name, table in triggers:
                connection.execute(f"DROP TRIGGER {name} ON {table}")
            return uow(run)


def kinds(report: VerificationReport) -> list[tuple[str, int | None, int | None]]:
    """What was found, and where."""
    return [(each.kind, each.first, each.last) for each in report.findings]


def of_kind(report: VerificationReport, kind: str) -> Finding:
    """The only finding of a kind."""
    (found,) = [each for each in report.findings if each.kind == kind]
    return found


@pytest.fixture
def empty(tables_url: str) -> Iterator[Store]:
    """A store without events."""
    database = Database.open(tables_url)
    upgrade.require_current(database)
    yield Store(tables_url, database)
    database.close()


@pytest.fixture
def store(empty: Store) -> Store:
    """700 events: checkpoints at 300 and 600, sealed to 650, the last 50 not sealed."""
    for count in (300, 300):
        empty.append(count)
        empty.checkpoint()
    empty.append(50)
    empty.seal()
    empty.append(50)
    return empty
