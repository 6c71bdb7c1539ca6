"""Read models again from history: the same rows by the same function, with proof that live equals rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select, text

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections import notice_rows, search_entries, writing
from permits_engine.projections.permit_rows import row_of
from permits_engine.projections.writing import park
from permits_engine.store.database.schema import FILES, events, notices, permits
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events.application import event_store, numbered
from permits_engine.store.keys import blind_index

BATCH = 200
MODELS = ("permits", "notices", "search")

_NEXT_PERMITS = Statement(
    select(events.c.stream)
    .where(text(FILES), events.c.stream > bindparam("after"))
    .order_by(events.c.stream)
    .limit(bindparam("size"))
)
_NEXT_HOLDERS = Statement(
    select(events.c.stream)
    .where(events.c.version == 1, events.c.name.like("holder.%"), events.c.stream > bindparam("after"))
    .order_by(events.c.stream)
    .limit(bindparam("size"))
)
_NEXT_NOTICES = Statement(
    select(events.c.stream)
    .where(events.c.version == 1, events.c.name.like("notice.%"), events.c.stream > bindparam("after"))
    .order_by(events.c.stream)
    .limit(bindparam("size"))
)
_COUNT = Statement(
    select(func.count())
    .select_from(events)
    .where(events.c.version == 1, events.c.name.like(bindparam("like")))
)
_UNPARK = Statement(among("DELETE FROM parked WHERE stream"))


_STREAMS = {"permits": "permit", "notices": "notice", "search": "holder"}


class Report(msgspec.Struct):
    """What a rebuild did or a check found; ``differences`` names each row and its fields."""

    models: list[str]
    streams: int = 0
    written: int = 0
    parked: int = 0
    differences: list[dict[str, Any]] = msgspec.field(default_factory=list)


PolicyOf = Callable[[Transaction, str], Policy]
Today = Callable[[Policy], date]


def rebuild(
    database: Database,
    context: Context,
    name: str | None = None,
    *,
    check: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Compute rows again, stream by stream, in batches that each commit: stopped and run again it goes on."""
    if name is not None and name not in MODELS:
        raise invalid("name", f"{name!r} is none of {', '.join(MODELS)}")
    models = [name] if name else list(MODELS)
    report = Report(models)
    total = _total(database, models)
    for model in models:
        next_streams, uow = _WORK[model]
        for page in database.pages(next_streams, size=BATCH):
            batch = [row[0] for row in page]
            with database.read() if check else database.write() as tx:
                uow(tx, context, batch, report, check)
            report.streams += len(batch)
            if progress is not None:
                progress(report.streams, total)
    return report


def _total(database: Database, models: list[str]) -> int:
    with database.read() as tx:
        counts = [tx.one(_COUNT, {"like": f"{_STREAMS[model]}.%"}) for model in models]
    return sum(int(row[0]) for row in counts if row)


def _live(tx: Transaction, table: Any, key: Any, ids: list[str]) -> dict[str, dict[str, Any]]:
    names = [column.name for column in table.columns]
    rows = tx.all(Statement(select(*table.columns).where(key.in_(ids))), {})
    return {row[names.index(key.name)]: dict(zip(names, row, strict=True)) for row in rows}


def _permits(tx: Transaction, context: Context, ids: list[str], report: Report, check: bool) -> None:
    live = _live(tx, permits, permits.c.permit_id, ids) if check else {}
    rows = []
    uow = context.begin(tx)
    for stream, records in event_store(tx).several(ids).items():
        try:
            permit = fold(stream, numbered(records))
            assert permit is not None
            policy = uow.policy(permit.jurisdiction)
            row = row_of(permit, policy, context.today(policy))
        except PermitsError as problem:
            report.parked += 1
            if check:
                report.differences.append({"permit_id": stream, "error": problem.as_dict()})
            else:
                park(tx, stream, problem.message, context.now())
            continue
        if check:
            _compare(live.get(stream), permit, policy, report, partial(_adoptions, tx, context, policy))
        else:
            rows.append(row)
    if rows:
        whole = [row["permit_id"] for row in rows]
        tx.run(_UNPARK, {"ids": whole})
        writing.replace_rows(tx, rows)
        report.written += len(rows)


