"""A second, small engine for one Moroccan file, to compare the real one with.

Written from the legal reference and the policy decisions alone, without the domain's code: facts with a legal
date, and every answer computed anew from all of them, so that what the law does by date is never stored. Where
the documents leave a thing open an answer is ``OPEN`` or a set of what may be, and nothing is asserted.
"""

from datetime import date, timedelta
from typing import Any

from tests.law.counting import DAY, franc, months, term_end, working
from tests.law.parts import Appeal, Decision, Request, Term

OPEN: frozenset[Any] = frozenset({"(open)"})
REFORM = date(2020, 9, 28)  # law 55-19 in force
COMMUNIQUE = date(2017, 1, 10)
AUTOMATIC = (
    date(2015, 2, 9),
    date(2017, 1, 9),
)  # the first day was known on itself, the last one the day after it
GRACE = LEAVE = timedelta(days=15)
WEEK = timedelta(days=7)
ROADS = {
    "administrative_tribunal": "tribunal",
    "gracious": "administration",
    "hierarchical": "administration",
    "administrative_authority": "administration",
    "national_commission": "commission",
}
BODIES = tuple(ROADS)
REGULAR = {"written", "electronic"}


def only(value: Any) -> frozenset[Any]:
    """The one answer that the documents give."""
    return frozenset({value})


