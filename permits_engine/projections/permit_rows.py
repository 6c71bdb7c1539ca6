"""The ``permits`` row: computed from the folded state, so that live, batch and rebuilt rows are the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from permits_engine.domain.decisions import time_effects, timeline
from permits_engine.domain.periods import ONE_DAY
from permits_engine.domain.permit import deadlines, notices
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import GRANTS, REFUSALS, Permit, Request
from permits_engine.domain.rules.policy import Policy

_encoder = msgspec.json.Encoder()


def row_of(
    permit: Permit, policy: Policy, today: date, others: Iterable[Permit] = (), *, settled: bool = False
) -> dict[str, Any]:
    """Return the row of a file as evaluated on a day; ``others`` are the person's other files.

    ``settled`` says that a scheduler pass has just done all that was due on the day; otherwise what is due
    already makes ``next_due`` the day of filing: overdue for a pass of any day.
    """
    s = situation_on(permit, today, policy.at(today), others=others)
    effect = time_effects.next_effect(s)
    row, due = evaluated(s)
    if not settled and (due or effect is not None):
        row["next_due"] = row["filed_on"]
    return row


def shown(s: Situation) -> dict[str, Any]:
    """Return the row of a file with its statuses on the day, for lists that cannot wait for a pass."""
    row, due = evaluated(s)
    if due or time_effects.next_effect(s) is not None:
        row["next_due"] = row["filed_on"]
    return row | {"title_status": s.title_status, "application_status": s.application_status}


def evaluated(s: Situation) -> tuple[dict[str, Any], list[notices.Notice]]:
    """Return the row of a file on a day whose time effects are recorded, and the messages due on it."""
    permit = s.permit
    due, next_message = notices.outlook(s)
    term, request, receipt = s.term, s.request, s.receipt
    first = permit.requests[0]
    first_on, outcome = _first_answer(s, first)
    turns_on, turns_to = _turn(s)
    row = {
        "permit_id": permit.permit_id,
        "version": permit.version,
        "holder_id": permit.holder_id,
        "jurisdiction": permit.jurisdiction,
        "prefecture": s.prefecture,
        "category": permit.category,
        "criterion": permit.criterion,
        "title_kind": permit.title_kind,
        "nationality": permit.nationality,
        "sex": permit.sex,
        "age": permit.age,
        "filed_on": _iso(first.filed_on),
        "first_decided_on": _iso(first_on),
        "outcome": outcome,
        "request_kind": request.kind if request else None,
        "request_filed_on": _iso(request.filed_on) if request else None,
        "request_decided_on": _iso(_answered_on(s)),
        "application_status": s.application_status,
        "application_turns_on": _iso(turns_on),
        "application_turns_to": turns_to,
        "appeal_status": s.appeal_status,
        "track": s.track,
        "term_number": term.number if term else None,
        "valid_from": _iso(term.valid_from) if term else None,
        "valid_until": _iso(term.valid_until) if term else None,
        "counts_until": _iso(_counts_until(s)),
        "window_closes": _iso(s.window_closes),
        "receipt_until": _iso(receipt.until) if receipt else None,
        "revoked_on": _iso(s.revocation.on) if s.revocation else None,
        "lost_on": _iso(s.lost_on),
        "closed_on": _iso(permit.closed[0]) if permit.closed else None,
        "lapsed_on": _iso(permit.lapses[-1][0]) if permit.lapses else None,
        "next_due": None,
        "changes_on": _iso(time_effects.next_effect_day(s)),
        "evaluated_on": _iso(s.day),
        "deadlines": _encoder.encode(deadlines.deadlines(s)).decode(),
        "parked": None,
    }
    # Last: the rules answer for everything that was asked of them before.
    row["next_due"] = _iso(timeline.next_day(s, next_message))
    return row, due


def _counts_until(s: Situation) -> date | None:
    """Return the last day on which the title counts: its own, a later one by a text, or open while a request waits."""
    if s.term is None:
        return None
    return date.max if s.extends_validity else s.ends(s.term)


def _answered_on(s: Situation) -> date | None:
    """Return the day on which the latest request was answered, by a decision or by silence."""
    if s.implicit_on is not None:
        return s.implicit_on
    return s.outcome.on if s.outcome is not None else None


def _first_answer(s: Situation, first: Request) -> tuple[date | None, str]:
    """Return when and how the first application was answered, whatever came of later requests."""
    if s.request is first and s.implicit_on is not None:
        return s.implicit_on, "implicitly_refused"
    decided = [d for d in s.permit.decisions if d.request == first.version and d.annulled_on is None]
    return (decided[-1].on, _outcome(decided[-1].kind)) if decided else (None, "pending")


def _turn(s: Situation) -> tuple[date | None, str | None]:
    """Return when and into what time alone will change the application's status next."""
    request = s.request
    if request is None:
        return None, None
    if s.application_status == "incomplete":
        due = s.latest(lambda each: each.completion_due(request))
        return (due + ONE_DAY, "returned") if due is not None else (None, None)
    if s.application_status == "under_review":
        due = s.latest(lambda each: each.decision_due(request))
        silence = s.rules.get("decision.silence", request.filed_on, s.scope())
        if due is not None and silence == "refusal":
            return due + ONE_DAY, "implicitly_refused"
    number = s.suspended_by
    if s.application_status == "suspended" and number is not None:
        due = s.latest(lambda each: each.answer_due(request, number))
        return (due + ONE_DAY, "under_review") if due is not None else (None, None)
    return None, None


def _outcome(kind: str) -> str:
    return "granted" if kind in GRANTS else "refused" if kind in REFUSALS else kind


@lru_cache(maxsize=8192)
def _iso(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None
