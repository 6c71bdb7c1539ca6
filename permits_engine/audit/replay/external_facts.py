"""The outside facts of one file: what people did, told from what the rules made of it.

Filings, opinions, requests, absences, and the offices' own judgements come from outside; receipts, terms, tracks,
lapses and every act of the clock follow from rules and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

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


class Fact(NamedTuple):
    """One act of somebody, with what it was about in the history: the versions of a request or a decision.

    ``term_end`` is the last day of the term then held; ``passed`` marks a pass of the scheduler, which says no
    more than that somebody looked on that day. ``corrected`` are dates of the outcome that were recorded wrongly:
    the field, what was recorded, what is right.
    """

    made: RecordedDecision
    on: date
    request: int | None
    decision: int | None
    term_end: date | None
    passed: bool = False
    corrected: tuple[tuple[str, date, date], ...] = ()


class Held(NamedTuple):
    """What holders did about the end of their terms: requests and lapses, with the last day of the term."""

    requests: tuple[tuple[date, date | None], ...]
    lapses: tuple[tuple[date, date | None], ...]

    def settles(self, term_end: date, day: date) -> bool:
        """Whether history tells that nobody asked for a renewal of a term that ends so until before a day."""
        return any(end == term_end and on >= day for on, end in (*self.requests, *self.lapses))


def facts_of(history: Sequence[Numbered], recorded: Sequence[int]) -> tuple[list[Fact], Held]:
    """The facts of a file in the order in which they were recorded, as corrected since."""
    found: list[Fact] = []
    requests: list[tuple[date, date | None]] = []
    lapses: list[tuple[date, date | None]] = []
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
            requests.append((first.effective_on, term_end))
        last = max(event.effective_on for _, event in made.events)
        on = last if made.name == RUN_CLOCK else first.effective_on
        found.append(
            Fact(
                made,
                on,
                _request(first, request),
                _decision(first, raw),
                term_end,
                made.name == RUN_CLOCK,
                _corrected(made, raw),
            )
        )
        for _, event in made.events:
            if isinstance(event, Issued | Renewed | ImplicitlyGranted):
                term_end = ends[event.term_number] = event.valid_until
            if isinstance(event, Lapsed):
                lapses.append((event.effective_on, ends.get(event.term_number, term_end)))
    return found, Held(tuple(requests), tuple(lapses))


def _request(event: Any, latest: int | None) -> int | None:
    """The request that an act was about."""
    return getattr(event, "request", None) or latest


def _decision(event: Event, history: dict[int, Event]) -> int | None:
    """The decision that an act was about, if it was about one that somebody took: silence is nobody's."""
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
