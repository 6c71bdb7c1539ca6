"""Lists and counts from the read models: permits, caseload, campaign results, messages."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Generic, NotRequired, TypedDict, TypeVar

import msgspec
from sqlalchemy import Select, and_, bindparam, case, func, literal, or_, select

from permits_engine.domain.errors import invalid
from permits_engine.store.database.schema import notices, permits
from permits_engine.store.database.transactions import Database, Statement, Transaction

TITLE = ("none", "active", "expired_in_window", "expired", "revoked", "lost_by_absence", "closed")
APPLICATION = (
    "incomplete",
    "returned",
    "under_review",
    "suspended",
    "granted",
    "refused",
    "implicitly_refused",
    "implicitly_granted",
)
GROUPS = ("nationality", "sex", "prefecture", "category", "outcome", "criterion")

_p = permits.c


def title_status(today: str) -> Any:
    """Return the title's status on a day, from the dates of the row."""
    day = literal(today)
    return case(
        (and_(_p.closed_on.is_not(None), _p.closed_on <= day), "closed"),
        (and_(_p.revoked_on.is_not(None), _p.revoked_on <= day), "revoked"),
        (and_(_p.lost_on.is_not(None), _p.lost_on <= day), "lost_by_absence"),
        (_p.valid_until.is_(None), "none"),
        (_p.counts_until >= day, "active"),
        (_p.window_closes >= day, "expired_in_window"),
        else_="expired",
    )


def application_status(today: str) -> Any:
    """Return the application's status on a day: as evaluated, or as time alone has changed it since."""
    turned = and_(_p.application_turns_on.is_not(None), _p.application_turns_on <= literal(today))
    return case((turned, _p.application_turns_to), else_=_p.application_status)


def _unchanged(day: str) -> Any:
    """Return the condition that the law has changed nothing by date since the row was written."""
    return or_(_p.changes_on.is_(None), _p.changes_on > literal(day), _p.parked.is_not(None))


_CHANGED = Statement(
    select(_p.permit_id, _p.holder_id)
    .where(_p.changes_on <= bindparam("day"), _p.parked.is_(None))
    .order_by(_p.permit_id)
)


def changed_by_law(tx: Transaction, day: date) -> list[tuple[str, str]]:
    """Return the permits, with their holders, whose rows the law has changed by date and no pass has written since."""
    return [(row[0], row[1]) for row in tx.all(_CHANGED, {"day": day.isoformat()})]


MOST = 1_000_000
"""Rows in one answer."""


def _bounded(limit: int) -> int:
    if type(limit) is not int or not 1 <= limit <= MOST:
        raise invalid("limit", f"is not a whole number from 1 to {MOST:,}")
    return limit


_NEVER = "9999-12-31"


class PermitRow(TypedDict):
    """One permit in a list."""

    permit_id: str
    prefecture: str
    category: str
    title_status: str
    application_status: str
    term_number: int | None
    valid_from: str | None
    valid_until: str | None
    receipt_until: str | None
    track: str
    next_due: str | None
    version: int


COLUMNS = tuple(PermitRow.__annotations__)
WITH_HOLDER = (*COLUMNS, "holder_id", "jurisdiction")


class FoundRow(TypedDict):
    """One permit or person found by a reader; a person without a file has no permit's fields."""

    permit_id: str | None
    prefecture: str | None
    category: str | None
    title_status: str | None
    application_status: str | None
    term_number: int | None
    valid_from: str | None
    valid_until: str | None
    receipt_until: str | None
    track: str | None
    next_due: str | None
    version: int | None
    holder_id: NotRequired[str]
    jurisdiction: NotRequired[str | None]
    family_name: NotRequired[str | None]
    given_names: NotRequired[str | None]
    birth_date: NotRequired[str | None]


class CaseloadRow(TypedDict):
    """One office: requests open at the end of a day, and filed and decided on it."""

    prefecture: str
    open: int
    filed: int
    decided: int


class NoticeRow(TypedDict):
    """One notice in a list."""

    notice_id: str
    permit_id: str
    kind: str
    tier: str | None
    recipient: str
    office: str
    language: str
    state: str
    reason: str | None
    due_on: str | None
    expedited: bool
    attempts: int
    version: int


Row = TypeVar("Row", bound=Mapping[str, Any])


def _ask(tx: Transaction, query: Select[Any], names: Iterable[str]) -> list[Any]:
    return [dict(zip(names, row, strict=True)) for row in tx.all(Statement(query))]


