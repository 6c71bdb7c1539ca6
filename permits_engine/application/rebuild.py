"""The rebuild of read models from history: by the same functions as live rows, with a check that both are equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Table, bindparam, func, select, text

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import notice_rows, search_entries, writing
from permits_engine.projections.permit_rows import row_of
from permits_engine.store.database.schema import FILES, events, notices, permits
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import event_store, folded
from permits_engine.store.events.timestamps import moment
from permits_engine.store.keys import blind_index

BATCH = 200

_UNPARK = Statement(among("DELETE FROM parked WHERE stream"))


class RebuildReport(msgspec.Struct):
    """What a rebuild did or a check found; ``differences`` names each row and its fields."""

    models: list[str]
    streams: int = 0
    written: int = 0
    parked: int = 0
    differences: list[dict[str, Any]] = msgspec.field(default_factory=list)


def rebuild(
    context: Context,
    name: str | None = None,
    *,
    check: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> RebuildReport:
    """Compute rows again in batches that each commit, so that an interrupted rebuild can be run again.

    ``name`` is one of the read models (default: all); ``check`` compares and changes nothing.
    """
    if name is not None and name not in MODELS:
        raise invalid("name", f"{name!r} is none of {', '.join(MODELS)}")
    models = [name] if name else list(MODELS)
    database = context.database
    report = RebuildReport(models)
    with database.read() as tx:
        counts = [tx.one(MODELS[model].total) for model in models]
    total = sum(int(row[0]) for row in counts if row)
    for model in models:
        for page in database.pages(MODELS[model].following, size=BATCH):
            with database.read() if check else database.write() as tx:
                MODELS[model].rebuild(Batch(context, tx, report, check), [row[0] for row in page])
            report.streams += len(page)
            if progress is not None:
                progress(report.streams, total)
    return report


class Batch(NamedTuple):
    """What the computation of some rows works with."""

    context: Context
    tx: Transaction
    report: RebuildReport
    check: bool

    def failed(self, key: str, stream: str, problem: PermitsError) -> None:
        """Count a stream that cannot be read; a check reports it."""
        self.report.parked += 1
        if self.check:
            self.report.differences.append({key: stream, "error": problem.as_dict()})

    def live(self, table: Table, ids: list[str]) -> dict[str, dict[str, Any]]:
        """Return the present rows by id, where they are to be compared."""
        if not self.check:
            return {}
        [key], names = table.primary_key.columns, [column.name for column in table.columns]
        rows = self.tx.all(Statement(select(*table.columns).where(key.in_(ids))))
        return {row[names.index(key.name)]: dict(zip(names, row, strict=True)) for row in rows}

    def differ(
        self, key: str, stream: str, live: dict[str, Any], fresh: dict[str, Any], names: list[str]
    ) -> None:
        """Report the fields of a row that differ."""
        if names:
            fields = {name: {"live": live[name], "rebuilt": fresh[name]} for name in names}
            self.report.differences.append({key: stream, "fields": fields})


# --- permits ----------------------------------------------------------------------------------------------


def _permits(batch: Batch, ids: list[str]) -> None:
    context, tx, live = batch.context, batch.tx, batch.live(permits, ids)
    uow, rows = context.begin(tx), []
    for stream, records in event_store(tx).several(ids).items():
        try:
            permit = folded(stream, records)
            policy = uow.policy(permit.jurisdiction)
            row = row_of(permit, policy, context.today(policy), uow.others_for_row(permit))
        except PermitsError as problem:
            batch.failed("permit_id", stream, problem)
            if not batch.check:
                writing.park(tx, stream, problem.message, context.now())
            continue
        if not batch.check:
            rows.append(row)
        elif stream in live:
            _compare(batch, live[stream], permit, policy, uow.others_for_row(permit))
        else:
            batch.report.differences.append({"permit_id": stream, "missing": True})
    if rows:
        tx.run(_UNPARK, {"ids": [row["permit_id"] for row in rows]})
        tx.many(writing.REPLACE_PERMIT, rows)
        batch.report.written += len(rows)


def _compare(
    batch: Batch, live: dict[str, Any], permit: Permit, policy: Policy, others: Iterable[Permit]
) -> None:
    day = date.fromisoformat(live["evaluated_on"])
    settled, fresh = row_of(permit, policy, day, others, settled=True), row_of(permit, policy, day, others)
    names = [name for name in fresh if name != "next_due" and live[name] != fresh[name]]
    fits = live["next_due"] in (settled["next_due"], fresh["next_due"]) or _early_enough(live, fresh)
    if not fits and not _awaits_adopted_policy(batch, live, policy):
        names.append("next_due")
    batch.differ("permit_id", permit.permit_id, live, fresh, names)


def _early_enough(live: dict[str, Any], fresh: dict[str, Any]) -> bool:
    """Return whether the next look is no later than due: an adoption makes it earlier than the file itself asks.

    The day of evaluation is early enough: nothing is due for an imported file on the days before.
    """
    return live["next_due"] is not None and (
        fresh["next_due"] is None or live["next_due"] <= max(fresh["next_due"], live["evaluated_on"])
    )


def _awaits_adopted_policy(batch: Batch, live: dict[str, Any], policy: Policy) -> bool:
    """Return whether the row waits for the first pass after an adoption, whatever the new rules say of days before."""
    due: str | None = live["next_due"]
    if due is None or due < live["evaluated_on"]:
        return False
    adoptions = batch.context.policies.every(batch.tx, policy.jurisdiction)
    return due in {moment(record.recorded_at).astimezone(UTC).date().isoformat() for record, _ in adoptions}


# --- notices and the search index -------------------------------------------------------------------------


def _notices(batch: Batch, ids: list[str]) -> None:
    live = batch.live(notices, ids)
    for stream, records in event_store(batch.tx).several(ids).items():
        row = notice_rows.row_of(stream, records)
        if not batch.check:
            notice_rows.replace(batch.tx, row)
            batch.report.written += 1
        elif stream not in live:
            batch.report.differences.append({"notice_id": stream, "missing": True})
        else:
            names = [name for name in row if name != "updated_at" and live[stream][name] != row[name]]
            batch.differ("notice_id", stream, live[stream], row, names)


def _search(batch: Batch, ids: list[str]) -> None:
    """Rebuild the search entries of holders; none for those whose key was destroyed."""
    tx, keyring = batch.tx, batch.context.keyring
    key = keyring.load(tx, blind_index.KEY_ID)
    for holder_id in ids:
        try:
            entries = search_entries.entries_of(tx, keyring, holder_id)
        except PermitsError as problem:  # such a holder keeps the present entries
            batch.failed("holder_id", holder_id, problem)
            continue
        if not batch.check:
            blind_index.forget(tx, holder_id)
            blind_index.write(tx, keyring, entries)
            batch.report.written += len(entries)
            continue
        rows = blind_index.rows(key, entries) if key else []
        wanted = {(row["token"], row["permit_id"]) for row in rows}
        found = blind_index.entries_of(tx, holder_id)
        if found != wanted or (entries and key is None):
            difference = {"missing": len(wanted - found), "extra": len(found - wanted)}
            batch.report.differences.append({"holder_id": holder_id, **difference})


class _Model(NamedTuple):
    """A read model: how its streams are counted and found, and how some of its rows are computed."""

    total: Statement
    following: Statement
    rebuild: Callable[[Batch, list[str]], None]


def _model(begins: str, rebuild: Callable[[Batch, list[str]], None]) -> _Model:
    stream, first = events.c.stream, text(begins)
    following = select(stream).where(first, stream > bindparam("after")).order_by(stream)
    return _Model(
        Statement(select(func.count()).select_from(events).where(first)),
        Statement(following.limit(bindparam("size"))),
        rebuild,
    )


MODELS = {
    "permits": _model(FILES, _permits),
    "notices": _model("version = 1 AND name >= 'notice.' AND name < 'notice/'", _notices),
    "search": _model("version = 1 AND name >= 'holder.' AND name < 'holder/'", _search),
}
"""The read models by name."""
