"""What holds for one permit on one date: statuses, windows and last days, by the rules as known.

Nothing here depends on a scheduler having run: what time alone changes is computed from the dates.
"""

from datetime import date
from itertools import pairwise

from msgspec.structs import replace

from permits_engine.domain.cached import cached_property
from permits_engine.domain.periods import ONE_DAY, Period, add, before
from permits_engine.domain.permit.proceedings import Proceedings
from permits_engine.domain.permit.state import (
    GRANTS,
    IMPLICIT_REFUSAL,
    REFUSALS,
    Absence,
    Decision,
    Receipt,
    Request,
    Term,
)
from permits_engine.domain.rules.policy import Silence, Value


class Situation(Proceedings):
    """A permit on a date; each property is computed once, when first read."""

    @cached_property
    def _ends(self) -> dict[int, date]:
        return {}

    @cached_property
    def terms(self) -> list[Term]:
        """The terms granted by the day, unless annulled."""
        granted = [t for t in self.permit.terms if t.granted_on <= self.day]
        valid = {d.version for d in self.valid_decisions()} if granted else ()
        return [t for t in granted if t.version in valid]

    @cached_property
    def term(self) -> Term | None:
        """The last term granted by the day, even if it has not begun."""
        return self.terms[-1] if self.terms else None

    def covered(self, day: date) -> bool:
        """Return whether a term granted by the day is in force on it, whatever happened to the title."""
        for t in self.terms:
            if t.valid_from <= day and t.granted_on <= day and (day <= t.valid_until or day <= self.ends(t)):
                return True
        return False

    def ends(self, term: Term) -> date:
        """Return the last day on which a term counts: its own, or a later one given by a blanket extension."""
        known = self._ends.get(term.version)
        if known is None:
            found = self.extension(term)
            known = term.valid_until if found is None else max(term.valid_until, found.value[2])
            self._ends[term.version] = known
        return known

    def extension(self, term: Term) -> Value | None:
        """Return the rule that extended every title ending in an interval, where the term is one of them."""
        found = self.rules.find("extension.blanket", term.valid_until, self.scope())
        if found is None or isinstance(found.value, Silence):
            return None
        return found if found.value[0] <= term.valid_until <= found.value[1] else None

    def absence_limit(self, absence: Absence) -> date | None:
        """Return the last day on which a return keeps the title."""
        limit = self.rules.get("absence.limit", absence.out, self.scope())
        return None if limit is None else add(absence.out, limit)

    @cached_property
    def absences(self) -> list[Absence]:
        """The absences begun by the day that count: a later exit proves a return between, on an unknown day."""
        out = [a for a in self.permit.absences if a.out <= self.day]
        return [a for number, a in enumerate(out, 1) if a.back is not None or number == len(out)]

    @cached_property
    def lost_on(self) -> date | None:
        """The day on which an absence ended the title."""
        for absence in self.absences:
            limit = self.absence_limit(absence)
            if limit is None or self.day <= limit or (absence.back is not None and absence.back <= limit):
                continue
            if self.covered(limit + ONE_DAY):
                return limit + ONE_DAY
        return None

    @cached_property
    def given_back(self) -> tuple[date, date] | None:
        """The last annulled revocation: its day and the day on which the title was restored."""
        for decision in reversed(self.permit.decisions):
            if decision.kind == "revoked" and decision.annulled_on is not None and decision.on <= self.day:
                return decision.on, decision.annulled_on
        return None

    def _closes(self, term: Term) -> date | None:
        """Return the last day to request a renewal, each day judged by the rule in force on it.

        A rule that changes while the window is open moves its end; one that comes later opens nothing.
        """
        ends = self.ends(term)
        after = self.rules.get("renewal.closes", term.valid_until, self.renewal_scope)
        if after is None:
            return None
        closes = add(ends, after)
        for since in self._changes("renewal.closes", term.valid_until, closes):
            more = self.rules.get("renewal.closes", since, self.renewal_scope)
            closes = add(ends, more) if more is not None else since - ONE_DAY
            if closes < since:
                return since - ONE_DAY
        return closes

    def _changes(self, name: str, after: date, until: date) -> list[date]:
        """Return the days, later than ``after``, on which another value of a parameter comes into force."""
        days: set[date] = set()
        for each in self.rules.policy.values(name, self.renewal_scope):
            if each.known <= self.rules.known:
                days |= {each.since, each.until + ONE_DAY} if each.until is not None else {each.since}
        return sorted(day for day in days if after < day <= until)

    @cached_property
    def window_closes(self) -> date | None:
        """The last day to request a renewal of the last term."""
        term = self.term
        if term is None:
            return None
        closes = self._closes(term)
        if closes is None:
            return None
        given = self.given_after_end
        if given is not None:
            again = self.rules.get("renewal.given_back", given, self.renewal_scope)
            if again is not None:
                closes = max(closes, add(given, again))
        return closes

    @cached_property
    def given_after_end(self) -> date | None:
        """The day on which the last term was restored after its end, or granted after its window had closed."""
        term, back = self.term, self.given_back
        if term is None:
            return None
        if back is not None and max(self.ends(term), term.granted_on - ONE_DAY) < back[1] <= self.day:
            return back[1]  # an annulment before the grant restored the title before this term
        if term.granted_on <= term.valid_until:
            return None
        closes = self._closes(term)
        return term.granted_on if closes is not None and closes < term.granted_on else None

    @cached_property
    def window_opens(self) -> date | None:
        """The first day to request a renewal, each day judged by the rule in force on it, where the law sets one."""
        term = self.term
        if term is None:
            return None
        starts = [term.valid_from, *self._changes("renewal.opens", term.valid_from, term.valid_until)]
        for since, following in pairwise([*starts, term.valid_until + ONE_DAY]):
            ahead = self.rules.get("renewal.opens", since, self.renewal_scope)
            if ahead is None:
                return None
            opens = max(before(term.valid_until, ahead), since)
            if opens < following:
                return opens
        return term.valid_until

    @cached_property
    def timely_until(self) -> date | None:
        """The last day on which a request to renew the last term is timely."""
        return None if self.term is None else self._timely_until(self.term, self.day)

    def _timely_until(self, term: Term, day: date) -> date | None:
        ahead = self.rules.get("renewal.timely", min(day, term.valid_until), self.renewal_scope)
        if ahead is not None:
            return before(term.valid_until, ahead)
        if self.term is term:
            return self.window_closes
        return self._closes(term)

    def is_timely(self, request: Request) -> bool:
        """Return whether a request was filed in time; a first application always is."""
        if request.kind == "application":
            return True
        term = next((t for t in reversed(self.permit.terms) if t.order < request.order), None)
        if term is None:
            return True
        until = self._timely_until(term, request.filed_on)
        return until is None or request.filed_on <= until

    def renewed_by(self, request: Request) -> Term | None:
        """Return the term that a request asks to renew: the last one granted before it."""
        return next((t for t in reversed(self.terms) if t.order < request.order), None)

    @cached_property
    def renewal_request(self) -> Request | None:
        """The request to renew the last term filed by the day, unless it was returned."""
        request, term = self.request, self.term
        if request is None or term is None or request.kind != "renewal" or request.order < term.order:
            return None
        return None if self.returned_on(request) is not None else request

    @property
    def extends_validity(self) -> bool:
        """Whether filing extends the title itself until the decision (Spain)."""
        request = self.renewal_request
        if request is None or not self.pending or not self.is_timely(request):
            return False
        effect = self.rules.get("filing.effect", request.filed_on, self.scope(request))
        return bool(effect == "validity_extended")

    @cached_property
    def title_status(self) -> str:
        """The status of the title on the day."""
        if self.closure is not None:
            return "closed"
        if self.revocation is not None:
            return "revoked"
        if self.lost_on is not None:
            return "lost_by_absence"
        return self.by_dates

    @cached_property
    def by_dates(self) -> str:
        """The status of the title by its dates alone."""
        if self.term is None:
            return "none"
        if self.covered(self.day) or self.extends_validity:
            return "active"
        if self.day < self.term.valid_from:
            return "none" if len(self.terms) == 1 else "expired_in_window"
        closes = self.window_closes
        return "expired_in_window" if closes is not None and self.day <= closes else "expired"

    @property
    def running(self) -> bool:
        """Whether the title still has an expiry and a window."""
        return self.title_status in {"active", "expired_in_window", "expired"}

    @cached_property
    def paper(self) -> Receipt | None:
        """The last receipt recorded for the latest request, or its last extension: what the holder can show."""
        given = self._receipts()
        return given[-1] if given else None

    @cached_property
    def receipt(self) -> Receipt | None:
        """The receipt of the latest request while no decision on it is in force, with its present end.

        It goes on from its own end, whether or not that is recorded, until the file is closed (decree 2-09-607,
        article 5).
        """
        request = self.request
        if request is None or self.returned_on(request) is not None or self._answered():
            return None
        given = [r for r in self._receipts() if not r.extension]
        if not given:
            return None
        day = self.day if self.closure is None else min(self.day, self.closure[0])
        return replace(given[-1], until=self._goes_on(given[-1].until, day))

    def _receipts(self) -> list[Receipt]:
        request = self.request
        if request is None:
            return []
        return [r for r in self.permit.receipts if r.request == request.version and r.on <= self.day]

    def _answered(self) -> bool:
        """Return whether a decision on the latest request has ended its receipt."""
        decision = self.outcome
        if decision is None:
            return False
        refused = decision.kind in REFUSALS and decision.notified_on(self.day) is not None
        return decision.kind in GRANTS or refused

    def _goes_on(self, until: date, day: date) -> date:
        """Return the end of a receipt on a day, with the extensions due by then, recorded or not."""
        ahead = self.rules.get("receipt.extend_before", day, self.scope()) or Period()
        while day >= before(until, ahead):
            more = self.rules.get("receipt.extension", until, self.scope())
            if more is None:
                break
            until = add(until, more)
        return until

    @cached_property
    def adverse(self) -> tuple[str, Decision | None, date] | None:
        """The decision in force against the holder: (refusal, revocation or implicit; decision; day)."""
        if self.revocation is not None:
            return "revocation", self.revocation, self.revocation.on
        if self.implicit_on is not None:
            return "implicit", self.recorded_silence(self.implicit_on), self.implicit_on
        if self.outcome is not None and self.outcome.kind in REFUSALS:
            return "refusal", self.outcome, self.outcome.on
        return None

    def recorded_silence(self, on: date) -> Decision | None:
        """Return the record of an implicit refusal of that day, also where later facts had put it in question."""
        aside = [decision for decision, _ in self.permit.set_aside]
        for decision in (*self.valid_decisions(self.request), *aside):
            if decision.kind == IMPLICIT_REFUSAL and decision.on == on:
                return decision
        return None

    def departure_due(self, decision: Decision, words: list[str] | None = None) -> date | None:
        """Return the last day to leave after a regularly notified refusal or revocation (law 02-03, article 11)."""
        notified = decision.notified_on(self.day)
        return None if notified is None else self.last_day("departure.limit", notified, words)

    @cached_property
    def proceedings(self) -> bool:
        """Whether a revocation is in force or an appeal pending."""
        return self.revocation is not None or bool(self.pending_appeals)

    @cached_property
    def automatic(self) -> bool:
        """Whether the last term will be renewed automatically at its end."""
        term = self.term
        if term is None or self.proceedings or not self.running:
            return False
        if self.renewal_request is not None and not self.pending:
            return False  # only a pending request is answered by the automatic renewal
        if any(each.valid_until > term.valid_until for each in self.titles_beside(self.permit.title_kind)):
            return False  # two titles of one kind never overlap
        return bool(self.rules.get("renewal.automatic", term.valid_until, self.renewal_scope))

    def titles_beside(self, kind: str) -> list[Term]:
        """Return the last terms of the person's other titles of a kind, where neither revoked, lost nor closed."""
        found = []
        for other in self.others:
            s = Situation(other, self.day, self.rules.policy.at(self.rules.known))
            if s.term is not None and other.title_kind == kind and s.running:
                found.append(replace(s.term, valid_until=s.ends(s.term)))
        return found

    @cached_property
    def would_be_expedited(self) -> bool:
        """Whether a complete and timely request to renew, filed on the day, takes the expedited track."""
        if self.proceedings:
            return False
        return bool(self.rules.get("renewal.expedited", self.day, self.renewal_scope))

    def next_begins(self, request: Request, last: Term, granted_on: date) -> date:
        """Return the first day of the next term: the day after the last one, or that of the grant of a late request.

        A late request granted before the old term ends waits for its end: two terms of one title never overlap
        (legal reference 10.5(18)).
        """
        after = last.valid_until + ONE_DAY
        return after if self.is_timely(request) else max(after, granted_on)

    @cached_property
    def track(self) -> str:
        """The track of the latest request or automatic renewal."""
        request, term = self.request, self.term
        if term is not None and (request is None or term.order > request.order):
            return term.track
        return request.track if request else "standard"

    @property
    def prefecture(self) -> str:
        """The office that holds the file on the day."""
        return self.permit.prefecture(self.day)
