"""The import of a register: each row whole or not at all, in batches that each commit, and never twice.

A row is recognised by the ``commands`` table, as any command: the id is an HMAC of its file number under the store's
register key, the digest an HMAC of its content under the holder's key. Neither reveals anything without the keys, and
an erasure makes the second useless. So an import that was stopped is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.loaded import CommandResult
from permits_engine.application.register.cells import BadRow
from permits_engine.application.register.csv_file import RegisterFile, Row, open_register
from permits_engine.application.register.duplicates import LookAlikes
from permits_engine.application.register.planning import ImportedFile, Planner
from permits_engine.application.register.rejects import Rejects, default_place
from permits_engine.application.register.rows import Checks, Record, notes_of
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.domain.errors import ConflictError, PermitsError, error, invalid
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import writing
from permits_engine.projections.search_entries import entries_of_file
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.keys.keyring import REGISTER_KEY, Cipher, register_id

BATCH = 500
"""Rows in one transaction."""
MOST_TEXT = 2_000_000
"""Characters in memory at once: a batch of enormous rows is cut short."""
ATTEMPTS = 3

Progress = Callable[[int, int], None]


class ImportReport(msgspec.Struct):
    """The result of an import: ``read`` is the sum of the next three."""

    read: int = 0
    imported: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects: str | None = None
    codes: dict[str, int] = msgspec.field(default_factory=dict)
    notes: dict[str, list[int]] = msgspec.field(default_factory=dict)
    look_alikes: list[dict[str, Any]] = msgspec.field(default_factory=list)
    encoding: str = ""
    separator: str = ""
    ignored_columns: list[str] = msgspec.field(default_factory=list)


class _Entry(msgspec.Struct):
    """A row, with its record or what is wrong with it."""

    row: Row
    record: Record | None = None
    bad: BadRow | None = None
    key: str = ""
    notes: list[str] = msgspec.field(default_factory=list)


def import_register(
    context: Context,
    path: str | Path,
    *,
    rejects: str | Path | None = None,
    jurisdiction: str | None = None,
    encoding: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a register; bad rows go to the rejects file (default: beside the register).

    Raises ``input.invalid``, before anything is written, where the file or its header cannot be read or the rejects
    file cannot be made; ``policy.none_in_force`` where the jurisdiction (default: the home country) has no policy.
    """
    source, database = Path(path), context.database
    place = Path(rejects) if rejects is not None else default_place(source)
    with ExitStack() as stack:
        file = stack.enter_context(open_register(source, encoding))
        if place.exists() and place.samefile(source):
            raise invalid("--rejects", "is the register itself; name another file")
        out = Rejects(place, file.own_columns, file.separator)
        stack.callback(out.discard)
        people = stack.enter_context(closing(LookAlikes()))
        with database.read() as tx:
            country = jurisdiction or context.policies.home(tx)
        run = _Import(context, country, file, out, people)
        run.all_rows(progress)
        done = out.finish()
        run.report.rejects = str(done) if done is not None else None
        run.report.look_alikes = people.groups()
        return run.report


