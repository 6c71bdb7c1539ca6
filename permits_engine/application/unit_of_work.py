"""The unit of work: what one transaction has read, and everything that it writes together.

A refused command leaves no trace, a later command of the same transaction sees the earlier ones, and a hundred
commands cost a few statements with many rows each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec
from eventsourcing.application import ProcessingEvent

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.application.loaded import CommandResult, HolderRow, Loaded
from permits_engine.application.outcome import conflict
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import Event
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import writing
from permits_engine.projections.holder import grown
from permits_engine.projections.permit_rows import row_of
from permits_engine.projections.search_entries import entries_of_person
from permits_engine.store.database.schema import commands, holders
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.database.upserts import insert_new
from permits_engine.store.events.application import Placed
from permits_engine.store.keys import blind_index
from permits_engine.store.keys.keyring import NEW_KEY, Keyring

_NEW_HOLDER = insert_new(holders)
_MOVE_HOLDER = Statement("UPDATE holders SET version = :version WHERE holder_id = :of AND version = :seen")
_BUMP_HOLDER = Statement("UPDATE holders SET gate = gate + 1 WHERE holder_id = :of AND gate = :seen")
_LOCK_HOLDER = Statement("UPDATE holders SET version = version WHERE holder_id = :of AND version = :seen")
_NEW_COMMAND = insert_new(commands)


class _Changed(msgspec.Struct):
    """A file with new events: the version that the store has, and how its row is evaluated."""

    seen: int
    permit: Permit
    policy: Policy
    today: date
    row: dict[str, Any] | None = None


class UnitOfWork(Loaded, ProcessingEvent[str]):
    """Everything that one transaction reads and writes.

    It is the library's processing event: the application records its ``events``, and the rows with them.
    """

    def __init__(
        self,
        tx: Transaction,
        keyring: Keyring,
        adopted: AdoptedPolicies,
        now: Callable[[], int],
    ) -> None:
        ProcessingEvent.__init__(self)
        Loaded.__init__(self, tx, keyring, adopted)
        self.now = now
        self._changed: dict[str, _Changed] = {}
        self._rows: dict[Statement, list[dict[str, Any]]] = {}
        self._entries: list[blind_index.Entry] = []
        self._last: list[tuple[Statement, dict[str, Any]]] = []
        self.broken = False
        """Whether recording or writing failed: the transaction can only be rolled back."""

    # --- recording ---

    def place(self, stream: str, seen: int, new: Sequence[Event], holder_id: str | None) -> list[Placed]:
        """Return new events at their places, with the holder's key where personal; raise ``holder.erased``."""
        cipher = None
        if holder_id is not None and any(
            getattr(event, name) is not None for event in new for name in event.ENCRYPTED
        ):
            cipher = self.cipher(holder_id)
        return [
            Placed(stream, version, event, holder_id, cipher) for version, event in enumerate(new, seen + 1)
        ]

    def change(
        self,
        permit: Permit,
        policy: Policy,
        today: date,
        seen: int,
        new: Sequence[Placed],
        row: dict[str, Any] | None = None,
    ) -> None:
        """Record new events of a file, or that its row is to be evaluated; ``seen`` is the version before.

        Without a ``row`` it is evaluated once, before anything is written.
        """
        permit_id, holder_id = permit.permit_id, permit.holder_id
        before = self._changed.get(permit_id)
        first = before.seen if before is not None else seen
        self._changed[permit_id] = _Changed(first, permit, policy, today, row)
        self._files[permit_id] = permit
        self._unwritten.add(permit_id)
        self._unwritten_files.setdefault(holder_id, set()).add(permit_id)
        files = self._files_of.get(holder_id)
        if files is not None and permit_id not in files:
            files.append(permit_id)
        self.events += new

    def append(self, new: Sequence[Placed]) -> None:
        """Record events of a stream whose row, if it has one, is given to ``write_row``."""
        self.events += new

    def index(self, entries: Iterable[blind_index.Entry]) -> None:
        """Let a person or a file be found by these entries."""
        self._entries += entries

    def write_row(self, statement: Statement, row: dict[str, Any]) -> None:
        """Write a row with the others of its kind; one that touches nothing is a conflict."""
        self._rows.setdefault(statement, []).append(row)

    def write_last(self, statement: Statement, row: dict[str, Any]) -> None:
        """Make a change after all others, whatever number of rows it touches."""
        self._last.append((statement, row))

    def remember(self, command_id: str, result: CommandResult) -> None:
        """Keep the result of a command under its id."""
        self._commands[command_id] = result
        self.write_row(_NEW_COMMAND, {"command_id": command_id, **result._asdict()})

    # --- holders ---

    def new_holder(self, holder_id: str, event: Event) -> None:
        """Record a person under a key of their own, who can be found by name and birth date."""
        self._keys[holder_id], key = self.keyring.make(holder_id)
        self._persons[holder_id] = person = grown(None, holder_id, 1, event)
        self._holders[holder_id] = HolderRow(person.version, 0)
        self.write_row(_NEW_HOLDER, {"holder_id": holder_id, "version": person.version, "gate": 0})
        self.write_row(NEW_KEY, key)
        self.append(self.place(holder_id, 0, [event], holder_id))
        self.index(entries_of_person(person))

    def extend_holder(self, new: Sequence[Placed]) -> None:
        """Record new events of a holder's stream."""
        holder_id, version = new[0].originator_id, new[-1].originator_version
        row = self._holders.get(holder_id)
        self._holders[holder_id] = HolderRow(version, row.row_version if row else 0)
        self._persons.pop(holder_id, None)
        self._unwritten.add(holder_id)
        seen = new[0].originator_version - 1
        self.write_row(_MOVE_HOLDER, {"of": holder_id, "seen": seen, "version": version})
        self.events += new

    def bump_holder_version(self, holder_id: str) -> None:
        """Let no other transaction take a decision that depends on the holder's other files meanwhile."""
        row = self.holder(holder_id)
        if row is not None:
            self._holders[holder_id] = HolderRow(row.version, row.row_version + 1)
            self.write_row(_BUMP_HOLDER, {"of": holder_id, "seen": row.row_version})

    def lock_holder(self, holder_id: str) -> None:
        """Let no other transaction add to what is known about a person meanwhile."""
        row = self.holder(holder_id)
        if row is not None:
            self.write_row(_LOCK_HOLDER, {"of": holder_id, "seen": row.version})

    def forget(self, holder_id: str) -> None:
        """Read a person, their key and their versions again when they are next asked for."""
        for memory in (self._keys, self._persons, self._holders):
            memory.pop(holder_id, None)

    # --- writing ---

    def evaluate_rows(self) -> None:
        """Evaluate the rows of all changed files; raise what their rules do not answer."""
        for each in self._changed.values():
            if each.row is None:
                each.row = row_of(each.permit, each.policy, each.today, self.others_for_row(each.permit))

    def write(self) -> None:
        """Write everything decided so far: the files' rows first, whose versions make a conflict.

        Raises ``concurrency.conflict`` where another transaction was first; this one can only be rolled back then.
        """
        if not (self.events or self._changed or self._rows or self._entries or self._last or self.tracking):
            return
        self.broken = True
        self.evaluate_rows()
        now = self.now() if self.events else 0
        self.store.put(self.events, now=now, tracking=self.tracking, rows=self._write_rows)
        self.events, self.tracking = [], None
        self.broken = False

    def _write_rows(self, tx: Transaction) -> None:
        """Write the rows that go with the events, in their transaction and before them."""
        changed = sorted(self._changed.values(), key=lambda each: each.permit.permit_id)
        ready = [(each.seen, each.row or {}) for each in changed]
        old = [{**row, "of": row["permit_id"], "seen": seen} for seen, row in ready if seen]
        new = [row for seen, row in ready if not seen]
        if writing.update_rows(tx, old) != len(old) or writing.insert_rows(tx, new) != len(new):
            raise _conflict(changed)
        for statement, rows in self._rows.items():
            if tx.each(statement, rows) != len(rows):
                if statement is NEW_KEY:
                    self.keyring.check_current(tx)
                raise error(
                    "concurrency.conflict", "another transaction was first; read again and decide anew"
                )
        blind_index.write(tx, self.keyring, self._entries)
        for statement, row in self._last:
            tx.run(statement, row)
        self._changed, self._rows, self._entries, self._last = {}, {}, [], []
        self._unwritten.clear()
        self._unwritten_files.clear()


def _conflict(changed: list[_Changed]) -> PermitsError:
    first = changed[0]
    if len(changed) > 1:
        return error("concurrency.conflict", "some of the files have changed meanwhile; decide anew")
    if first.seen:
        return conflict(first.permit.permit_id, None, first.seen)
    return taken(first.permit.permit_id)


def taken(permit_id: str) -> PermitsError:
    """Return ``concurrency.conflict`` for a caller's ``permit_id`` that is another person's file."""
    message = f"permit_id {permit_id} is taken; choose another or leave it out"
    return error("concurrency.conflict", message, permit_id=permit_id)
