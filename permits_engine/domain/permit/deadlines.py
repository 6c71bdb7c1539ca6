"""The deadlines of one permit that run on a date, each with its rule."""

from collections.abc import Callable
from datetime import date, datetime

import msgspec

from permits_engine.domain.calendars import YEAR
from permits_engine.domain.permit import appeal_periods, majority, readings, removal
from permits_engine.domain.permit.appeal_periods import Closing, open_closings
from permits_engine.domain.permit.readings import Bounds
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import IMPLICIT_REFUSAL, Appeal, Decision, Removal, Request


class Deadline(msgspec.Struct, frozen=True, omit_defaults=True):
    """One deadline: its kind, its last day or instant, the version of the event that started it, its rule's id.

    ``status`` is running or suspended. ``bounds`` are there where the day is not certain.
    """

    kind: str
    due_on: date | None
    anchor: int
    rule: str
    status: str = "running"
    body: str | None = None
    due_at: datetime | None = None
    against: str | None = None
    bounds: Bounds | None = None

    @property
    def earliest(self) -> date | None:
        """The first day that it may turn out to be: what a letter names."""
        return self.due_on if self.bounds is None else self.bounds.earliest

    @property
    def of_removal(self) -> bool:
        """Whether it belongs to a removal."""
        return self.against == "removal" or self.kind.startswith("removal_")

    @property
    def later(self) -> str | None:
        """Why its day may be later than the earliest: ``feast`` or ``year`` (days off not certain), or none."""
        return later(self.bounds)


def later(uncertain: Bounds | None) -> str | None:
    """Return why a day may be later than the earliest: ``feast`` or ``year`` (days off not certain), or none."""
    doubts = [each for each in uncertain.depends_on if each != "answer"] if uncertain is not None else []
    if uncertain is None or not doubts or uncertain.earliest == uncertain.latest:
        return None
    return YEAR if YEAR in doubts else "feast"


def deadlines(s: Situation) -> list[Deadline]:
    """Return every deadline that runs or is suspended on the day, earliest first."""
    found: list[Deadline] = []
    for add in (_title, _request, _appeals, _absence, _removal, _majority):
        add(s, found)
    return sorted(found, key=lambda d: (_on(d), d.kind, d.body or ""))


def _on(deadline: Deadline) -> date:
    if deadline.due_at is not None:
        return deadline.due_at.date()
    return deadline.due_on or date.max


def _add(
    s: Situation,
    found: list[Deadline],
    kind: str,
    due: date | None,
    anchor: int,
    parameter: str,
    on: date | None = None,
    status: str = "running",
) -> None:
    """Add a deadline that has not passed; its rule is the value of the parameter ``on`` that day."""
    if due is not None and s.day <= due:
        rule = s.rules.peek(parameter, on or s.day, s.scope())
        found.append(Deadline(kind, due, anchor, rule.id if rule else "", status))


def _add_rolled(
    s: Situation,
    found: list[Deadline],
    kind: str,
    ask: Callable[[Situation], date | None],
    anchor: int,
    parameter: str,
    on: date | None = None,
    status: str = "running",
) -> None:
    """Add a deadline that may roll to a working day, unless it has passed by every reading."""
    due = ask(s)
    uncertain = readings.bounds(s, ask)
    last = due if uncertain is None else uncertain.latest
    if due is not None and last is not None and s.day <= last:
        rule = s.rules.peek(parameter, on or s.day, s.scope())
        found.append(Deadline(kind, due, anchor, rule.id if rule else "", status, bounds=uncertain))


def _title(s: Situation, found: list[Deadline]) -> None:
    term = s.term
    if term is None or not s.running:
        return
    granting = "term.first" if term.number == 1 else "term.renewal"
    _add(s, found, "title_expiry", s.ends(term), term.version, granting, term.granted_on)
    if s.renewal_request is not None:  # also one that was refused: no other may follow it
        return
    opens = s.window_opens
    if opens is not None and s.day < opens:
        _add(s, found, "renewal_window_opens", opens, term.version, "renewal.opens")
    _add(s, found, "renewal_window_closes", s.window_closes, term.version, "renewal.closes")


def _request(s: Situation, found: list[Deadline]) -> None:
    request, receipt, status = s.request, s.receipt, s.application_status
    if request is None or s.closure is not None:
        return
    if receipt is not None and s.paper is not None:
        _add(s, found, "receipt_expiry", s.paper.until, s.paper.version, "receipt.term", s.paper.on)
    filed, version = request.filed_on, request.version
    if status == "incomplete":
        due = documents_due(request)
        _add_rolled(s, found, "documents_due", due, version, "documents.completion", filed)
    if status == "suspended" and s.suspended_by is not None:
        ask = request.asks[s.suspended_by]
        due = documents_due(request, s.suspended_by)
        _add_rolled(s, found, "documents_due", due, ask.version, "documents.answer", ask.on)
    if status in {"under_review", "suspended"}:
        _decision(s, request, found)
    if status in {"incomplete", "under_review", "suspended"}:
        _add_rolled(s, found, "opinion_due", opinion_due, version, "opinion.limit", filed)


