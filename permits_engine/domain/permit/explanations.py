"""How each deadline was counted, as phrases."""

from collections.abc import Callable
from typing import Any, NotRequired, TypedDict, cast

import msgspec

from permits_engine.domain import legal_time
from permits_engine.domain.permit import majority, removal
from permits_engine.domain.permit.appeal_periods import closing
from permits_engine.domain.permit.deadlines import Deadline, deadlines, expedited_target, opinion_due
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Term
from permits_engine.domain.phrases import Phrase, together


class DeadlineRow(TypedDict):
    """One deadline as shown; ``due_at`` instead of ``due_on`` where it is counted in hours."""

    status: str
    kind: str
    due_on: str | None
    anchor: int
    rule: str
    body: NotRequired[str]
    against: NotRequired[str]
    due_at: NotRequired[str]
    earliest: NotRequired[str | None]
    latest: NotRequired[str | None]
    certain: NotRequired[bool]
    depends_on: NotRequired[list[str]]
    explanation: str


def explained(s: Situation, say: Callable[[str], str] = str) -> list[DeadlineRow]:
    """Return the deadlines as plain values with their working; ``say`` translates the working."""
    return [_row(s, d, say) for d in deadlines(s)]


def _row(s: Situation, deadline: Deadline, say: Callable[[str], str]) -> DeadlineRow:
    row: dict[str, Any] = {"status": deadline.status, **msgspec.to_builtins(deadline)}
    bounds = row.pop("bounds", None)
    if deadline.due_at is None:
        if bounds is None:
            row |= {"earliest": row["due_on"], "latest": row["due_on"], "certain": True}
        else:
            row |= {"certain": False, **bounds, "depends_on": list(bounds["depends_on"])}
    row["explanation"] = say(together(working(s, deadline)))
    return cast("DeadlineRow", row)


def working(s: Situation, deadline: Deadline) -> list[str]:
    """Return the working of a deadline's day in words, with the source of its rule."""
    words: list[str] = []
    _count(s, deadline, words)
    uncertain = deadline.bounds
    if uncertain is not None and deadline.later is not None and uncertain.latest is not None:
        words.append(Phrase("may_move", earliest=uncertain.earliest, latest=uncertain.latest))
    rule = s.rules.policy.by_id.get(deadline.rule)
    if rule is not None:
        words.append(Phrase("source", source=str(rule.source), rank=rule.rank))
    return words


def _count(s: Situation, deadline: Deadline, words: list[str]) -> None:
    request, term, adverse, day = s.request, s.term, s.adverse, deadline.due_on
    match deadline.kind:
        case "title_expiry" if term is not None:
            words.append(Phrase("term", number=term.number, since=term.valid_from, until=term.valid_until))
            words += _extension(s, term)
        case "renewal_window_opens" | "renewal_window_closes" if term is not None:
            words += _window(s, deadline, term)
        case "receipt_expiry" if s.paper is not None:
            words.append(Phrase("receipt", on=s.paper.on, until=s.paper.until))
        case "departure_due" if adverse is not None and adverse[1] is not None:
            s.departure_due(adverse[1], words=_Named(words, "notified"))
        case "appeal_closes" | "removal_appeal_closes" | "removal_ruling_due" if deadline.of_removal:
            _of_removal(s, deadline, words)
        case "appeal_closes" if adverse is not None and deadline.body is not None:
            start = "silence" if adverse[0] == "implicit" else "notified"
            until = closing(s, deadline.body, words=_Named(words, start))
            if until is not None and until.recourse is not None:
                words.append(Phrase("recourse", on=until.recourse.on))
        case "majority_request_due":
            words.append(Phrase("majority", day=majority.reached_on(s), until=day))
        case "absence_limit":
            words.append(Phrase("absence", day=day))
        case "appeal_ruling_due":
            for appeal in s.pending_appeals:
                if appeal.version == deadline.anchor:
                    s.ruling_due(appeal, words=_Named(words, "lodged"))
        case "documents_due" if request is not None and s.suspended_by is None:
            s.completion_due(request, words=_Named(words, "filed_incomplete"))
        case "documents_due" if request is not None and s.suspended_by is not None:
            s.answer_due(request, s.suspended_by, words=_Named(words, "asked"))
        case "decision_due" | "implicit_refusal" if request is not None:
            s.decision_due(request, words=_Named(words, "file_complete"))
        case "opinion_due":
            opinion_due(s, words=_Named(words, "filed"))
        case "expedited_target":
            expedited_target(s, words=_Named(words, "filed"))


def _of_removal(s: Situation, deadline: Deadline, words: list[str]) -> None:
    order, appeal = removal.removal_in_force(s), removal.pending_appeal(s)
    if deadline.kind == "removal_appeal_closes":
        words += _hours(s)
    elif deadline.kind == "removal_ruling_due" and appeal is not None:
        removal.ruling_due(s, appeal, words=_Named(words, "lodged"))
    elif order is not None:
        removal.days_to_appeal(s, order, words=_Named(words, "notified"))


def _window(s: Situation, deadline: Deadline, term: Term) -> list[str]:
    opens = deadline.kind == "renewal_window_opens"
    name = "renewal.opens" if opens else "renewal.closes"
    length = s.rules.get(name, min(s.day, term.valid_until), s.renewal_scope)
    words: list[str] = [Phrase("term.ends", day=term.valid_until)]
    if not opens:
        words += _extension(s, term)
    words.append(Phrase("window.before" if opens else "window.after", length=length, day=deadline.due_on))
    given = s.given_after_end
    if given is not None:
        granted = given == term.granted_on
        words.append(Phrase("window.granted" if granted else "window.given_back", day=given))
    return words


def _extension(s: Situation, term: Term) -> list[str]:
    found = s.extension(term)
    if found is None or s.ends(term) == term.valid_until:
        return []
    low, high, until = found.value
    source, rank = str(found.source), found.rank
    return [Phrase("term.blanket", low=low, high=high, until=until, source=source, rank=rank)]


def _hours(s: Situation) -> list[str]:
    order = removal.removal_in_force(s)
    closes = removal.appeal_closes(s, order) if order is not None else None
    if order is None or closes is None:
        return []
    zone = legal_time.zone(s.rules.calendar.time_zone)
    notified, ends = order.notified_at.astimezone(zone), closes[0].astimezone(zone)
    return [Phrase("hours", told=notified, length=closes[1].value, ends=ends)]


class _Named(list[str]):
    """A list that lets the first phrase say from what the period starts, and passes every line on."""

    def __init__(self, target: list[str], first: str) -> None:
        super().__init__()
        self._target = target
        self._first: str | None = first

    def append(self, line: str) -> None:
        if self._first is not None and isinstance(line, Phrase):
            line, self._first = Phrase(f"{line.id}.{self._first}", **line.values), None
        self._target.append(line)
