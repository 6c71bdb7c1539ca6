"""The external facts of one file: what people did, without what the rules made of it.

Filings, opinions, requests, absences and the offices' judgements are facts; receipts, terms, tracks, lapses and other
time effects follow from the rules and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from permits_engine.domain.decisions.recorded import (
    RUN_CLOCK,
    Numbered,
    RecordedDecision,
    is_time_effect,
    recorded_decisions,
)
from permits_engine.domain.events import (
    AppealDecided,
    Appealed,
    ApplicationLodged,
    DecisionNotified,
    Event,
    ImplicitlyGranted,
    Issued,
    Lapsed,
    RenewalRequested,
    Renewed,
)
from permits_engine.domain.permit.fold import corrected

ABOUT_REQUEST = frozenset({"supply_documents", "request_documents", "extend_decision", "record_opinion"})
JUDGEMENTS = frozenset({"issue_permit", "refuse_application", "renew_permit", "refuse_renewal"})


class ExternalFact(NamedTuple):
    """One act, with the versions of the request or decision that it concerned in history.

    ``term_end`` is the last day of the term then held. ``is_pass`` marks a pass of the scheduler, which shows only that
    the file was looked at on that day. ``corrected`` are dates of the result corrected later: field, recorded, right.
    """

    made: RecordedDecision
    on: date
    request: int | None
    decision: int | None
    term_end: date | None
    is_pass: bool = False
    corrected: tuple[tuple[str, date, date], ...] = ()


class TermEnds(NamedTuple):
    """The days of a file's renewal requests and lapses, each with the last day of its term."""

    days: list[tuple[date, date | None]]

    def shows_no_renewal(self, term_end: date, day: date) -> bool:
        """Whether history shows that no renewal was requested before ``day`` for a term ending then."""
        return any(end == term_end and on >= day for on, end in self.days)


def external_facts(
    history: Sequence[Numbered], recorded: Sequence[int]
) -> tuple[list[ExternalFact], TermEnds]:
    """Return the facts of a file in the order in which they were recorded, as corrected since."""
    found: list[ExternalFact] = []
    term_ends = TermEnds([])
    request: int | None = None
    ends: dict[int, date] = {}
    term_end: date | None = None
    raw = dict(history)
    for made in recorded_decisions(corrected(list(history)), recorded):
        first = made.first
        if made.name == "correct_record":
            continue
        if isinstance(first, ApplicationLodged | RenewalRequested):
            request = made.version
        if isinstance(first, RenewalRequested):
            term_ends.days.append((first.effective_on, term_end))
        is_pass = made.name == RUN_CLOCK
        on = max(event.effective_on for _, event in made.events) if is_pass else first.effective_on
        about = getattr(first, "request", None) or request
        decision = _decision(first, raw)
        found.append(ExternalFact(made, on, about, decision, term_end, is_pass, _corrected(made, raw)))
        for _, event in made.events:
            if isinstance(event, Issued | Renewed | ImplicitlyGranted):
                term_end = ends[event.term_number] = event.valid_until
            if isinstance(event, Lapsed):
                term_ends.days.append((event.effective_on, ends.get(event.term_number, term_end)))
    return found, term_ends


def _decision(event: Event, history: dict[int, Event]) -> int | None:
    """Return the version of the decision that an act concerned, unless that was implicit."""
    if not isinstance(event, DecisionNotified | Appealed | AppealDecided) or not event.decision_version:
        return None
    about = history.get(event.decision_version)
    return None if about is None or is_time_effect(about) else event.decision_version


def _corrected(made: RecordedDecision, raw: dict[int, Event]) -> tuple[tuple[str, date, date], ...]:
    found = []
    for version, event in made.events:
        for name in ("valid_from", "valid_until", "until"):
            before, after = getattr(raw[version], name, None), getattr(event, name, None)
            if name in event.CORRECTABLE and before is not None and after is not None and before != after:
                found.append((name, before, after))
    return tuple(found)
