"""A register taken over: row by row all or nothing, in batches that each commit, and never twice.

What tells a row again is the ``commands`` table, as for any command: under an HMAC of its file number stands
an HMAC of its content. The first is keyed by the store's own register key, the second by the holder's: neither
reveals anything without the keys, and the second says nothing more once the holder's data are erased. So an
import that was stopped anywhere is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.register.csv_file import RegisterFile, Row, open_register
from permits_engine.application.register.duplicates import LookAlikes
from permits_engine.application.register.planning import Plan, Planner
from permits_engine.application.register.rejects import Rejects, default_place
from permits_engine.application.register.rows import BadRow, Checks, Record
from permits_engine.domain.errors import ConflictError, PermitsError, error, invalid
from permits_engine.domain.events import HolderRegistered
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import writing
from permits_engine.projections.search_entries import entries_of_file
from permits_engine.store.database.schema import commands, holders
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.database.upserts import insert_new
from permits_engine.store.events.application import Placed
from permits_engine.store.keys import blind_index
from permits_engine.store.keys.keyring import NEW_KEY, REGISTER_KEY, Cipher, register_id

BATCH = 500
"""Rows in one transaction."""
MOST_TEXT = 2_000_000
"""Characters held at once: a batch of enormous rows is cut short."""
ATTEMPTS = 3

_NEW_COMMAND = insert_new(commands)
_NEW_HOLDER = insert_new(holders)
_KNOWN = Statement(among("SELECT command_id, digest, holder_id FROM commands WHERE command_id"))

Progress = Callable[[int, int], None]


class Report(msgspec.Struct):
    """What became of a register: ``read`` is the sum of the next three."""

    read: int = 0
    imported: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects: str | None = None
    codes: dict[str, int] = msgspec.field(default_factory=dict)
    look_alikes: list[dict[str, Any]] = msgspec.field(default_factory=list)
    encoding: str = ""
    separator: str = ""
    ignored_columns: list[str] = msgspec.field(default_factory=list)


class Entry(msgspec.Struct):
    """A row on its way: its record or what is wrong with it."""

    row: Row
    record: Record | None = None
    bad: BadRow | None = None
    key: str = ""


def import_register(
    database: Database,
    context: Context,
    path: str | Path,
    *,
    rejects: str | Path | None = None,
    jurisdiction: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Take a register over; what cannot go in stands in the rejects file (default: beside the register).

    Raises ``input.invalid``, before anything is written, where the file or its header cannot be read or the
    rejects have no place; ``policy.none_in_force`` where the jurisdiction has no policy.
    """
    source = Path(path)
    place = Path(rejects) if rejects is not None else default_place(source)
    with ExitStack() as stack:
        file = stack.enter_context(open_register(source))
        if place.exists() and place.samefile(source):
            raise invalid("--rejects", "is the register itself; name another file")
        out = Rejects(place, file.own_columns, file.separator)
        stack.callback(out.discard)
        people = stack.enter_context(closing(LookAlikes()))
        with database.read() as tx:
            country = jurisdiction or context.policies.home(tx)
        uow = _Import(database, context, country, file, out, people)
        uow.run(progress)
        done = out.finish()
        uow.report.rejects = str(done) if done is not None else None
        uow.report.look_alikes = people.groups()
        return uow.report