class Peer:
    """One file, and what the documents say of it on any day, as things are known on ``today``."""

    def __init__(self, category: str, filed: date, missing: set[str]) -> None:
        self.category = category
        self.today = filed
        self.requests = [self.request(filed, missing)]
        self.decisions: list[Decision] = []
        self.appeals: list[Appeal] = []
        self.rulings: list[Decision | Appeal] = []  # decisions and express answers, as they were recorded
        self.opinions: list[tuple[date, bool]] = []
        self.absences: list[tuple[date, date | None]] = []
        self.closed: tuple[date, str] | None = None
        self.others: list[Peer] = []

    @property
    def campaign(self) -> bool:
        return self.category != "ordinary"

    def request(self, on: date, missing: set[str]) -> Request:
        return Request(on, set(missing), None if missing else on)

    # --- requests ---

    def latest(self, day: date) -> int | None:
        """The number of the latest request made by a day."""
        return max((n for n, r in enumerate(self.requests) if r.on <= day), default=None)

    def answer_to(self, number: int, day: date) -> Decision | None:
        """The decision on a request in force on a day, by a person or by the law."""
        found = [d for d in self.acts(day) if d.request == number and d.kind != "revocation"]
        return next((d for d in reversed(found) if d.annulled is None), None)

    def documents_due(self, request: Request) -> date | None:
        """The last day to complete an incomplete file (law 55-19 articles 10 and 31)."""
        return franc(request.on, 30, self.today) if request.on >= REFORM else None

    def answer_due(self, request: Request) -> date:
        """The last day to answer a request for documents; the law had set none before law 55-19."""
        assert request.asked is not None
        return franc(request.asked, 30, self.today) if request.on >= REFORM else date.max

    def silence_after(self, number: int) -> date | None:
        """The last day of the time to decide, after which silence is refusal (55-19 article 16, 41-90 article 23)."""
        request = self.requests[number]
        if request.on < REFORM or request.complete is None or (number == 0 and self.campaign):
            return None
        last = request.complete + timedelta(days=61)
        if request.asked is not None:
            resumed = self.answer_due(request) + DAY
            if request.answered is not None:
                resumed = min(resumed, request.answered)
            last += resumed - request.asked
        return working(last, self.today)

    def application(self, day: date) -> frozenset[str]:
        """``application_status`` on a day."""
        number = self.latest(day)
        if number is None:
            return only("none")
        request, answer = self.requests[number], self.answer_to(number, day)
        if answer is not None:
            return only("granted" if answer.kind == "grant" else "refused")
        if request.complete is None or request.complete > day:
            due = self.documents_due(request)
            return only("returned" if due is not None and day > due else "incomplete")
        if request.asked is not None and request.asked <= day:
            waiting = request.answered is None or request.answered > day
            if waiting and day <= self.answer_due(request):
                return only("suspended")
        due = self.silence_after(number)
        silent = due is not None and day > due
        if request.reopened is not None:  # whether the time runs again after an annulment is open
            return frozenset({"under_review", "implicitly_refused"}) if silent else only("under_review")
        return only("implicitly_refused" if silent else "under_review")

    # --- the title ---

    def life(self, day: date) -> tuple[list[Term], list[Decision]]:
        """The terms granted by a day and the decisions taken, by persons and by the law, in the order of their days."""
        terms: list[Term] = []
        acts: list[Decision] = []
        taken = sorted((d for d in self.decisions if d.on <= day), key=lambda d: d.on)
        for each in [*taken, None]:
            before = each.on if each is not None else day + DAY
            while (found := self._automatic(terms, acts, before, day)) is not None:
                acts.append(found)
                terms.append(_following(terms, found))
            if each is not None:
                acts.append(each)
                if each.kind == "grant":
                    terms.append(_following(terms, each))
        return terms, acts

    def acts(self, day: date) -> list[Decision]:
        """The decisions by a day, those of the law among them."""
        return self.life(day)[1]

    def _automatic(self, terms: list[Term], acts: list[Decision], before: date, day: date) -> Decision | None:
        """The renewal of the last term by law, on its last day; beside open proceedings, once they have ended.

        A decision of the same day comes first, for the renewal is there when the day is over.
        """
        last = terms[-1] if terms else None
        if last is None or self.category != "regularisation-2014":
            return None
        due = max(last.end, last.on)
        until = AUTOMATIC[1] if self.today >= COMMUNIQUE else date.max
        if self.today < AUTOMATIC[0] or not AUTOMATIC[0] <= last.end <= until or due >= before:
            return None
        ends = [end for a in self.appeals if (end := self.ended(a, day)) is not None]
        ends += [d.annulled for d in self.decisions if d.annulled is not None and d.annulled <= day]
        for at in [due, *sorted(end for end in ends if due < end < before)]:
            if self._renews(terms, acts, last, at):
                number = self.latest(at)
                open_still = number and not any(d.request == number and d.annulled is None for d in acts)
                asked = number if number and open_still else -1
                return Decision("grant", due, asked, years=1, by_law=True)
        return None

    def _renews(self, terms: list[Term], acts: list[Decision], last: Term, at: date) -> bool:
        """Whether nothing is open against the renewal, nor has answered the request for it."""
        if (self.closed is not None and self.closed[0] <= at) or self.revoked(at) or self.pending(at):
            return False
        if self._lost(terms, at) or any(o.runs_beyond(last.end, at) for o in self.others):
            return False
        number = self.latest(at)
        answers = [d for d in acts if d.request == number and d.annulled is None and d.kind == "refusal"]
        return not answers

    def runs_beyond(self, end: date, day: date) -> bool:
        """Whether a title of this file, neither revoked, lost nor closed, ends later than a day."""
        terms = self.life(day)[0]
        status = self.title(day) if terms else only("none")
        return bool(terms) and terms[-1].end > end and not status & {"closed", "revoked", "lost_by_absence"}

    def term(self, day: date) -> Term | None:
        """The last term granted by a day."""
        terms = self.life(day)[0]
        return terms[-1] if terms else None

    def closes(self, term: Term, day: date) -> date:
        """The last day to ask for renewal: 15 days after the term, or from when it was given (back) after that."""
        closes = term.end + GRACE
        given = term.on if term.on > closes else term.end
        back = next((d for d in reversed(self.decisions) if d.kind == "revocation" and d.annulled), None)
        if (
            back is not None
            and back.annulled is not None
            and max(term.end, term.on - DAY) < back.annulled <= day
        ):
            given = back.annulled
        return max(given, term.end) + GRACE

    def revoked(self, day: date) -> Decision | None:
        """The revocation in force on a day."""
        found = (d for d in self.decisions if d.kind == "revocation" and d.on <= day and d.against())
        return next(found, None)

    def lost(self, day: date) -> bool:
        """Whether more than six months of absence have ended the card by a day (decree 2-09-607 article 19)."""
        return self._lost(self.life(day)[0], day)

    def _lost(self, terms: list[Term], day: date) -> bool:
        """A later exit proves a return between: an exit without its own return counts only if it is the last."""
        out = [each for each in sorted(self.absences, key=lambda a: a[0]) if each[0] <= day]
        for number, (left, came) in enumerate(out, 1):
            if came is None and number < len(out):
                continue
            limit = months(left, 6)
            back = came is not None and came <= limit
            held = any(t.start <= limit + DAY <= t.end for t in terms)
            if not back and limit < day and held:
                return True
        return False

    def title(self, day: date) -> frozenset[str]:
        """``title_status`` on a day."""
        if self.closed is not None and self.closed[0] <= day:
            return only("closed")
        if self.revoked(day) is not None:
            return only("revoked")
        terms = self.life(day)[0]
        if self._lost(terms, day):
            return only("lost_by_absence")
        if any(t.start <= day <= t.end for t in terms):
            return only("active")
        if not terms:
            return only("none")
        return only("expired_in_window" if day <= self.closes(terms[-1], day) else "expired")

    def receipt(self, day: date) -> frozenset[date | None]:
        """``receipt_until`` on a day, recorded or not; open once the file is closed, lost or revoked.

        It goes on by three months from its own end, from a week before it, until a decision is in force.
        """
        number = self.latest(day)
        if number is None:
            return only(None)
        if (self.closed is not None and self.closed[0] <= day) or self.lost(day) or self.revoked(day):
            return OPEN
        return only(self.paper(number, day))

    def paper(self, number: int, day: date) -> date | None:
        """The end of the receipt of a request on a day, none once a decision is in force or the file returned."""
        answer = self.answer_to(number, day)
        refused = answer is not None and answer.kind == "refusal" and answer.told_by(day) is not None
        if (answer is not None and answer.kind == "grant") or refused:
            return None
        if self.application(day) == only("returned"):
            return None
        until = months(self.requests[number].on, 3)
        while until - WEEK <= day:
            until = months(until, 3)
        return until

    # --- appeals ---

    def silent(self, appeal: Appeal) -> date | None:
        """The day on which silence rejects a recourse to the administration (41-90 article 23, 55-19 article 21)."""
        if appeal.body == "administrative_authority":
            return franc(appeal.on, 15, self.today) + DAY
        return appeal.on + timedelta(days=61) if ROADS[appeal.body] == "administration" else None

    def answered(self, appeal: Appeal, day: date) -> tuple[str, date] | None:
        """The answer to an appeal by a day: express, by silence, or withdrawn where another road has annulled."""
        if appeal.decided is not None and appeal.decided <= day:
            return appeal.outcome or "", appeal.decided
        silent = self.silent(appeal)
        annulled = appeal.decision.annulled if appeal.decision else self.requests[appeal.request].reopened
        if annulled is not None and appeal.on <= annulled <= day and (silent is None or annulled < silent):
            return "withdrawn", annulled
        return ("dismissed", silent) if silent is not None and silent <= day else None

    def ended(self, appeal: Appeal, day: date) -> date | None:
        """The day on which an appeal had its answer."""
        answer = self.answered(appeal, day)
        return answer[1] if answer is not None else None

    def pending(self, day: date) -> list[Appeal]:
        """The appeals that wait for an answer on a day."""
        return [a for a in self.appeals if a.on <= day and self.answered(a, day) is None]

    def appeal_status(self, day: date) -> frozenset[str]:
        """Pending while one is, else the latest outcome."""
        if self.pending(day):
            return only("pending")
        found = [
            answer for a in self.appeals if a.on <= day and (answer := self.answered(a, day)) is not None
        ]
        last = max((on for _, on in found), default=None)
        return frozenset(outcome for outcome, on in found if on == last) or only("none")

    # --- the stay ---

    def lawful(self, day: date) -> frozenset[bool]:
        """``lawful_stay`` on a day: true when one of its grounds holds, on this file or on another of the person."""
        found = [each.stay(day) for each in (self, *self.others)]
        if only(True) in found:
            return only(True)
        return OPEN if OPEN in found else only(False)

    def stay(self, day: date) -> frozenset[bool]:
        """Whether this file lets the person stay on a day."""
        if self.closed is not None and self.closed[0] <= day:
            return only(self.closed[1] in {"naturalised", "other_title"})
        for d in self.decisions:  # the annulment works back; the days to leave after a regular notification
            if d.annulled is not None and d.on <= day <= d.annulled:
                return only(True)
            told = d.told_by(day) if d.against() else None
            if told is not None and day <= told + LEAVE:
                return only(True)
        number = self.latest(day)
        if number is None:
            return only(False)
        answer = self.answer_to(number, day)
        waiting = answer is None or (answer.kind == "refusal" and answer.told_by(day) is None)
        returned = answer is None and self.application(day) == only("returned")
        if waiting and not returned:
            return only(True)
        return self._by_title(number, day)

    def _by_title(self, number: int, day: date) -> frozenset[bool]:
        revoked, terms = self.revoked(day), self.life(day)[0]
        taken = revoked is not None and revoked.told_by(day) is not None
        if taken or not terms or self._lost(terms, day):
            return only(False)
        if any(t.start <= day <= t.end for t in terms):
            return only(True)
        asked = any(r.on > terms[-1].on for r in self.requests[1 : number + 1])
        if day <= self.closes(terms[-1], day):
            return OPEN if asked else only(True)
        return only(False)

    def shields(self, day: date) -> frozenset[bool]:
        """Whether a title, a receipt or a title given back bars an expulsion (law 02-03 article 26(6))."""
        if self.closed is not None and self.closed[0] <= day:
            return only(False)
        revoked, (terms, _), number = self.revoked(day), self.life(day), self.latest(day)
        taken = revoked is not None and revoked.told_by(day) is not None
        if not taken and not self._lost(terms, day) and any(t.start <= day <= t.end for t in terms):
            return only(True)
        if any(d.kind == "revocation" and d.annulled and d.on <= day <= d.annulled for d in self.decisions):
            return only(True)
        if number is None or self.paper(number, day) is None:
            return only(False)
        return only(True) if revoked is None and not self._lost(terms, day) else OPEN


def _following(terms: list[Term], grant: Decision) -> Term:
    """The first term from the day of decision, a renewed one from the day after the last."""
    start = terms[-1].end + DAY if terms else grant.on
    return Term(len(terms) + 1, start, term_end(start, grant.years), grant.on)