class _Import:
    """One import of one file."""

    def __init__(
        self,
        context: Context,
        jurisdiction: str,
        file: RegisterFile,
        out: Rejects,
        people: LookAlikes,
    ) -> None:
        self.context = context
        self.jurisdiction = jurisdiction
        self.file = file
        self.out = out
        self.people = people
        self.run_id = context.new_id()
        self.report = ImportReport(
            encoding=file.encoding, separator=file.separator, ignored_columns=file.ignored
        )
        self._checks: Checks | None = None
        self._planner: Planner | None = None
        self._index = self._index_key()

    def all_rows(self, progress: Progress | None) -> None:
        """Import every row, in batches."""
        batch: list[_Entry] = []
        characters = 0
        for row in self.file.rows():
            batch.append(_Entry(row))
            characters += sum(map(len, row.cells))
            if len(batch) == BATCH or characters > MOST_TEXT:
                self._settle(batch)
                batch, characters = [], 0
                if progress is not None:
                    progress(self.file.position(), self.file.size)
        self._settle(batch)
        if progress is not None:
            progress(self.file.size, self.file.size)

    # --- one batch ----------------------------------------------------------------------------------------

    def _settle(self, batch: list[_Entry]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._attempt(batch)
                break
            except ConflictError:  # another import takes the same rows, or a policy was adopted: check again
                if attempt == ATTEMPTS:
                    raise
        report = self.report
        report.read += len(batch)
        for entry in batch:
            if entry.bad is None:
                for note in entry.notes:
                    report.notes.setdefault(note, []).append(entry.row.line)
            else:
                code = entry.bad.code
                report.rejected += 1
                report.codes[code] = report.codes.get(code, 0) + 1
                self.out.add(entry.row.line, code, entry.bad.reason, self.file.own_cells(entry.row))

    def _attempt(self, batch: list[_Entry]) -> None:
        """Check, plan and write a batch."""
        with self.context.database.read() as tx:
            checks = self._current(tx)
            for entry in batch:
                self._check(entry, checks)
            holders_of = self._compare(self.context.begin(tx), batch)
        planned = self._planned(batch, holders_of, self._planner_of(checks))
        if planned:
            self._write(planned, checks.policy)
        holders_of |= {key: file.holder_id for key, (_, file) in planned.items()}
        good = [(x.record, x.row.line, holders_of[x.key]) for x in batch if x.bad is None and x.record]
        self.people.add(good)
        self.report.imported += len(planned)
        self.report.unchanged += len(good) - len(planned)

    def _check(self, entry: _Entry, checks: Checks) -> None:
        entry.bad, entry.record = None, None
        try:
            if entry.row.fault is not None:
                raise BadRow(*entry.row.fault)
            cells = self.file.fields(entry.row)
            entry.record = checks.record(cells)
            entry.notes = notes_of(entry.record, cells)
            entry.key = register_id(self._index, entry.record.file_number)
        except BadRow as bad:
            entry.bad = bad
        except PermitsError as problem:
            entry.bad = BadRow("row.refused", problem.message)

    def _compare(self, uow: UnitOfWork, batch: Sequence[_Entry]) -> dict[str, str]:
        """Return the holders of keys that the store has; mark rows whose content differs from what it has."""
        uow.expect_commands(entry.key for entry in batch if entry.bad is None)
        known = [(entry, uow.command_result(entry.key)) for entry in batch if entry.bad is None]
        found = [(entry, result, result.holder_id or "") for entry, result in known if result is not None]
        uow.expect_keys(holder_id for _, _, holder_id in found)
        for entry, result, holder_id in found:
            assert entry.record is not None
            cipher = uow.key(holder_id)
            if cipher is None:
                entry.bad = BadRow(
                    "row.erased",
                    "this file is known and its holder's data were erased; it is not imported again",
                )
            elif cipher.hmac(entry.record.canonical()) != bytes(result.digest):
                entry.bad = _changed(entry.record)
        return {entry.key: holder_id for entry, _, holder_id in found}

    def _planned(
        self, batch: Sequence[_Entry], known: dict[str, str], planner: Planner
    ) -> dict[str, tuple[Record, ImportedFile]]:
        """Return by key what is new; mark rows that repeat a new one with another content."""
        planned: dict[str, tuple[Record, ImportedFile]] = {}
        for entry in batch:
            if entry.record is None or entry.bad is not None or entry.key in known:
                continue
            if entry.key in planned:
                if planned[entry.key][0] != entry.record:
                    entry.bad = _changed(entry.record)
                continue
            try:
                planned[entry.key] = entry.record, planner.plan(entry.record)
            except PermitsError as problem:
                entry.bad = BadRow("row.refused", problem.message)
        return planned

    def _write(self, planned: dict[str, tuple[Record, ImportedFile]], policy: Policy) -> None:
        with self.context.database.write() as tx:
            uow = self.context.begin(tx)
            if uow.policy(self.jurisdiction).digest != policy.digest:
                raise error("concurrency.conflict", "another policy was adopted meanwhile")
            for command_id, (record, file) in planned.items():
                _add(uow, command_id, record, file)
            uow.write()

    # --- what a run needs ---------------------------------------------------------------------------------

    def _current(self, tx: Transaction) -> Checks:
        policy = self.context.policies.current(tx, self.jurisdiction)
        today = self.context.today(policy)
        checks = self._checks
        if checks is None or checks.policy is not policy or checks.today != today:
            self._checks = checks = Checks(policy, today)
        return checks

    def _planner_of(self, checks: Checks) -> Planner:
        context = self.context
        if self._planner is None or self._planner.checks is not checks:
            self._planner = Planner(
                checks, random=context.random, operator=context.operator, correlation_id=self.run_id
            )
        self._planner.now = context.now()
        return self._planner

    def _index_key(self) -> Cipher:
        keyring = self.context.keyring
        with self.context.database.read() as tx:
            self._current(tx)  # a jurisdiction without a policy is refused before anything is written
            key = keyring.load(tx, REGISTER_KEY)
        if key is not None:
            return key
        try:
            with self.context.database.write() as tx:
                return keyring.mint(tx, REGISTER_KEY)
        except ConflictError:
            with self.context.database.read() as tx:
                key = keyring.load(tx, REGISTER_KEY)
            assert key is not None
            return key


def _add(uow: UnitOfWork, command_id: str, record: Record, file: ImportedFile) -> None:
    """Record a person and their file, and that the row was taken over."""
    holder_id, permit_id = file.holder_id, file.permit_id
    uow.new_holder(holder_id, file.person)
    digest = uow.cipher(holder_id).hmac(record.canonical())
    uow.remember(command_id, CommandResult(digest, holder_id, permit_id, permit_id, 0, len(file.events)))
    uow.write_row(writing.INSERT_PERMIT, file.row)
    uow.append(uow.place(permit_id, 0, file.events, holder_id))
    uow.index(entries_of_file(holder_id, permit_id, file.events))
    for row, *events in file.notices:
        uow.write_row(writing.INSERT_NOTICE, row)
        uow.append(uow.place(row["notice_id"], 0, events, holder_id))


def _changed(record: Record) -> BadRow:
    return BadRow(
        "row.changed",
        f"the file {record.file_number} is known with another content; nothing was changed: "
        "correct it in the store (correct_record, update_holder)",
    )
