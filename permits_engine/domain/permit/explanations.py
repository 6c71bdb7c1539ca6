"""How each deadline was counted, as phrases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from permits_engine.domain.permit import majority, removal
from permits_engine.domain.permit.appeal_periods import appeal_closes
from permits_engine.domain.permit.deadlines import Deadline, deadlines, expedited_target, opinion_due
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Term
from permits_engine.domain.phrases import Phrase, together


def explained(s: Situation, say: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """The deadlines with their working, ready to be shown; ``say`` puts the working into another language."""
    return [
        {"status": d.status, **msgspec.to_builtins(d), "explanation": say(together(working(s, d)))}
        for d in deadlines(s)
    ]


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
        appeal = removal.pending_appeal(s)
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
    order = removal.removal_in_force(s)
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
