"""Questions to the read models: listing, caseload, campaign results, status; no counters, only queries."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, func, literal, or_, select

from permits_engine.domain.errors import invalid
from permits_engine.store.database import Statement, Unit
from permits_engine.store.schema import notices, parked, permits, scheduler_passes

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
    """The title's status on a day, from the dates of the row."""
    day = literal(today)
    return case(
        (and_(_p.closed_on.is_not(None), _p.closed_on <= day), "closed"),
        (and_(_p.revoked_on.is_not(None), _p.revoked_on <= day), "revoked"),
        (and_(_p.lost_on.is_not(None), _p.lost_on <= day), "lost_by_absence"),
        (_p.valid_until.is_(None), "none"),
        (_p.valid_until >= day, "active"),
        (_p.window_closes >= day, "expired_in_window"),
        else_="expired",
    )


def application_status(today: str) -> Any:
    """The application's status on a day: as evaluated, or what time alone has since made of it."""
    turned = and_(_p.application_turns_on.is_not(None), _p.application_turns_on <= literal(today))
    return case((turned, _p.application_turns_to), else_=_p.application_status)


def _ask(unit: Unit, statement: Select[Any], names: list[str]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in unit.all(Statement(statement), {})]


MOST = 1_000_000
"""Rows in one answer."""


def _bounded(limit: int) -> int:
    if type(limit) is not int or not 1 <= limit <= MOST:
        raise invalid("limit", f"is not a whole number from 1 to {MOST:,}")
    return limit


def listing(
    unit: Unit,
    *,
    today: date,
    status: str | None = None,
    prefecture: str | None = None,
    expiring_before: date | None = None,
    holder_id: str | None = None,
    limit: int | None = 100,
) -> list[dict[str, Any]]:
    """Permits by status of the title or of the application, nearest expiry first."""
    day = today.isoformat()
    title, application = title_status(day), application_status(day)
    names = [
        "permit_id",
        "prefecture",
        "category",
        "title_status",
        "application_status",
        "term_number",
        "valid_from",
        "valid_until",
        "receipt_until",
        "track",
        "next_due",
        "version",
    ]
    query = select(
        _p.permit_id,
        _p.prefecture,
        _p.category,
        title,
        application,
        _p.term_number,
        _p.valid_from,
        _p.valid_until,
        _p.receipt_until,
        _p.track,
        _p.next_due,
        _p.version,
    ).order_by(func.coalesce(_p.valid_until, "9999-12-31"), _p.permit_id)
    if status is not None:
        if status not in {*TITLE, *APPLICATION}:
            raise invalid("status", f"{status!r} is none of {', '.join((*TITLE, *APPLICATION))}")
        query = query.where(
            or_(title == literal(status), application == literal(status))
            if status in TITLE and status in APPLICATION
            else (title if status in TITLE else application) == literal(status)
        )
    if prefecture is not None:
        query = query.where(_p.prefecture == literal(prefecture))
    if holder_id is not None:
        query = query.where(_p.holder_id == literal(holder_id))
    if expiring_before is not None:
        query = query.where(
            _p.valid_until < literal(expiring_before.isoformat()), _p.valid_until >= literal(day)
        )
    if limit is not None:
        query = query.limit(_bounded(limit))
    return _ask(unit, query, names)


def caseload(unit: Unit, on: date) -> list[dict[str, Any]]:
    """By office: requests open at the end of a day, and filed and decided on it."""
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
        .group_by(_p.prefecture)
        .order_by(_p.prefecture)
    )
    return _ask(unit, query, ["prefecture", "open", "filed", "decided"])


def results(unit: Unit, by: tuple[str, ...], category: str | None = None) -> list[dict[str, Any]]:
    """The account of a campaign: first applications counted by some of nationality, sex, office, outcome."""
    unknown = [name for name in by if name not in GROUPS]
    if unknown or not by:
        raise invalid("by", f"{', '.join(unknown) or 'nothing'} is none of {', '.join(GROUPS)}")
    columns = [_p[name] for name in by]
    query = select(*columns, func.count()).group_by(*columns).order_by(func.count().desc(), *columns)
    if category is not None:
        query = query.where(_p.category == literal(category))
    return _ask(unit, query, [*by, "applications"])


STATES = ("due", "sent", "failed", "parked", "suppressed", "bounced")


def messages(
    unit: Unit, *, state: str | None = None, permit_id: str | None = None, limit: int | None = 100
) -> list[dict[str, Any]]:
    """Messages by state or permit, the latest first."""
    n = notices.c
    names = ["notice_id", "permit_id", "kind", "tier", "recipient", "office", "language", "state", "reason"]
    names += ["due_on", "expedited", "attempts", "version"]
    query = select(*(n[name] for name in names)).order_by(n.updated_at.desc(), n.notice_id)
    if state is not None:
        if state not in STATES:
            raise invalid("state", f"{state!r} is none of {', '.join(STATES)}")
        query = query.where(n.state == literal(state))
    if permit_id is not None:
        query = query.where(n.permit_id == literal(permit_id))
    if limit is not None:
        query = query.limit(_bounded(limit))
    return [row | {"expedited": bool(row["expedited"])} for row in _ask(unit, query, names)]


def status(unit: Unit, adopted: list[tuple[str, str, int, int]], head: Any) -> dict[str, Any]:
    """The state of the store for an operator."""
    [(count, seen)] = unit.all(Statement(select(func.count(), func.coalesce(func.sum(_p.version), 0))), {})
    by_state = unit.all(
        Statement(select(notices.c.state, func.count()).group_by(notices.c.state).order_by(notices.c.state)),
        {},
    )
    broken = unit.all(Statement(select(parked.c.stream, parked.c.reason).order_by(parked.c.stream)), {})
    last = unit.one(
        Statement(
            select(scheduler_passes.c.on_day, scheduler_passes.c.finished_at, scheduler_passes.c.summary)
            .order_by(scheduler_passes.c.id.desc())
            .limit(bindparam("n"))
        ),
        {"n": 1},
    )
    return {
        "head": {
            "position": head.position,
            "recorded_at": head.recorded_at,
            "simulated": bool(head.simulated),
        },
        "permits": count,
        "permit_events": int(seen),
        "notices": dict(by_state),
        "parked_streams": [{"stream": stream, "reason": reason} for stream, reason in broken],
        "last_pass": {"on": last[0], "finished_at": last[1], "summary": json.loads(last[2])}
        if last
        else None,
        "policies": [
            {"jurisdiction": code, "digest": digest, "adoptions": number}
            for code, digest, number, _ in adopted
        ],
        "lag": 0,
    }