def _compare(
    live: dict[str, Any] | None,
    permit: Any,
    policy: Policy,
    report: Report,
    adoptions: Callable[[], set[str]],
) -> None:
    if live is None:
        report.differences.append({"permit_id": permit.permit_id, "missing": True})
        return
    day = date.fromisoformat(live["evaluated_on"])
    settled, fresh = row_of(permit, policy, day, settled=True), row_of(permit, policy, day)
    fields = [name for name in fresh if name != "next_due" and live[name] != fresh[name]]
    fits = live["next_due"] in (settled["next_due"], fresh["next_due"]) or _earlier(live, fresh)
    if not fits and not _asked_again(live, adoptions):
        fields.append("next_due")
    if fields:
        report.differences.append(
            {
                "permit_id": permit.permit_id,
                "fields": {name: {"live": live[name], "rebuilt": fresh[name]} for name in fields},
            }
        )


def _adoptions(tx: Transaction, context: Context, policy: Policy) -> set[str]:
    """The days on which policies were adopted, as an adoption writes them into rows."""
    return {
        datetime.fromtimestamp(record.recorded_at / 1_000_000, UTC).date().isoformat()
        for record, _ in context.policies.every(tx, policy.jurisdiction)
    }


def _asked_again(live: dict[str, Any], adoptions: Callable[[], set[str]]) -> bool:
    """Until the first pass after an adoption a row waits for that day, whatever the new rules say of days before."""
    due: str | None = live["next_due"]
    return due is not None and due >= live["evaluated_on"] and due in adoptions()


def _earlier(live: dict[str, Any], fresh: dict[str, Any]) -> bool:
    """An adoption asks for a look sooner than the file itself would: early is right, late never is.

    The day of evaluation is early enough: an imported file has nothing to tell on the days before.
    """
    return live["next_due"] is not None and (
        fresh["next_due"] is None or live["next_due"] <= max(fresh["next_due"], live["evaluated_on"])
    )


def _notices(tx: Transaction, context: Context, ids: list[str], report: Report, check: bool) -> None:
    live = _live(tx, notices, notices.c.notice_id, ids) if check else {}
    for stream, records in event_store(tx).several(ids).items():
        row = notice_rows.row_of(stream, records)
        if not check:
            notice_rows.replace(tx, row)
            report.written += 1
        elif live.get(stream) is None:
            report.differences.append({"notice_id": stream, "missing": True})
        else:
            found = live[stream]
            fields = [name for name in row if name != "updated_at" and found[name] != row[name]]
            if fields:
                changed = {name: {"live": found[name], "rebuilt": row[name]} for name in fields}
                report.differences.append({"notice_id": stream, "fields": changed})


def _search(tx: Transaction, context: Context, ids: list[str], report: Report, check: bool) -> None:
    """What each person and their files are found by; nothing of those whose key was destroyed."""
    key = context.keyring.load(tx, blind_index.KEY_ID)
    for holder_id in ids:
        try:
            entries = search_entries.entries_of(tx, context.keyring, holder_id)
        except PermitsError as problem:
            # What cannot be read keeps the entries that it has.
            report.parked += 1
            if check:
                report.differences.append({"holder_id": holder_id, "error": problem.as_dict()})
            continue
        if not check:
            blind_index.forget(tx, holder_id)
            blind_index.write(tx, context.keyring, entries)
            report.written += len(entries)
            continue
        wanted = (
            {(row["token"], row["permit_id"]) for row in blind_index.rows(key, entries)} if key else set()
        )
        found = blind_index.entries_of(tx, holder_id)
        if found != wanted or (entries and key is None):
            report.differences.append(
                {"holder_id": holder_id, "missing": len(wanted - found), "extra": len(found - wanted)}
            )


_WORK: dict[str, tuple[Statement, Callable[[Transaction, Any, list[str], Report, bool], None]]] = {
    "permits": (_NEXT_PERMITS, _permits),
    "notices": (_NEXT_NOTICES, _notices),
    "search": (_NEXT_HOLDERS, _search),
}
