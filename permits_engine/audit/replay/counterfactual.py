"""One file as it would have gone under another policy, computed from its external facts.

Between two facts, time effects and messages fall due on the days that the other policy gives. A fact without an
occasion is spared. If the other policy needs an act that history does not hold, the file is undetermined from that
day on; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from permits_engine.audit.replay.external_facts import ABOUT_REQUEST, JUDGEMENTS, ExternalFact, TermEnds
from permits_engine.audit.replay.replay import holder_facts
from permits_engine.audit.replay.sources import Source
from permits_engine.domain.decisions import decide, time_effects, timeline
from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.decisions.recorded import possible_commands
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import (
    DecisionNotified,
    Event,
    Issued,
    Lapsed,
    LostByAbsence,
    Refused,
    Renewed,
)
from permits_engine.domain.periods import ONE_DAY, Period, before
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import apply, fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy

_NO_OCCASION = "transition.not_allowed"
_NOT_RECEIVED = frozenset({"campaign.closed", "criterion.unknown"})
_REFUSED = frozenset(
    {
        *("window.closed", "appeal.out_of_time", "appeal.not_available", "removal.protected"),
        *("title.overlap", "documents.second_request", "documents.too_late", "documents.not_listed"),
    }
)
"""Answers of the other policy to the same act; any other error needs an act that history does not hold."""
_GROUNDS = ("opinion.required", "campaign.criteria", "title.requires")
"""The rules on which a refusal of an application may depend."""


class Undetermined(Exception):
    """The other policy needs an act that history does not hold; the arguments are the day and the reason."""


class MessageDue(msgspec.Struct, frozen=True):
    """A message to the holder that becomes due."""

    on: date
    kind: str
    office: str


class Counterfactual(msgspec.Struct):
    """The course of a file: events, messages, and the acts that were spared or would have been refused.

    ``undetermined`` is the day from which it cannot be known, with the reason.
    """

    events: list[Event] = msgspec.field(default_factory=list)
    messages: list[MessageDue] = msgspec.field(default_factory=list)
    spared: list[tuple[date, str]] = msgspec.field(default_factory=list)
    refused: list[tuple[date, str]] = msgspec.field(default_factory=list)
    undetermined: tuple[date, str] | None = None


class CounterfactualFile:
    """A file that goes through its external facts under another policy."""

    def __init__(self, permit_id: str, policy: Policy, source: Source, term_ends: TermEnds) -> None:
        self.permit_id = permit_id
        self.policy = policy
        self.source = source
        self.term_ends = term_ends
        self.course = Counterfactual()
        self.permit: Permit | None = None
        self._versions: dict[int, int] = {}
        """Versions of events here by those in history."""
        self._notified: set[str] = set()
        self._day = date.min
        self._due: date | None = None
        self._known = date.min

    def run(self, facts: Sequence[ExternalFact], until: date) -> Counterfactual:
        """Return the course of the file until a day, or until it is undetermined."""
        try:
            for fact in facts:
                if fact.on <= until:
                    self._take(fact, until)
            self._advance(until)
        except Undetermined as end:
            on, reason = end.args
            self.course.undetermined = on, reason
        self.course.events = valid_events(self.course.events, self.permit, self.policy)
        return self.course

    def _take(self, fact: ExternalFact, until: date) -> None:
        if fact.made.imported:
            # Imported events are facts as they are; time effects begin on the day of the import.
            self._apply([event for _, event in fact.made.events])
            self._versions |= {version: version for version, _ in fact.made.events}
            self._look_at(self._learn(fact))
        elif fact.made.propagated:
            # What was decided on another file is a fact here, whatever the rules.
            self._advance(min(fact.on - ONE_DAY, until))
            for version, event in fact.made.events:
                self._apply([event])
                self._versions[version] = self.permit.version if self.permit is not None else 0
            self._look_at(fact.on)
        elif fact.is_pass:
            self._advance(min(fact.on, until))
        else:
            self._advance(fact.on - ONE_DAY)
            self._learn(fact)
            self._decide(fact)
            self._look_at(fact.on)

    # --- facts ---

    def _learn(self, fact: ExternalFact) -> date:
        """Return the day on which a fact was recorded; the rules count as known on that day."""
        today = fact.made.day(self.policy.calendar.time_zone)
        self._known = max(self._known, today)
        return today

    def _look_at(self, day: date) -> None:
        self._day = self._due = max(self._day, day)

    def _decide(self, fact: ExternalFact) -> None:
        made, first = fact.made, fact.made.first
        if not self._has_occasion(fact):
            self.course.spared.append((fact.on, made.name))
            return
        if isinstance(first, Refused):
            self._check_refusal(fact, first)
        try:
            drafts = self._drafts(fact)
        except PermitsError as problem:
            self._not_possible(fact, problem)
            return
        at = self.permit.version if self.permit is not None else 0
        self._apply([_with_corrections(draft.unrecorded(first.actor), fact) for draft in drafts])
        for number, (version, _) in enumerate(made.events, at + 1):
            self._versions[version] = number

    def _has_occasion(self, fact: ExternalFact) -> bool:
        name = fact.made.name
        if self.permit is None:
            return name == "lodge_application"
        if fact.decision is not None and fact.decision not in self._versions:
            return False
        if name in ABOUT_REQUEST | JUDGEMENTS and fact.request not in self._versions:
            return False
        return name != "request_renewal" or self._is_renewal_time(fact)

    def _is_renewal_time(self, fact: ExternalFact) -> bool:
        """Whether a renewal would be requested then, near the end of the term under the other policy.

        Some holders request long before: a request may be as early for another term that ends no later.
        """
        s = self._situation(fact.on)
        term = s.term
        if term is None or (fact.term_end is not None and term.valid_until <= fact.term_end):
            return True
        opens = s.window_opens
        if opens is None:
            tiers = s.rules.get("reminders.tiers", s.day, s.scope(kind="renewal_reminder")) or ()
            reminders = [
                before(term.valid_until, Period.parse(tier)) for tier in tiers if not tier.endswith("-after")
            ]
            opens = min(reminders, default=term.valid_until)
        return fact.on >= opens

    def _check_refusal(self, fact: ExternalFact, refused: Refused) -> None:
        """Raise ``Undetermined`` if a rule on which the refusal may depend differs."""
        permit = self.permit
        if permit is None or refused.basis is None:
            return
        own = self.source.policy(permit.jurisdiction, refused.basis.policy)
        filed = permit.requests[0].filed_on
        for name in _GROUNDS:
            here, there = (
                policy.at(self._known).get(
                    name, filed, policy.scope(permit.category, permit.title_kind, "application")
                )
                for policy in (self.policy, own)
            )
            if here != there:
                raise Undetermined(fact.on, f"refused under another {name}")

    def _drafts(self, fact: ExternalFact) -> list[Draft]:
        made, first, permit = fact.made, fact.made.first, self.permit
        today = max(made.day(self.policy.calendar.time_zone), fact.on)
        [command, *_] = possible_commands(made)
        if isinstance(first, Issued | Renewed):
            command.term = None if self._is_policy_term(fact, first) else first.term
            if command.term is None and isinstance(first, Renewed):
                command.exclusion = None
        if isinstance(first, DecisionNotified):
            command.decision_version = self._versions[first.decision_version]
        holder = holder_facts(made, permit, self.policy, self.source)
        return decide.decide(
            made.name, command, permit, holder, self.policy, first.actor, today=today, known=self._known
        )

    def _is_policy_term(self, fact: ExternalFact, granted: Issued | Renewed) -> bool:
        """Whether a term was that of the policy in force, not one chosen by the office."""
        permit = self.permit
        if permit is None or granted.basis is None:
            return False
        own = self.source.policy(permit.jurisdiction, granted.basis.policy)
        first = isinstance(granted, Issued)
        scope = own.scope(permit.category, permit.title_kind, "application" if first else "renewal")
        name = "term.first" if first else "term.renewal"
        return str(own.at(self._known).get(name, fact.on, scope)) == granted.term

    def _not_possible(self, fact: ExternalFact, problem: PermitsError) -> None:
        name, code = fact.made.name, problem.code
        if code == _NO_OCCASION:
            self.course.spared.append((fact.on, name))
        elif code in _REFUSED or (name == "lodge_application" and code in _NOT_RECEIVED):
            self.course.refused.append((fact.on, f"{name}: {code}"))
        else:
            raise Undetermined(fact.on, f"{name}: {code}")

    # --- time ---

    def _advance(self, until: date) -> None:
        """Let time pass until a day: effects and messages on each day on which something falls due."""
        if self.permit is None or self._due is None:
            return
        for moment in timeline.advance(self.permit, self.policy, self._due, until, self._known):
            s = moment.situation
            self._day, self._due = s.day, moment.next_day
            for effect in moment.effects:
                self._check_lapse(s, effect)
                self.course.events.append(effect.unrecorded())
            for each in moment.notices:
                key = each.key(self.permit_id)
                if each.to == notices.HOLDER and key not in self._notified:
                    self._notified.add(key)
                    self.course.messages.append(MessageDue(s.day, each.kind, s.prefecture))

    def _check_lapse(self, s: Situation, effect: Draft) -> None:
        term, on = s.term, effect.effective_on
        if effect.kind is not Lapsed or term is None:
            return
        if not self.term_ends.shows_no_renewal(term.valid_until, on):
            raise Undetermined(on, "it is unknown whether the holder would renew a term ending then")

    # --- the file ---

    def _situation(self, day: date) -> Situation:
        assert self.permit is not None
        return situation_on(self.permit, day, self.policy.at(max(day, self._known)))

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            if self.permit is None:
                self.permit = fold(self.permit_id, [(1, event)])
            else:
                apply(self.permit, self.permit.version + 1, event)
            self.course.events.append(event)


def valid_events(events: list[Event], permit: Permit | None, policy: Policy) -> list[Event]:
    """Return the events without lapses and losses that a later record has made void."""
    if permit is None or not (permit.lapses or permit.losses):
        return events
    rules = policy.at(date.max)
    lapses, losses = time_effects.valid_lapses(permit, rules), time_effects.valid_losses(permit, rules)
    return [
        x
        for x in events
        if (not isinstance(x, Lapsed) or (x.effective_on, x.term_number) in lapses)
        and (not isinstance(x, LostByAbsence) or x.effective_on in losses)
    ]


def _with_corrections(event: Event, fact: ExternalFact) -> Event:
    """Apply later date corrections to the event, unless the counterfactual already differs."""
    right = {name: after for name, wrong, after in fact.corrected if getattr(event, name, None) == wrong}
    return msgspec.structs.replace(event, **right) if right else event
