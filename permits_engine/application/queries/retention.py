"""What has been kept as long as it may be: people and letters whose time is over, each by its country's policy.

A floor (the archives' law) says how long data stay at least, a ceiling (the privacy law) how long at most. Both are
counted for a person from the end of the last file, for a letter from the day on which it went out. Where they
contradict each other the floor holds, and is named as what stands in the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from permits_engine.application import mail_folder
from permits_engine.application.queries import disclosure, retention_obstacles
from permits_engine.domain.periods import Period, add
from permits_engine.domain.rules.policy import Rules, Value
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement
from permits_engine.store.events.timestamps import moment

if TYPE_CHECKING:
    from permits_engine.application.context import Context

BATCH = 200
# People without a date after the day; the exact end is computed from history, for these alone.
_CANDIDATES = Statement(
    """SELECT k.holder_id FROM holder_keys k JOIN holders h ON h.holder_id = k.holder_id
    WHERE k.holder_id > :after AND NOT EXISTS (
        SELECT 1 FROM permits p WHERE p.holder_id = k.holder_id AND (
            p.closed_on > :day OR p.revoked_on > :day OR p.lost_on > :day
            OR (p.closed_on IS NULL AND p.revoked_on IS NULL AND p.lost_on IS NULL
                AND (p.valid_until > :day OR p.window_closes > :day OR p.request_filed_on > :day))))
    ORDER BY k.holder_id LIMIT :size"""
)
_SENT = Statement(
    among(
        "SELECT n.notice_id, n.holder_id, n.updated_at, p.jurisdiction FROM notices n"
        " JOIN permits p ON p.permit_id = n.permit_id WHERE n.state = 'sent' AND n.notice_id"
    )
)


class Due(msgspec.Struct, omit_defaults=True):
    """A person's data, or a letter in the folder, whose retention period is over."""

    data: str
    holder_id: str
    ended_on: date
    due_on: date
    norm: str
    notice_id: str | None = None
    held_by: list[retention_obstacles.Obstacle] = msgspec.field(default_factory=list)
    """What still prevents the erasure."""


class RetentionPlan(msgspec.Struct):
    """What an application of the retention rules would do; ``plan`` identifies it."""

    plan: str
    due: list[Due]

    @property
    def people(self) -> list[Due]:
        """The people to be erased."""
        return [each for each in self.due if each.data == "person" and not each.held_by]

    @property
    def letters(self) -> list[Due]:
        """The letters to be deleted."""
        return [each for each in self.due if each.data == "letter"]


def plan(context: Context, letters: Path | None) -> RetentionPlan:
    """Return all data and letters whose retention period is over today."""
    due = [*_people(context), *(_letters(context, letters) if letters else ())]
    what = sorted((each.data, each.notice_id or each.holder_id) for each in due if not each.held_by)
    return RetentionPlan(sha256(json.dumps(what).encode()).hexdigest()[:12], due)


def rules_of(context: Context) -> list[disclosure.RetentionRule]:
    """Return the classes of data with floor and ceiling by country, each with its norm."""
    with context.database.read() as tx:
        found = context.policies.in_use(tx)
    lines = [line for policy in found for line in disclosure.periods(policy.at(context.today(policy)), None)]
    for line in lines:
        line.pop("floor_on", None)
        line.pop("ceiling_on", None)
    return lines


def _people(context: Context) -> Iterator[Due]:
    database = context.database
    with database.read() as tx:
        policies = context.policies.in_use(tx)
    shortest = []
    for policy in policies:
        today = context.today(policy)
        ceiling = _ceiling(policy.at(today), "person")
        if ceiling is not None:
            shortest.append(add(today, ceiling.value, -1))
    if not shortest:
        return
    for page in database.pages(_CANDIDATES, {"day": max(shortest).isoformat()}, size=BATCH):
        with database.read() as tx:
            uow = context.begin(tx)
            for (holder_id,) in page:
                found = _person(holder_id, retention_obstacles.assess(context, uow, holder_id))
                if found is not None:
                    yield found


def _person(holder_id: str, assessed: retention_obstacles.Assessment) -> Due | None:
    if assessed.ended_on is None:
        return None
    latest: tuple[date, Value] | None = None
    for rules in assessed.rules.values():
        ceiling = _ceiling(rules, "person")
        if ceiling is None:
            return None
        day = add(assessed.ended_on, ceiling.value)
        latest = max(latest or (day, ceiling), (day, ceiling), key=lambda each: each[0])
    today = max(rules.known for rules in assessed.rules.values())
    if latest is None or latest[0] > today:
        return None
    norm = str(latest[1].source)
    return Due("person", holder_id, assessed.ended_on, latest[0], norm, held_by=assessed.obstacles)


def _letters(context: Context, folder: Path) -> Iterator[Due]:
    names = mail_folder.messages(folder)
    for start in range(0, len(names), BATCH):
        ids = names[start : start + BATCH]
        with context.database.read() as tx:
            for notice_id, holder_id, sent, jurisdiction in tx.all(_SENT, {"ids": ids}):
                policy = context.policies.current(tx, jurisdiction)
                today = context.today(policy)
                ceiling = _ceiling(policy.at(today), "letter")
                went = moment(sent).date()
                if ceiling is not None and add(went, ceiling.value) <= today:
                    day = add(went, ceiling.value)
                    yield Due("letter", holder_id, went, day, str(ceiling.source), notice_id)


def _ceiling(rules: Rules, data: str) -> Value | None:
    found = rules.find("retention.ceiling", rules.known, {"data": data})
    return found if found is not None and isinstance(found.value, Period) else None


def as_rows(due: Iterable[Due]) -> list[dict[str, Any]]:
    """Return what is due as plain values."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(list(due))
    return plain
