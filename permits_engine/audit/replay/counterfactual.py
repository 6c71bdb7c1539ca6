"""One file lived again under another policy, from its outside facts.

Between two facts time does what it does: the acts of the clock and the messages fall due on the days that the
other policy gives. A fact that has no occasion there is spared. Where the other policy turns on an act that
history does not hold, the file is undetermined from that day on; nothing is guessed.
"""

from __future__ import annotations

from datetime import date

import msgspec

from permits_engine.audit.replay.external_facts import ABOUT_REQUEST, JUDGEMENTS, Fact, Held
from permits_engine.audit.replay.redecide import FactsOf, PolicyOf, holder_of
from permits_engine.domain.decisions import decide, timeline
from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.decisions.recorded import possible_commands
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import DecisionNotified, Event, Issued, Lapsed, Refused, Renewed
from permits_engine.domain.periods import ONE_DAY, Period, before
from permits_engine.domain.permit import notices
from permits_engine.domain.permit.fold import apply, fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy

_NO_OCCASION = frozenset({"transition.not_allowed"})
_NOT_RECEIVED = frozenset({"campaign.closed", "criterion.unknown"})
_REFUSED = frozenset(
    {
        *(
            "window.closed",
            "appeal.out_of_time",
            "appeal.not_available",
            "removal.protected",
            "title.overlap",
        ),
        *("documents.second_request", "documents.too_late", "documents.not_listed"),
    }
)
"""What the other policy would have answered to the very same act; the rest asks for an act that nobody did."""
_GROUNDS = ("opinion.required", "campaign.criteria", "title.requires")
"""On what a refusal of an application may have turned."""


class Undetermined(Exception):
    """The other policy needs an act that history does not hold."""

    def __init__(self, on: date, reason: str) -> None:
        super().__init__(reason)
        self.on = on
        self.reason = reason


class Letter(msgspec.Struct, frozen=True):
    """A message to the holder that becomes due."""

    on: date
    kind: str
    office: str


class Life(msgspec.Struct):
    """What became of a file: its events, its letters, the acts that were spared or would have been refused."""

    events: list[Event] = msgspec.field(default_factory=list)
    letters: list[Letter] = msgspec.field(default_factory=list)
    spared: list[tuple[date, str]] = msgspec.field(default_factory=list)
    refused: list[tuple[date, str]] = msgspec.field(default_factory=list)
    undetermined: tuple[date, str] | None = None