def documents_due(request: Request, number: int | None = None) -> Callable[[Situation], date | None]:
    """Return the question for the last day to complete a file, or to answer a request for documents."""
    if number is None:
        return lambda s: s.completion_due(request)
    return lambda s: s.answer_due(request, number)


def _decision(s: Situation, request: Request, found: list[Deadline]) -> None:
    filed, version = request.filed_on, request.version
    status = "suspended" if s.suspended_by is not None else "running"

    def due(each: Situation) -> date | None:
        return each.decision_due(request)

    _add_rolled(s, found, "decision_due", due, version, "decision.limit", filed, status)
    if s.rules.get("decision.silence", filed, s.scope()) == "refusal":
        _add_rolled(s, found, "implicit_refusal", due, version, "decision.silence", filed, status)
    _add_rolled(s, found, "expedited_target", expedited_target, version, "expedited.target", filed)


def opinion_due(s: Situation, words: list[str] | None = None) -> date | None:
    """Return the last day for the opinion of the local commission, while it is missing."""
    request = s.request
    if request is None or s.opinion is not None or not s.pending:
        return None
    return s.last_day("opinion.limit", request.filed_on, words)


def expedited_target(s: Situation, words: list[str] | None = None) -> date | None:
    """Return the day by which an expedited request should be decided, while it is not."""
    request = s.request
    if request is None or request.track != "expedited" or not s.pending:
        return None
    return s.last_day("expedited.target", request.filed_on, words)


def _appeals(s: Situation, found: list[Deadline]) -> None:
    if s.closure is not None:
        return
    decision = s.adverse[1] if s.adverse is not None else None
    for appeal in s.pending_appeals:
        _ruling(s, appeal, found)
    anchor = decision.version if decision is not None else 0
    for body, closing in open_closings(s):
        found.append(_closing(s, body, closing, anchor))
    if decision is not None and decision.kind != IMPLICIT_REFUSAL:
        _leave(s, decision, found)


def _closing(s: Situation, body: str, closing: Closing, anchor: int) -> Deadline:
    """Return the deadline to appeal to a body; contested where an earlier recourse gives a second day."""
    day, rule = closing.next(s.day), closing.rule.id
    uncertain = appeal_periods.bounds(s, body, closing)
    return Deadline("appeal_closes", day, anchor, rule, body=body, bounds=uncertain)


def _leave(s: Situation, decision: Decision, found: list[Deadline]) -> None:
    def due(each: Situation) -> date | None:
        return each.departure_due(decision)

    _add_rolled(s, found, "departure_due", due, decision.version, "departure.limit")


def _ruling(s: Situation, appeal: Appeal, found: list[Deadline]) -> None:
    due, rule = s.ruling_due(appeal), s.ruling_rule(appeal)
    uncertain = readings.bounds(s, lambda each: each.ruling_due(appeal))
    last = due if uncertain is None else uncertain.latest
    if due is not None and rule is not None and last is not None and s.day <= last:
        found.append(
            Deadline("appeal_ruling_due", due, appeal.version, rule.id, body=appeal.body, bounds=uncertain)
        )


def _absence(s: Situation, found: list[Deadline]) -> None:
    if s.running:
        for absence in s.absences:
            if absence.back is None or absence.back > s.day:
                limit = s.absence_limit(absence)
                _add(s, found, "absence_limit", limit, absence.version, "absence.limit", absence.out)


def _removal(s: Situation, found: list[Deadline]) -> None:
    order = removal.removal_in_force(s)
    if order is None or s.closure is not None:  # no appeal is lodged on a closed file
        return
    appeal = removal.pending_appeal(s)
    if appeal is not None:

        def due(each: Situation) -> date | None:
            return removal.ruling_due(each, appeal)

        _add_rolled(s, found, "removal_ruling_due", due, appeal.version, "removal.ruling", appeal.on)
    elif not any(a.on <= s.day for a in order.appeals):
        _days_to_contest(s, order, found)
        closes = removal.appeal_closes(s, order)
        if closes is not None and s.day <= removal.local_day(s, closes[0]):
            at, rule = closes
            found.append(Deadline("removal_appeal_closes", None, order.version, rule.id, due_at=at))


def _days_to_contest(s: Situation, order: Removal, found: list[Deadline]) -> None:
    days = removal.days_to_appeal(s, order)
    if days is None:
        return
    uncertain = readings.bounds(s, lambda each: removal.last_day_to_appeal(each, order))
    last = days[0] if uncertain is None else uncertain.latest
    if last is not None and s.day <= last:
        due, rule = days[0], days[1].id
        found.append(
            Deadline(
                "appeal_closes",
                due,
                order.version,
                rule,
                body=removal.BODY,
                against="removal",
                bounds=uncertain,
            )
        )


def _majority(s: Situation, found: list[Deadline]) -> None:
    """Add the last day to file after coming of age, unless a request was filed since."""
    last = majority.filing_deadline(s)
    rule = majority.filing_closes(s) if last is not None else None
    if last is not None and rule is not None:
        found.append(Deadline("majority_request_due", last[0], last[1].version, rule[1].id))
