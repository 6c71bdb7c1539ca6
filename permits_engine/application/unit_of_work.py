"""What one transaction has read and is about to write: each thing read once, everything written together.

Nothing is written before ``write``. So a refused command leaves no trace, a later command of the same
transaction sees the earlier ones, and a hundred commands cost a few statements with many rows each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec
from eventsourcing.application import ProcessingEvent
from sqlalchemy import bindparam, select, update

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.application.outcome import conflict
from permits_engine.domain.decisions.case import OtherTitle
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import Event
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import writing
from permits_engine.projections.holder import Person, person_of
from permits_engine.projections.permit_rows import row_of
from permits_engine.store.database.schema import commands, holders, permits
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.database.upserts import insert_new
from permits_engine.store.events.application import Placed, event_store, numbered
from permits_engine.store.keys import blind_index
from permits_engine.store.keys.keyring import NEW_KEY, Cipher, Keyring

_COMMANDS = Statement(
    among(
        "SELECT command_id, digest, holder_id, permit_id, stream, first_version, last_version"
        " FROM commands WHERE command_id"
    )
)
_COMMAND = Statement(
    "SELECT digest, holder_id, permit_id, stream, first_version, last_version"
    " FROM commands WHERE command_id = :command_id"
)
_HOLDERS = Statement(among("SELECT holder_id, version, gate FROM holders WHERE holder_id"))
_TITLES = Statement(
    select(permits.c.permit_id, permits.c.title_kind, permits.c.valid_from, permits.c.valid_until).where(
        permits.c.holder_id == bindparam("holder_id"),
        permits.c.permit_id != bindparam("permit_id"),
        permits.c.valid_until.is_not(None),
        permits.c.revoked_on.is_(None),
        permits.c.lost_on.is_(None),
        permits.c.closed_on.is_(None),
    )
)
_NEW_HOLDER = insert_new(holders)
_MOVE_HOLDER = Statement(
    update(holders)
    .where(holders.c.holder_id == bindparam("of"), holders.c.version == bindparam("seen"))
    .values(version=bindparam("version"))
)
_PASS_GATE = Statement(
    update(holders)
    .where(holders.c.holder_id == bindparam("of"), holders.c.gate == bindparam("seen"))
    .values(gate=holders.c.gate + 1)
)
_HOLD = Statement(
    update(holders)
    .where(holders.c.holder_id == bindparam("of"), holders.c.version == bindparam("seen"))
    .values(version=holders.c.version)
)
_REMEMBER = insert_new(commands)


class _Changed(msgspec.Struct):
    """A file with new events: the version that the store has, and how its row is evaluated."""

    seen: int
    permit: Permit
    policy: Policy
    today: date
    row: dict[str, Any] | None = None


class UnitOfWork(ProcessingEvent[str]):
    """One transaction's memory, from its first read to the writing of everything decided in it.

    It is the library's processing event: its ``events`` are recorded by the application, and the rows of the
    read models with them.
    """

    def __init__(
        self,
        tx: Transaction,
        keyring: Keyring,
        adopted: AdoptedPolicies,
        now: Callable[[], int],
    ) -> None:
        super().__init__()
        self.store = event_store(tx)
        self.tx = tx
        self.keyring = keyring
        self.adopted = adopted
        self.now = now
        self._files: dict[str, Permit | None] = {}
        self._persons: dict[str, Person | None] = {}
        self._keys: dict[str, Cipher | None] = {}
        self._gates: dict[str, tuple[int, int] | None] = {}
        self._known: dict[str, Any] = {}
        self._policies: dict[str, Policy] = {}
        self._changed: dict[str, _Changed] = {}
        self._moved: set[str] = set()
        self._waiting: dict[Statement, list[dict[str, Any]]] = {}
        self._entries: list[blind_index.Entry] = []
        self._last: list[tuple[Statement, dict[str, Any]]] = []
        self.broken = False
        """Whether writing failed: the transaction can only be rolled back."""

    # --- reading ---

    def policy(self, jurisdiction: str) -> Policy:
        """The policy in use; raises ``policy.none_in_force``."""
        found = self._policies.get(jurisdiction)
        if found is None:
            found = self._policies[jurisdiction] = self.adopted.current(self.tx, jurisdiction)
        return found

    def expect_files(self, ids: Iterable[str]) -> None:
        """Read files that will be asked for, all at once; one that cannot be folded is left to ``file``."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._files]
        found = self.store.several(wanted)
        for permit_id in wanted:
            try:
                self._files[permit_id] = fold(permit_id, numbered(found.get(permit_id, ())))
            except PermitsError:
                continue

    def file(self, permit_id: str) -> Permit | None:
        """The file as this transaction sees it; raises ``integrity.broken`` where it cannot be folded."""
        if permit_id not in self._files:
            self._files[permit_id] = self.store.permit(permit_id)
        return self._files[permit_id]

    def loaded_permit(self, permit_id: str) -> Permit | None:
        """The file if it was read already and is there."""
        return self._files.get(permit_id)

    def past(self, permit_id: str) -> list[tuple[int, Event]]:
        """Every event of a file with its version, those of this transaction included."""
        if permit_id in self._changed:
            self.write()
        return numbered(self.store.get(permit_id))

    def expect_persons(self, ids: Iterable[str]) -> None:
        """Read persons that will be asked for, all at once; one that does not open is left to ``person``."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._persons]
        self.expect_keys(wanted)
        found = self.store.several(wanted)
        for holder_id in wanted:
            try:
                self._persons[holder_id] = self._person(holder_id, found.get(holder_id, ()))
            except PermitsError:
                continue

    def person(self, holder_id: str) -> Person:
        """What is known about a person now; raises ``holder.not_found``."""
        if holder_id not in self._persons:
            if holder_id in self._moved:
                self.write()
            self._persons[holder_id] = self._person(holder_id, self.store.get(holder_id))
        found = self._persons[holder_id]
        if found is None:
            raise error("holder.not_found", f"there is no holder {holder_id}", holder_id=holder_id)
        return found

    def _person(self, holder_id: str, told: Iterable[Any]) -> Person | None:
        placed: list[Placed] = list(told)
        if not placed or not placed[0].event.NAME.startswith("holder."):
            return None
        return person_of(holder_id, placed, self.key(holder_id))

    def expect_keys(self, ids: Iterable[str]) -> None:
        """Read keys that will be asked for, all at once."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._keys]
        self._keys |= self.keyring.load_many(self.tx, wanted)

    def key(self, holder_id: str) -> Cipher | None:
        """The holder's key as this transaction reads it; none once their data were erased."""
        if holder_id not in self._keys:
            self._keys[holder_id] = self.keyring.load(self.tx, holder_id)
        return self._keys[holder_id]

    def cipher(self, holder_id: str) -> Cipher:
        """The holder's key; raises ``holder.erased``."""
        found = self.key(holder_id)
        if found is None:
            raise error(
                "holder.erased",
                "the holder's personal data were erased; nothing more can be written about them",
                holder_id=holder_id,
            )
        return found

    def expect_holders(self, ids: Iterable[str]) -> None:
        """Read the gates of holders that will be asked for, all at once."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._gates]
        self._gates |= dict.fromkeys(wanted)
        self._gates |= {row[0]: (row[1], row[2]) for row in self._among(_HOLDERS, wanted)}

    def holder(self, holder_id: str) -> tuple[int, int] | None:
        """Version and gate of a holder; none where the holder is not known."""
        if holder_id not in self._gates:
            self.expect_holders([holder_id])
        return self._gates[holder_id]

    def titles(self, permit: Permit, records: Sequence[str]) -> tuple[OtherTitle, ...]:
        """The other titles of a file's holder, under all records of them, not revoked, lost or closed."""
        if any(
            each.permit.holder_id in records and each.permit is not permit for each in self._changed.values()
        ):
            self.write()
        rows = [
            row
            for holder_id in records
            for row in self.tx.all(_TITLES, {"holder_id": holder_id, "permit_id": permit.permit_id})
        ]
        return tuple(OtherTitle(r[0], r[1], date.fromisoformat(r[2]), date.fromisoformat(r[3])) for r in rows)

    def expect_commands(self, ids: Iterable[str]) -> None:
        """Look up commands that will be asked for, all at once."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._known]
        self._known |= dict.fromkeys(wanted)
        self._known |= {row[0]: row[1:] for row in self._among(_COMMANDS, wanted)}

    def command_result(self, command_id: str) -> Any:
        """What a command that was carried out under that id led to: digest, holder, permit, stream, versions."""
        if command_id not in self._known:
            self._known[command_id] = self.tx.one(_COMMAND, {"command_id": command_id})
        return self._known[command_id]

    def _among(self, statement: Statement, ids: list[str]) -> list[Any]:
        if not ids:
            return []
        return self.tx.all(statement, {"ids": ids})

    # --- deciding ---

    def change(
        self,
        permit: Permit,
        policy: Policy,
        today: date,
        seen: int,
        new: Sequence[Placed],
        row: dict[str, Any] | None = None,
    ) -> None:
        """A file has new events, or its row is to be evaluated anew; ``seen`` is the version before.

        ``row`` is given where it is known already; otherwise it is computed once, when all is written.
        """
        before = self._changed.get(permit.permit_id)
        first = before.seen if before is not None else seen
        self._changed[permit.permit_id] = _Changed(first, permit, policy, today, row)
        self._files[permit.permit_id] = permit
        self.events += new

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

    def append(self, new: Sequence[Placed]) -> None:
        """Events of a stream that has no row of a file."""
        self.events += new

    def index(self, entries: Iterable[blind_index.Entry]) -> None:
        """What a person or a file is found by from now on."""
        self._entries += entries

    def write_row(self, statement: Statement, row: dict[str, Any]) -> None:
        """A row to be written with the others of its kind; one that touches nothing is a conflict."""
        self._waiting.setdefault(statement, []).append(row)

    def write_last(self, statement: Statement, row: dict[str, Any]) -> None:
        """A change that comes after all others, whatever number of rows it touches."""
        self._last.append((statement, row))

    def forget(self, holder_id: str) -> None:
        """Read a person again when they are next asked for, their key and their gate too."""
        for memory in (self._keys, self._persons, self._gates):
            memory.pop(holder_id, None)

    def new_holder(self, person: Person, key: Cipher) -> None:
        """A person is known from now on; the key was minted in this transaction."""
        self._persons[person.holder_id] = person
        self._keys[person.holder_id] = key
        self._gates[person.holder_id] = (person.version, 0)
        self.write_row(_NEW_HOLDER, {"holder_id": person.holder_id, "version": person.version, "gate": 0})

    def move_holder(self, holder_id: str, seen: int, version: int) -> None:
        """A person's stream has grown."""
        gate = self._gates.get(holder_id)
        self._gates[holder_id] = (version, gate[1] if gate else 0)
        self._persons.pop(holder_id, None)
        self._moved.add(holder_id)
        self.write_row(_MOVE_HOLDER, {"of": holder_id, "seen": seen, "version": version})

    def bump_holder_version(self, holder_id: str) -> None:
        """A decision that depends on the holder's other files: nobody else may take one meanwhile."""
        gate = self.holder(holder_id)
        if gate is not None:
            self._gates[holder_id] = (gate[0], gate[1] + 1)
            self.write_row(_PASS_GATE, {"of": holder_id, "seen": gate[1]})

    def lock_holder(self, holder_id: str) -> None:
        """A decision on what is known about a person: nobody else may add to it meanwhile."""
        gate = self.holder(holder_id)
        if gate is not None:
            self.write_row(_HOLD, {"of": holder_id, "seen": gate[0]})

    def remember(self, row: dict[str, Any]) -> None:
        """A command was carried out under its id."""
        self._known[row["command_id"]] = tuple(row.values())[1:]
        self.write_row(_REMEMBER, row)

    # --- writing ---

    def rows(self) -> None:
        """Evaluate the rows of all changed files; raises what their rules do not answer."""
        for each in self._changed.values():
            if each.row is None:
                each.row = row_of(each.permit, each.policy, each.today)

    def write(self) -> None:
        """Write everything decided so far: the files' rows first, which are their gates.

        Raises ``concurrency.conflict`` where somebody else was first; then nothing of it may be committed.
        """
        if not (self.events or self._changed or self._waiting or self._entries or self._last):
            return
        self.broken = True
        self.rows()
        now = self.now() if self.events else 0
        self.store.put(self.events, now=now, tracking=self.tracking, rows=self._rows)
        self.events = []
        self.broken = False

    def _rows(self, tx: Transaction) -> None:
        """The rows that go with the events, in their transaction; theirs are the gates that events pass."""
        changed = sorted(self._changed.values(), key=lambda each: each.permit.permit_id)
        self._changed = {}
        ready = [(each.seen, each.row or {}) for each in changed]
        old = [{**row, "of": row["permit_id"], "seen": seen} for seen, row in ready if seen]
        new = [row for seen, row in ready if not seen]
        if writing.update_rows(tx, old) != len(old) or writing.insert_rows(tx, new) != len(new):
            raise _conflict(changed)
        self._moved.clear()
        waiting, self._waiting = self._waiting, {}
        for statement, rows in waiting.items():
            if tx.each(statement, rows) != len(rows):
                if statement is NEW_KEY:
                    self.keyring.check_current(tx)
                raise error("concurrency.conflict", "somebody else was first; read again and decide anew")
        entries, self._entries = self._entries, []
        blind_index.write(tx, self.keyring, entries)
        last, self._last = self._last, []
        for statement, row in last:
            tx.run(statement, row)


def _conflict(changed: list[_Changed]) -> Exception:
    first = changed[0]
    if len(changed) > 1:
        return error("concurrency.conflict", "some of the files have changed meanwhile; decide anew")
    if first.seen:
        return conflict(first.permit.permit_id, None, first.seen)
    return taken(first.permit.permit_id)


def taken(permit_id: str) -> Exception:
    """``concurrency.conflict``: a caller's choice of ``permit_id`` that is somebody else's file."""
    return error(
        "concurrency.conflict",
        f"permit_id {permit_id} is taken; choose another or leave it out",
        permit_id=permit_id,
    )


def records_of(uow: UnitOfWork, holder_id: str) -> list[str]:
    """Every holder that is the same person, the one asked about first."""
    found = [holder_id]
    for each in found:
        gate = uow.holder(each)
        if gate is None or gate[0] < 2:  # nothing was ever added to what registered them
            continue
        found += [other for other in uow.person(each).linked if other not in found]
    return found