class Page(list[Row], Generic[Row]):
    """A page of rows; ``next`` is the ``after`` of the following page, none at the end."""

    next: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which permits are listed, and how many at a time."""

    status: str | None = None
    prefecture: str | None = None
    expiring_before: date | None = None
    holder_id: str | None = None
    limit: int | None = 100
    after: str | None = None

    @property
    def narrow(self) -> bool:
        """Whether only some of the permits are listed."""
        return any((self.status, self.prefecture, self.expiring_before, self.holder_id))


Fresh = Sequence[Mapping[str, Any]]
"""Rows of the files that the law has changed by date since their row was written, evaluated on the day (``shown``)."""


def listing(tx: Transaction, today: date, wanted: Wanted, fresh: Fresh = ()) -> Page[PermitRow]:
    """Return permits by status of the title or of the application, nearest expiry first."""
    query = _selected(today, wanted, COLUMNS)
    if wanted.after is not None:
        until, permit_id = _read_cursor(wanted.after)
        fresh = [row for row in fresh if _place(row) > (until, permit_id)]
        ends = func.coalesce(_p.valid_until, _NEVER)
        same = and_(ends == literal(until), _p.permit_id > literal(permit_id))
        query = query.where(or_(ends > literal(until), same))
    if wanted.limit is not None:
        query = query.limit(_bounded(wanted.limit) + 1)
    found: list[PermitRow] = _with_fresh(_ask(tx, query, COLUMNS), fresh, today, wanted, COLUMNS)
    return _cut(found, wanted.limit)


def _with_fresh(
    found: list[Any], fresh: Fresh, today: date, wanted: Wanted, names: Sequence[str]
) -> list[Any]:
    """Return the rows with the fresh ones that are wanted at their places."""
    more = [{name: row[name] for name in names} for row in fresh if _is_wanted(row, wanted, today)]
    return sorted([*found, *more], key=_place) if more else found


def _is_wanted(row: Mapping[str, Any], wanted: Wanted, today: date) -> bool:
    ends = row["valid_until"] or ""
    before = wanted.expiring_before
    return (
        wanted.status in {None, row["title_status"], row["application_status"]}
        and wanted.prefecture in {None, row["prefecture"]}
        and wanted.holder_id in {None, row["holder_id"]}
        and (before is None or today.isoformat() <= ends < before.isoformat())
    )


def rows(
    tx: Transaction,
    today: date,
    wanted: Wanted,
    *,
    holder_ids: Sequence[str] | None = None,
    permit_ids: Sequence[str] | None = None,
    fresh: Fresh = (),
) -> list[FoundRow]:
    """Return the permits of some holders, or with some ids, with holder and jurisdiction; all in one list."""
    query = _selected(today, wanted, WITH_HOLDER)
    if holder_ids is not None:
        query = query.where(_p.holder_id.in_(holder_ids))
        fresh = [row for row in fresh if row["holder_id"] in holder_ids]
    if permit_ids is not None:
        query = query.where(_p.permit_id.in_(permit_ids))
        fresh = [row for row in fresh if row["permit_id"] in permit_ids]
    return _with_fresh(_ask(tx, query, WITH_HOLDER), fresh, today, wanted, WITH_HOLDER)


def without_file(holder_id: str) -> FoundRow:
    """Return the row of a person who has no file."""
    row: Any = dict.fromkeys(WITH_HOLDER) | {"holder_id": holder_id}
    found: FoundRow = row
    return found


def page(found: Iterable[FoundRow], wanted: Wanted) -> Page[FoundRow]:
    """Return a page of found rows, from where the last page ended."""
    ordered = sorted(found, key=_place)
    if wanted.after is not None:
        last = _read_cursor(wanted.after)
        ordered = [row for row in ordered if _place(row) > last]
    return _cut(ordered, None if wanted.limit is None else _bounded(wanted.limit))


def _cut(found: Sequence[Row], limit: int | None) -> Page[Row]:
    cut = Page(found if limit is None else found[:limit])
    if limit is not None and len(found) > limit:
        cut.next = base64.urlsafe_b64encode("|".join(_place(cut[-1])).encode()).decode().rstrip("=")
    return cut


def _place(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["valid_until"] or _NEVER, row["permit_id"] or f"~{row['holder_id']}"


def _read_cursor(after: str) -> tuple[str, str]:
    try:
        until, _, key = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode().partition("|")
        date.fromisoformat(until)
    except (ValueError, TypeError):
        raise invalid("after", "is no cursor; give the next of the previous page") from None
    return until, key


def _selected(today: date, wanted: Wanted, names: Sequence[str]) -> Select[Any]:
    day = today.isoformat()
    title, application = title_status(day), application_status(day)
    computed = {"title_status": title, "application_status": application}
    query = select(*(computed[name] if name in computed else _p[name] for name in names)).order_by(
        func.coalesce(_p.valid_until, _NEVER), _p.permit_id
    )
    query = query.where(_unchanged(day))
    status = wanted.status
    if status is not None:
        if status not in {*TITLE, *APPLICATION}:
            raise invalid("status", f"{status!r} is none of {', '.join((*TITLE, *APPLICATION))}")
        query = query.where(
            or_(title == literal(status), application == literal(status))
            if status in TITLE and status in APPLICATION
            else (title if status in TITLE else application) == literal(status)
        )
    if wanted.prefecture is not None:
        query = query.where(_p.prefecture == literal(wanted.prefecture))
    if wanted.holder_id is not None:
        query = query.where(_p.holder_id == literal(wanted.holder_id))
    if wanted.expiring_before is not None:
        query = query.where(
            _p.valid_until < literal(wanted.expiring_before.isoformat()), _p.valid_until >= literal(day)
        )
    return query


def caseload(tx: Transaction, on: date, today: date, fresh: Fresh = ()) -> list[CaseloadRow]:
    """Return by office the requests open at the end of a day, and filed and decided on it."""
    day = literal(on.isoformat())
    is_open = and_(
        _p.request_filed_on <= day, or_(_p.request_decided_on.is_(None), _p.request_decided_on > day)
    )
    query = (
        select(
            _p.prefecture,
            func.sum(case((is_open, 1), else_=0)),
            func.sum(case((_p.request_filed_on == day, 1), else_=0)),
            func.sum(case((_p.request_decided_on == day, 1), else_=0)),
        )
        .where(_unchanged(today.isoformat()))
        .group_by(_p.prefecture)
    )
    found: dict[str, CaseloadRow] = {row["prefecture"]: row for row in _ask(tx, query, _CASELOAD)}
    for row in fresh:
        counted = found.setdefault(
            row["prefecture"], CaseloadRow(prefecture=row["prefecture"], open=0, filed=0, decided=0)
        )
        filed, decided = row["request_filed_on"], row["request_decided_on"]
        counted["open"] += filed <= on.isoformat() and (decided is None or decided > on.isoformat())
        counted["filed"] += filed == on.isoformat()
        counted["decided"] += decided == on.isoformat()
    return [found[office] for office in sorted(found)]


_CASELOAD = tuple(CaseloadRow.__annotations__)


def results(
    tx: Transaction, by: tuple[str, ...], category: str | None, today: date, fresh: Fresh = ()
) -> list[dict[str, Any]]:
    """Return the results of a campaign: first applications counted by some of the coarse attributes."""
    unknown = [name for name in by if name not in GROUPS]
    if unknown or not by:
        raise invalid("by", f"{', '.join(unknown) or 'nothing'} is none of {', '.join(GROUPS)}")
    columns = [_p[name] for name in by]
    query = select(*columns, func.count()).where(_unchanged(today.isoformat())).group_by(*columns)
    if category is not None:
        query = query.where(_p.category == literal(category))
    counted = Counter({tuple(row[:-1]): row[-1] for row in tx.all(Statement(query))})
    counted.update(tuple(row[name] for name in by) for row in fresh if category in {None, row["category"]})
    ordered = sorted(counted.items(), key=lambda each: (-each[1], *map(_absent_first, each[0])))
    return [dict(zip((*by, "applications"), (*key, count), strict=True)) for key, count in ordered]


def _absent_first(value: str | None) -> tuple[bool, str]:
    return value is not None, value or ""


STATES = ("due", "sending", "sent", "failed", "bounced", "parked", "suppressed")


def messages(
    tx: Transaction,
    *,
    state: str | None = None,
    permit_id: str | None = None,
    prefecture: str | None = None,
    limit: int | None = 100,
) -> list[NoticeRow]:
    """Return messages by state, permit or office, the latest first; a failed one may have ``bounced``."""
    n = notices.c
    names = NoticeRow.__annotations__
    query = select(*(n[name] for name in names)).order_by(n.updated_at.desc(), n.notice_id)
    if state is not None:
        if state not in STATES:
            raise invalid("state", f"{state!r} is none of {', '.join(STATES)}")
        came_back = and_(n.state == "failed", n.reason == "bounced")
        query = query.where(came_back if state == "bounced" else n.state == literal(state))
    if prefecture is not None:
        query = query.where(n.office == literal(prefecture))
    if permit_id is not None:
        query = query.where(n.permit_id == literal(permit_id))
    if limit is not None:
        query = query.limit(_bounded(limit))
    found = _ask(tx, query, names)
    for row in found:
        row["expedited"] = bool(row["expedited"])
    return found


_WITH_RECEIPTS = Statement(
    """SELECT permit_id, jurisdiction FROM permits
    WHERE permit_id > :after AND (receipt_until >= :since OR request_filed_on >= :since
        OR request_decided_on >= :since OR closed_on >= :since)
    ORDER BY permit_id LIMIT :size"""
)


def with_receipts(database: Database, since: date, size: int) -> Iterator[list[Any]]:
    """Yield permits (with jurisdiction) that had a receipt, filing, decision or closure since a day, page by page."""
    return database.pages(_WITH_RECEIPTS, {"since": since.isoformat()}, size=size)