class _Import:
    """One run over one file."""

    def __init__(
        self,
        database: Database,
        context: Context,
        jurisdiction: str,
        file: RegisterFile,
        out: Rejects,
        people: LookAlikes,
    ) -> None:
        self.database = database
        self.context = context
        self.jurisdiction = jurisdiction
        self.file = file
        self.out = out
        self.people = people
        self.run_id = context.new_id()
        self.report = Report(encoding=file.encoding, separator=file.separator, ignored_columns=file.ignored)
        self._checks: Checks | None = None
        self._plans: Planner | None = None
        self._index = self._index_key()

    def run(self, progress: Progress | None) -> None:
        """Every row, in batches."""
        batch: list[Entry] = []
        held = 0
        for row in self.file.rows():
            batch.append(Entry(row))
            held += sum(map(len, row.cells))
            if len(batch) == BATCH or held > MOST_TEXT:
                self._settle(batch)
                batch, held = [], 0
                if progress is not None:
                    progress(self.file.position(), self.file.size)
        if batch:
            self._settle(batch)
        if progress is not None:
            progress(self.file.size, self.file.size)

    # --- one batch ----------------------------------------------------------------------------------------

    def _settle(self, batch: list[Entry]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                people = self._attempt(batch)
                break
            except ConflictError:  # somebody imports the same rows, or a policy was adopted: look again
                if attempt == ATTEMPTS:
                    raise
        self.people.add(people)
        report = self.report
        report.read += len(batch)
        for entry in batch:
            if entry.bad is not None:
                code = entry.bad.code
                report.rejected += 1
                report.codes[code] = report.codes.get(code, 0) + 1
                self.out.add(entry.row.line, code, entry.bad.reason, self.file.own_cells(entry.row))

    def _attempt(self, batch: list[Entry]) -> list[tuple[Record, int, str]]:
        """Check, plan and write a batch; gives who is in the store now, with their lines."""
        with self.database.read() as tx:
            checks = self._current(tx)
            for entry in batch:
                self._check(entry, checks)
            known, people = self._compare(tx, batch)
        planner = self._planner(checks)
        plans: list[tuple[Entry, Plan]] = []
        first: dict[str, tuple[Record, str]] = {}
        for entry in batch:
            if entry.bad is not None or entry.key in known:
                continue
            assert entry.record is not None
            before = first.get(entry.key)
            if before is not None:
                same = before[0] == entry.record
                if same:
                    known_again = (entry.record, entry.row.line, before[1])
                    people.append(known_again)
                else:
                    entry.bad = _changed(entry.record)
                continue
            try:
                plan = planner.plan(entry.record)
            except PermitsError as problem:
                entry.bad = BadRow("row.refused", problem.message)
                continue
            plans.append((entry, plan))
            first[entry.key] = (entry.record, plan.holder_id)
        if plans:
            self._write(plans, checks.policy)
        people += [(entry.record, entry.row.line, plan.holder_id) for entry, plan in plans if entry.record]
        sound = sum(entry.bad is None for entry in batch)
        self.report.imported += len(plans)
        self.report.unchanged += sound - len(plans)
        return people

    def _check(self, entry: Entry, checks: Checks) -> None:
        entry.bad, entry.record = None, None
        try:
            if entry.row.fault is not None:
                raise BadRow(*entry.row.fault)
            entry.record = checks.record(self.file.fields(entry.row))
        except BadRow as bad:
            entry.bad = bad
        except PermitsError as problem:
            entry.bad = BadRow("row.refused", problem.message)
        else:
            entry.key = register_id(self._index, entry.record.file_number)

    def _compare(
        self, tx: Transaction, batch: Sequence[Entry]
    ) -> tuple[set[str], list[tuple[Record, int, str]]]:
        """What the store knows already: the same rows stay as they are, changed ones are refused."""
        ids = list({entry.key for entry in batch if entry.bad is None})
        found = {row[0]: row for row in tx.all(_KNOWN, {"ids": ids})} if ids else {}
        keys = self.context.keyring.load_many(tx, [row[2] for row in found.values()])
        people: list[tuple[Record, int, str]] = []
        for entry in batch:
            row = found.get(entry.key)
            if entry.bad is not None or row is None:
                continue
            assert entry.record is not None
            cipher = keys[row[2]]
            if cipher is None:
                entry.bad = BadRow(
                    "row.erased", "this file is known and its holder's data were erased; nothing comes back"
                )
            elif cipher.hmac(entry.record.canonical()) != bytes(row[1]):
                entry.bad = _changed(entry.record)
            else:
                people.append((entry.record, entry.row.line, row[2]))
        return set(found), people

    def _write(self, plans: Sequence[tuple[Entry, Plan]], policy: Policy) -> None:
        context = self.context
        with self.database.write() as tx:
            if context.policies.current(tx, self.jurisdiction).digest != policy.digest:
                raise error("concurrency.conflict", "another policy was adopted meanwhile")
            placed: list[Placed] = []
            keys: list[dict[str, Any]] = []
            remembered: list[dict[str, Any]] = []
            for entry, plan in plans:
                assert entry.record is not None
                cipher, key = context.keyring.make(plan.holder_id)
                keys.append(key)
                placed += _placed(plan, cipher)
                remembered.append(
                    {
                        "command_id": entry.key,
                        "digest": cipher.hmac(entry.record.canonical()),
                        "holder_id": plan.holder_id,
                        "permit_id": plan.permit_id,
                        "stream": plan.permit_id,
                        "first_version": 0,
                        "last_version": len(plan.events),
                    }
                )
            persons = [{"holder_id": plan.holder_id, "version": 1, "gate": 0} for _, plan in plans]
            rows = [plan.row for _, plan in plans]
            _all_new(remembered, tx.each(_NEW_COMMAND, remembered))
            _all_new(keys, tx.each(NEW_KEY, keys))
            _all_new(persons, tx.each(_NEW_HOLDER, persons))
            _all_new(rows, writing.insert_rows(tx, rows))
            messages = [row for _, plan in plans for row, _, _ in plan.notices]
            if messages:
                _all_new(messages, tx.each(writing.INSERT_NOTICE, messages))
            blind_index.write(tx, context.keyring, [each for _, plan in plans for each in _found_by(plan)])
            context.application.events.put(placed, tx=tx, now=context.now())

    # --- what a run needs ---------------------------------------------------------------------------------

    def _current(self, tx: Transaction) -> Checks:
        policy = self.context.policies.current(tx, self.jurisdiction)
        today = self.context.today(policy)
        old = self._checks
        if old is None or old.policy is not policy or old.today != today:
            self._checks = old = Checks(policy, today)
        return old

    def _planner(self, checks: Checks) -> Planner:
        context = self.context
        if self._plans is None or self._plans.checks is not checks:
            self._plans = Planner(
                checks, random=context.random, operator=context.operator, correlation_id=self.run_id
            )
        self._plans.now = context.now()
        return self._plans

    def _index_key(self) -> Cipher:
        keyring = self.context.keyring
        with self.database.read() as tx:
            self._current(tx)  # a jurisdiction without a policy is refused before anything is written
            key = keyring.load(tx, REGISTER_KEY)
        if key is not None:
            return key
        try:
            with self.database.write() as tx:
                return keyring.mint(tx, REGISTER_KEY)
        except ConflictError:
            with self.database.read() as tx:
                key = keyring.load(tx, REGISTER_KEY)
            assert key is not None
            return key


def _found_by(plan: Plan) -> list[blind_index.Entry]:
    """What a counter will find the person and their file by."""
    person = plan.person
    assert isinstance(person, HolderRegistered)
    names = (person.family_name, person.given_names)
    return [
        *blind_index.of_person(plan.holder_id, names, person.birth_date),
        *entries_of_file(plan.holder_id, plan.permit_id, plan.events),
    ]


def _placed(plan: Plan, cipher: Cipher) -> list[Placed]:
    holder_id, permit_id = plan.holder_id, plan.permit_id
    found = [Placed(holder_id, 1, plan.person, holder_id, cipher)]
    found += [Placed(permit_id, n, event, holder_id, cipher) for n, event in enumerate(plan.events, 1)]
    for row, due, dropped in plan.notices:
        found.append(Placed(row["notice_id"], 1, due, holder_id, cipher))
        found.append(Placed(row["notice_id"], 2, dropped, holder_id, cipher))
    return found


def _all_new(rows: Sequence[dict[str, Any]], written: int) -> None:
    if written != len(rows):
        raise error("concurrency.conflict", "another import takes the same rows over; look again")


def _changed(record: Record) -> BadRow:
    return BadRow(
        "row.changed",
        f"the file {record.file_number} is known with another content; nothing was changed: "
        "correct it in the store (correct_record, update_holder)",
    )