class Alternative:
    """A file under another policy."""

    def __init__(
        self, permit_id: str, policy: Policy, policy_of: PolicyOf, facts_of: FactsOf, held: Held
    ) -> None:
        self.permit_id = permit_id
        self.policy = policy
        self.policy_of = policy_of
        self.facts_of = facts_of
        self.held = held
        self.life = Life()
        self.permit: Permit | None = None
        self._versions: dict[int, int] = {}
        self._told: set[str] = set()
        self._day = date.min
        self._due: date | None = None
        self._known = date.min

    def live(self, facts: list[Fact], until: date) -> Life:
        """Everything until a day, or until nobody can say any more."""
        try:
            for fact in facts:
                if fact.on > until:
                    continue
                if fact.made.imported:
                    self._take_over(fact)
                elif fact.made.propagated:
                    self._time(min(fact.on - ONE_DAY, until))
                    self._hear(fact)
                elif fact.passed:
                    self._time(min(fact.on, until))
                else:
                    self._time(fact.on - ONE_DAY)
                    self._know(fact)
                    self._take(fact)
                    self._day = self._due = max(self._day, fact.on)
            self._time(until)
        except Undetermined as end:
            self.life.undetermined = end.on, end.reason
        return self.life

    # --- facts --------------------------------------------------------------------------------------------

    def _know(self, fact: Fact) -> date:
        today = fact.made.day(self.policy.calendar.time_zone)
        self._known = max(self._known, today)
        return today

    def _take_over(self, fact: Fact) -> None:
        """What an old register tells is as it is; time goes on from the day of its import."""
        self._apply([event for _, event in fact.made.events])
        self._versions |= {version: version for version, _ in fact.made.events}
        self._day = self._due = max(self._day, self._know(fact))

    def _hear(self, fact: Fact) -> None:
        """What happened on another file happened, whatever the rules are here."""
        for version, event in fact.made.events:
            self._apply([event])
            self._versions[version] = self.permit.version if self.permit is not None else 0
        self._day = self._due = max(self._day, fact.on)

    def _take(self, fact: Fact) -> None:
        made, first = fact.made, fact.made.first
        if not self._has_occasion(fact):
            self.life.spared.append((fact.on, made.name))
            return
        if made.name in JUDGEMENTS:
            self._still_judged_so(fact)
        try:
            drafts = self._decided(fact)
        except PermitsError as problem:
            self._cannot(fact, problem)
            return
        at = self.permit.version if self.permit is not None else 0
        self._apply([_rightly(draft.unrecorded(first.actor), fact) for draft in drafts])
        for number, (version, _) in enumerate(made.events, at + 1):
            self._versions[version] = number

    def _has_occasion(self, fact: Fact) -> bool:
        name, permit = fact.made.name, self.permit
        if permit is None:
            return name == "lodge_application"
        if fact.decision is not None and fact.decision not in self._versions:
            return False
        if name in ABOUT_REQUEST | JUDGEMENTS and fact.request not in self._versions:
            return False
        return name != "request_renewal" or self._is_time(fact)

    def _is_time(self, fact: Fact) -> bool:
        """Whether a renewal is asked for when the other policy's own term comes to its end.

        Some ask long before: what was early for its own term may be so for another that ends no later.
        """
        s = self._situation(fact.on)
        term = s.term
        if term is None or (fact.term_end is not None and term.valid_until <= fact.term_end):
            return True
        opens = s.window_opens
        if opens is None:
            opens = self._first_reminder(s, term.valid_until)
        return fact.on >= opens

    @staticmethod
    def _first_reminder(s: Situation, end: date) -> date:
        tiers = s.rules.get("reminders.tiers", s.day, s.scope(kind="renewal_reminder")) or ()
        days = [before(end, Period.parse(tier)) for tier in tiers if not tier.endswith("-after")]
        return min(days, default=end)

    def _still_judged_so(self, fact: Fact) -> None:
        """A refusal stands as long as nothing that it may have turned on is otherwise."""
        first, permit = fact.made.first, self.permit
        if not isinstance(first, Refused) or permit is None or first.basis is None:
            return
        own = self.policy_of(permit.jurisdiction, first.basis.policy)
        filed = permit.requests[0].filed_on
        for name in _GROUNDS:
            values = [
                each.at(self._known).get(
                    name, filed, each.scope(permit.category, permit.title_kind, "application")
                )
                for each in (own, self.policy)
            ]
            if values[0] != values[1]:
                raise Undetermined(fact.on, f"refused under another {name}")

    def _decided(self, fact: Fact) -> list[Draft]:
        made, first, permit = fact.made, fact.made.first, self.permit
        today = max(made.day(self.policy.calendar.time_zone), fact.on)
        [command, *_] = possible_commands(made)
        if isinstance(first, Issued | Renewed):
            command.term = None if self._usual(fact, first.term) else first.term
            if command.term is None and isinstance(first, Renewed):
                command.exclusion = None
        if isinstance(first, DecisionNotified):
            command.decision_version = self._versions[first.decision_version]
        holder = holder_of(made, permit, self.policy, self.facts_of)
        return decide.decide(
            made.name, command, permit, holder, self.policy, first.actor, today=today, known=self._known
        )

    def _usual(self, fact: Fact, term: str) -> bool:
        """Whether a term was the policy's own, and not one that somebody chose."""
        first, permit = fact.made.first, self.permit
        if permit is None or first.basis is None:
            return False
        own = self.policy_of(permit.jurisdiction, first.basis.policy)
        name, stage = (
            ("term.first", "application") if isinstance(first, Issued) else ("term.renewal", "renewal")
        )
        scope = own.scope(permit.category, permit.title_kind, stage)
        return str(own.at(self._known).get(name, fact.on, scope)) == term

    def _cannot(self, fact: Fact, problem: PermitsError) -> None:
        name, code = fact.made.name, problem.code
        if code in _NO_OCCASION:
            self.life.spared.append((fact.on, name))
        elif code in _REFUSED or (name == "lodge_application" and code in _NOT_RECEIVED):
            self.life.refused.append((fact.on, f"{name}: {code}"))
        else:
            raise Undetermined(fact.on, f"{name}: {code}")

    # --- time ---------------------------------------------------------------------------------------------

    def _time(self, until: date) -> None:
        """A pass on each day until then on which something falls due."""
        if self.permit is None or self._due is None:
            return
        for moment in timeline.advance(self.permit, self.policy, self._due, until, self._known):
            s = moment.situation
            self._day, self._due = s.day, moment.next_day
            for effect in moment.effects:
                self._check_lapse(s, effect)
                self.life.events.append(effect.unrecorded())
            for each in moment.notices:
                key = each.key(self.permit_id)
                if each.to == notices.HOLDER and key not in self._told:
                    self._told.add(key)
                    self.life.letters.append(Letter(s.day, each.kind, s.prefecture))

    def _check_lapse(self, s: Situation, effect: Draft) -> None:
        term = s.term
        if effect.kind is not Lapsed or term is None:
            return
        if not self.held.settles(term.valid_until, effect.effective_on):
            raise Undetermined(
                effect.effective_on, "nobody was asked whether they renew a term that ends then"
            )

    # --- the file -----------------------------------------------------------------------------------------

    def _situation(self, day: date) -> Situation:
        assert self.permit is not None
        return Situation(self.permit, day, self.policy.at(max(day, self._known)))

    def _apply(self, events: list[Event]) -> None:
        for event in events:
            if self.permit is None:
                self.permit = fold(self.permit_id, [(1, event)])
            else:
                apply(self.permit, self.permit.version + 1, event)
            self.life.events.append(event)


def _rightly(event: Event, fact: Fact) -> Event:
    """A date that was put right later is right here too, where it would have been recorded as it was."""
    right = {name: after for name, before_, after in fact.corrected if getattr(event, name, None) == before_}
    return msgspec.structs.replace(event, **right) if right else event
