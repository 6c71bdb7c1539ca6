"""The legal clocks of one permit that run on a date, each with its rule and its working in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from permits_engine.domain import majority, removal
from permits_engine.domain.clocks import ONE_DAY
from permits_engine.domain.parts import Term
from permits_engine.domain.phrases import Phrase, together
from permits_engine.domain.policy import Silence, Value, count_of
from permits_engine.domain.situation import CERTAIN_SILENCE, Situation

BODIES = ("national_commission", "administrative_tribunal", "gracious", "hierarchical")


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


def explained(s: Situation, say: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """The deadlines with their working, ready to be shown; ``say`` puts the working into another language."""
    return [
        {"status": d.status, **msgspec.to_builtins(d), "explanation": say(together(working(s, d)))}
        for d in deadlines(s)
    ]


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
    if request is None or (s.permit.closed is not None and s.permit.closed[0] <= s.day):
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


def appeal_rule(s: Situation, body: str) -> Value | None:
    """The rule on the time to seize a body against what stands; none where it cannot be seized at all."""
    adverse = s.adverse
    if adverse is None:
        return None
    against, decision, since = adverse
    start = decision.notified_on(s.day) if decision is not None and against != "implicit" else since
    scope = s.scope(body=body, against=against)
    return s.rules.find("appeal.limit", start or s.day, scope)


def appeal_start(s: Situation) -> date | None:
    """Day 0 of the time to appeal: the regular notification, or the day on which silence became refusal."""
    if s.adverse is None:
        return None
    against, decision, since = s.adverse
    if against == "implicit":
        return since
    return decision.notified_on(s.day) if decision is not None else None


def appeal_closes(s: Situation, body: str, words: list[str] | None = None) -> date | None:
    """The last day to seize a body; none where no clock runs or the law sets no limit."""
    rule, start = appeal_rule(s, body), appeal_start(s)
    if rule is None or start is None or isinstance(rule.value, Silence):
        return None
    return s.rules.due(start, count_of(rule.value), words=words)


def already_ruled(s: Situation, body: str) -> bool:
    """Whether the body has dismissed an appeal against what stands."""
    adverse = s.adverse
    if adverse is None:
        return False
    version = adverse[1].version if adverse[1] is not None else 0
    silence = s.request.version if adverse[0] == "implicit" and s.request is not None else None
    return any(
        a.body == body
        and (a.against == version or (silence is not None and a.against == 0 and a.request == silence))
        and a.outcome == "dismissed"
        for a in s.permit.appeals
        if a.decided_on is not None and a.decided_on <= s.day
    )


def _appeals(s: Situation) -> Iterator[Deadline]:
    if s.permit.closed is not None and s.permit.closed[0] <= s.day:
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
    if adverse is not None and adverse[1] is not None and adverse[1].kind != CERTAIN_SILENCE:
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
    order, closed = removal.in_force(s), s.permit.closed
    if order is None or (closed is not None and closed[0] <= s.day):  # no appeal is lodged on a closed file
        return
    appeal = removal.pending(s)
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
    clock = majority.clock(s)
    rule = majority.filing_closes(s) if clock is not None else None
    if clock is not None and rule is not None:
        yield Deadline("majority_request_due", clock[0], clock[1].version, rule[1].id)


def _id(s: Situation, name: str, on: date | None = None) -> str:
    found = s.rules.peek(name, on or s.day, s.scope())
    return found.id if found else ""


def working(s: Situation, deadline: Deadline) -> list[str]:
    """How the day of a deadline was worked out, in words, with the source of its rule."""
    words: list[str] = []
    request, term = s.request, s.term
    kind = deadline.kind
    if kind == "title_expiry" and term is not None:
        words.append(Phrase("term", number=term.number, since=term.valid_from, until=term.valid_until))
        words += _extension(s, term)
    elif kind in {"renewal_window_opens", "renewal_window_closes"} and term is not None:
        name = "renewal.opens" if kind.endswith("opens") else "renewal.closes"
        length = s.rules.get(name, min(s.day, term.valid_until), s.scope(stage="renewal"))
        side = "window.before" if kind.endswith("opens") else "window.after"
        words.append(Phrase("term.ends", day=term.valid_until))
        words += _extension(s, term) if kind.endswith("closes") else []
        words.append(Phrase(side, length=length, day=deadline.due_on))
        given = s.given_after_end
        if given is not None:
            words.append(
                Phrase("window.granted" if given == term.granted_on else "window.given_back", day=given)
            )
    elif kind == "receipt_expiry" and s.receipt is not None:
        words.append(Phrase("receipt", on=s.receipt.on, until=s.receipt.until))
    elif kind == "departure_due" and s.adverse is not None and s.adverse[1] is not None:
        s.departure_due(s.adverse[1], words=_named(words, "notified"))
    elif kind == "appeal_closes" and deadline.body is not None:
        what = "silence" if s.adverse and s.adverse[0] == "implicit" else "notified"
        appeal_closes(s, deadline.body, words=_named(words, what))
    elif kind == "removal_appeal_closes":
        words += _hours(s)
    elif kind == "removal_ruling_due":
        appeal = removal.pending(s)
        if appeal is not None:
            removal.ruling_due(s, appeal, words=_named(words, "lodged"))
    elif kind == "majority_request_due":
        words.append(Phrase("majority", day=majority.reached_on(s), until=deadline.due_on))
    elif kind == "absence_limit":
        words.append(Phrase("absence", day=deadline.due_on))
    elif kind == "appeal_ruling_due" and s.pending_appeal is not None:
        words.append(Phrase("ruling", on=s.pending_appeal.on, due=deadline.due_on))
    elif request is not None:
        _request_working(s, deadline, words)
    found = s.rules.policy.by_id.get(deadline.rule)
    if found is not None:
        words.append(Phrase("source", source=str(found.source), rank=found.rank))
    return words


def _extension(s: Situation, term: Term) -> list[str]:
    found = s.extension(term)
    if found is None or s.ends(term) == term.valid_until:
        return []
    low, high, until = found.value
    source, rank = str(found.source), found.rank
    return [Phrase("term.blanket", low=low, high=high, until=until, source=source, rank=rank)]


def _hours(s: Situation) -> list[str]:
    order = removal.in_force(s)
    closes = removal.appeal_closes(s, order) if order is not None else None
    if order is None or closes is None:
        return []
    zone = ZoneInfo(s.rules.calendar.time_zone)
    told, ends = order.notified_at.astimezone(zone), closes[0].astimezone(zone)
    return [Phrase("hours", told=told, length=closes[1].value, ends=ends)]


def _request_working(s: Situation, deadline: Deadline, words: list[str]) -> None:
    request = s.request
    assert request is not None
    if deadline.kind == "documents_due" and s.suspended_by is None:
        s.completion_due(request, words=_named(words, "filed_incomplete"))
    elif deadline.kind == "documents_due" and s.suspended_by is not None:
        s.answer_due(request, s.suspended_by, words=_named(words, "asked"))
    elif deadline.kind in {"decision_due", "implicit_refusal"}:
        s.decision_due(request, words=_named(words, "file_complete"))
    elif deadline.kind == "opinion_due":
        opinion_due(s, words=_named(words, "filed"))
    elif deadline.kind == "expedited_target":
        expedited_target(s, words=_named(words, "filed"))


class _named(list[str]):
    """A list that makes the first phrase say what the clock starts from, and hands every line on."""

    def __init__(self, target: list[str], first: str) -> None:
        super().__init__()
        self._target = target
        self._first: str | None = first

    def append(self, line: str) -> None:
        if self._first is not None and isinstance(line, Phrase):
            line, self._first = Phrase(f"{line.id}.{self._first}", **line.values), None
        self._target.append(line)


__all__ = ["ONE_DAY", "Deadline", "deadlines", "explained", "working"]
