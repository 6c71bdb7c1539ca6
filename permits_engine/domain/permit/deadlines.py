"""The legal clocks of one permit that run on a date, each with its rule and its working in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from permits_engine.domain.periods import ONE_DAY
from permits_engine.domain.permit import majority, removal
from permits_engine.domain.permit.appeal_periods import BODIES, already_ruled, appeal_closes, appeal_rule
from permits_engine.domain.permit.situation import IMPLICIT_REFUSAL, Situation
from permits_engine.domain.rules.policy import Silence, count_of


class Deadline(msgspec.Struct, frozen=True, omit_defaults=True):
    """One clock: its kind, the day (or instant) when it ends, and the event that started it.

    ``status`` is running or suspended; ``anchor`` the version of the event, ``rule`` the id of the value.
    """

    kind: str
    due_on: date | None
    anchor: int
    rule: str
    status: str = "running"
    body: str | None = None
    due_at: datetime | None = None


def deadlines(s: Situation) -> list[Deadline]:
    """Every deadline that runs or is suspended on the day, earliest first."""
    found = [*_title(s), *_request(s), *_appeals(s), *_absence(s), *_removal(s), *_majority(s)]
    return sorted(found, key=lambda d: (_on(d), d.kind, d.body or ""))


def _on(deadline: Deadline) -> date:
    if deadline.due_at is not None:
        return deadline.due_at.date()
    return deadline.due_on or date.max


def _title(s: Situation) -> Iterator[Deadline]:
    term = s.term
    if term is None or not s.running:
        return
    ends = s.ends(term)
    if s.day <= ends:
        rule = _id(s, "term.first" if term.number == 1 else "term.renewal", term.granted_on)
        yield Deadline("title_expiry", ends, term.version, rule)
    if s.renewal_request is not None:  # also one that was refused: no other may follow it
        return
    opens, closes = s.window_opens, s.window_closes
    if opens is not None and s.day < opens:
        yield Deadline("renewal_window_opens", opens, term.version, _id(s, "renewal.opens"))
    if closes is not None and s.day <= closes:
        yield Deadline("renewal_window_closes", closes, term.version, _id(s, "renewal.closes"))


def _request(s: Situation) -> Iterator[Deadline]:
    request = s.request
    if request is None or s.closure is not None:
        return
    receipt = s.receipt
    if receipt is not None and s.day <= receipt.until:
        yield Deadline("receipt_expiry", receipt.until, receipt.version, _id(s, "receipt.term", receipt.on))
    status = s.application_status
    if status == "incomplete":
        due = s.completion_due(request)
        if due is not None:
            yield Deadline(
                "documents_due", due, request.version, _id(s, "documents.completion", request.filed_on)
            )
    if status == "suspended" and s.suspended_by is not None:
        ask = request.asks[s.suspended_by]
        due = s.answer_due(request, s.suspended_by)
        if due is not None:
            yield Deadline("documents_due", due, ask.version, _id(s, "documents.answer", ask.on))
    if status in {"under_review", "suspended"}:
        yield from _decision(s)
    if status in {"incomplete", "under_review", "suspended"}:
        due = opinion_due(s)
        if due is not None and s.day <= due:
            rule = _id(s, "opinion.limit", request.filed_on)
            yield Deadline("opinion_due", due, request.version, rule)


def _decision(s: Situation) -> Iterator[Deadline]:
    request = s.request
    assert request is not None
    due = s.decision_due(request)
    if due is not None and s.day <= due:
        rule = _id(s, "decision.limit", request.filed_on)
        status = "suspended" if s.suspended_by is not None else "running"
        yield Deadline("decision_due", due, request.version, rule, status)
        if s.rules.get("decision.silence", request.filed_on, s.scope()) == "refusal":
            rule = _id(s, "decision.silence", request.filed_on)
            yield Deadline("implicit_refusal", due, request.version, rule, status)
    target = expedited_target(s)
    if target is not None and s.day <= target:
        rule = _id(s, "expedited.target", request.filed_on)
        yield Deadline("expedited_target", target, request.version, rule)


def opinion_due(s: Situation, words: list[str] | None = None) -> date | None:
    """The day by which the local commission gives its opinion, while it has not."""
    request = s.request
    if request is None or s.opinion is not None or not s.pending:
        return None
    limit = s.rules.get("opinion.limit", request.filed_on, s.scope())
    return None if limit is None else s.rules.due(request.filed_on, count_of(limit), words=words)


def expedited_target(s: Situation, words: list[str] | None = None) -> date | None:
    """The day by which an expedited request should be decided, while it is not."""
    request = s.request
    if request is None or request.track != "expedited" or not s.pending:
        return None
    limit = s.rules.get("expedited.target", request.filed_on, s.scope())
    return None if limit is None else s.rules.due(request.filed_on, count_of(limit), words=words)


def _appeals(s: Situation) -> Iterator[Deadline]:
    if s.closure is not None:
        return
    adverse = s.adverse
    if s.pending_appeal is not None:
        yield from _ruling(s)
    elif adverse is not None:
        decision = adverse[1]
        for body in BODIES:
            due = appeal_closes(s, body)
            if due is None or s.day > due or already_ruled(s, body):
                continue
            rule = appeal_rule(s, body)
            anchor = decision.version if decision is not None else 0
            yield Deadline("appeal_closes", due, anchor, rule.id if rule else "", body=body)
    if adverse is not None and adverse[1] is not None and adverse[1].kind != IMPLICIT_REFUSAL:
        due = s.departure_due(adverse[1])
        if due is not None and s.day <= due:
            yield Deadline("departure_due", due, adverse[1].version, _id(s, "departure.limit"))


def _ruling(s: Situation) -> Iterator[Deadline]:
    appeal = s.pending_appeal
    assert appeal is not None
    limit = s.rules.find("appeal.ruling", appeal.on, s.scope(body=appeal.body))
    if limit is not None and not isinstance(limit.value, Silence):
        due = s.rules.due(appeal.on, count_of(limit.value))
        if s.day <= due:
            yield Deadline("appeal_ruling_due", due, appeal.version, limit.id, body=appeal.body)


def _absence(s: Situation) -> Iterator[Deadline]:
    if not s.running:
        return
    for absence in s.permit.absences:
        if absence.out > s.day or (absence.back is not None and absence.back <= s.day):
            continue
        limit = s.absence_limit(absence)
        if limit is not None and s.day <= limit:
            rule = _id(s, "absence.limit", absence.out)
            yield Deadline("absence_limit", limit, absence.version, rule)


def _removal(s: Situation) -> Iterator[Deadline]:
    order = removal.removal_in_force(s)
    if order is None or s.closure is not None:  # no appeal is lodged on a closed file
        return
    appeal = removal.pending_appeal(s)
    if appeal is not None:
        due = removal.ruling_due(s, appeal)
        if due is not None and s.day <= due:
            rule = _id(s, "removal.ruling", appeal.on)
            yield Deadline("removal_ruling_due", due, appeal.version, rule)
    elif not any(a.on <= s.day for a in order.appeals):
        closes = removal.appeal_closes(s, order)
        if closes is not None and s.day <= removal.local_day(s, closes[0]):
            yield Deadline("removal_appeal_closes", None, order.version, closes[1].id, due_at=closes[0])


def _majority(s: Situation) -> Iterator[Deadline]:
    """The months after coming of age, shown to whoever has asked for nothing since."""
    clock = majority.filing_deadline(s)
    rule = majority.filing_closes(s) if clock is not None else None
    if clock is not None and rule is not None:
        yield Deadline("majority_request_due", clock[0], clock[1].version, rule[1].id)


def _id(s: Situation, name: str, on: date | None = None) -> str:
    found = s.rules.peek(name, on or s.day, s.scope())
    return found.id if found else ""


__all__ = ["ONE_DAY", "Deadline", "deadlines"]
