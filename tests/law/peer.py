"""A second, small engine for one Moroccan file, to compare the real one with.

Written from the legal reference and the policy decisions alone, without the domain's code: facts with a legal
date, and every answer computed anew from all of them. Where the documents leave a thing open an answer is
``OPEN`` or a set of what may be, and nothing is asserted.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.law.counting import DAY, franc, months, working

OPEN: frozenset[Any] = frozenset({"(open)"})
REFORM = date(2020, 9, 28)  # law 55-19 in force
COMMUNIQUE = date(2017, 1, 10)
GRACE = LEAVE = timedelta(days=15)
BODIES = ("administrative_tribunal", "gracious", "hierarchical", "national_commission")
REGULAR = {"written", "electronic"}


def only(value: Any) -> frozenset[Any]:
    """The one answer that the documents give."""
    return frozenset({value})


@dataclass
class Decision:
    """A grant, refusal or revocation; ``on`` request number ``request`` unless it is a revocation.

    ``by_law``: an automatic renewal, which answers the request and is no decision of anybody.
    """

    kind: str
    on: date
    request: int
    told: list[date] = field(default_factory=list)
    annulled: date | None = None
    by_law: bool = False

    def told_by(self, day: date) -> date | None:
        """The first regular notification, where it was made by a day."""
        first = min(self.told, default=None)
        return first if first is not None and first <= day else None

    def against(self) -> bool:
        """Whether it is in force against the holder."""
        return self.kind != "grant" and self.annulled is None


@dataclass
class Request:
    """An application (number 0) or a request for renewal."""

    on: date
    missing: set[str]
    complete: date | None
    asked: date | None = None
    wanted: str = ""
    answered: date | None = None
    reopened: date | None = None
    receipts: list[tuple[date, date]] = field(default_factory=list)  # (shown from, until)


@dataclass
class Term:
    """A term granted on ``on``."""

    number: int
    start: date
    end: date
    on: date
    given_back: date | None = None


@dataclass
class Appeal:
    """An appeal; against a decision, or against the silence on a request (``decision`` None)."""

    body: str
    on: date
    decision: Decision | None
    request: int
    outcome: str | None = None
    decided: date | None = None


class Peer:
    """One file, and what the documents say of it on any day, as things are known on ``today``."""

    def __init__(self, category: str, filed: date, missing: set[str]) -> None:
        self.category = category
        self.today = filed
        self.requests = [self._request(filed, missing)]
        self.decisions: list[Decision] = []
        self.terms: list[Term] = []
        self.appeals: list[Appeal] = []
        self.opinions: list[tuple[date, bool]] = []
        self.absences: list[tuple[date, date | None]] = []
        self.closed: tuple[date, str] | None = None

    @property
    def campaign(self) -> bool:
        return self.category != "ordinary"

    def _request(self, on: date, missing: set[str]) -> Request:
        found = Request(on, set(missing), None if missing else on)
        found.receipts.append((on, months(on, 3)))
        return found

    # --- requests ---

    def latest(self, day: date) -> int | None:
        """The number of the latest request made by a day."""
        return max((n for n, r in enumerate(self.requests) if r.on <= day), default=None)

    def answer_to(self, number: int, day: date) -> Decision | None:
        """The express decision on a request in force on a day."""
        found = [d for d in self.decisions if d.request == number and d.kind != "revocation" and d.on <= day]
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

    def term(self, day: date) -> Term | None:
        """The last term granted by a day."""
        return next((t for t in reversed(self.terms) if t.on <= day), None)

    def closes(self, term: Term) -> date:
        """The last day to ask for renewal: 15 days after the term, or from when it was given (back) after that."""
        closes = term.end + GRACE
        given = term.on if term.on > closes else term.end
        return max(given, term.given_back or term.end) + GRACE

    def revoked(self, day: date) -> Decision | None:
        """The revocation in force on a day."""
        found = (d for d in self.decisions if d.kind == "revocation" and d.on <= day and d.against())
        return next(found, None)

    def lost(self, day: date) -> bool:
        """Whether more than six months of absence have ended the card by a day (decree 2-09-607 article 19)."""
        term = self.term(day)
        if term is None:
            return False
        for left, came in self.absences:
            limit = months(left, 6)
            back = came is not None and came <= limit
            if left >= self.terms[0].on and not back and limit < day and limit < term.end:
                return True
        return False

    def pending(self, day: date) -> Appeal | None:
        """The appeal that no ruling has ended by a day."""
        found = (a for a in self.appeals if a.on <= day and (a.decided is None or a.decided > day))
        return next(found, None)

    def title(self, day: date) -> frozenset[str]:
        """``title_status`` on a day."""
        term = self.term(day)
        if self.closed is not None and self.closed[0] <= day:
            return only("closed")
        if self.revoked(day) is not None:
            return only("revoked")
        if self.lost(day):
            return only("lost_by_absence")
        if any(t.start <= day <= t.end for t in self.terms if t.on <= day):
            return only("active")
        if term is None:
            return only("none")
        return only("expired_in_window" if day <= self.closes(term) else "expired")

    def receipt(self, day: date) -> frozenset[date | None]:
        """``receipt_until`` on a day; open once the file is closed, lost or revoked."""
        number = self.latest(day)
        if number is None:
            return only(None)
        if (self.closed is not None and self.closed[0] <= day) or self.lost(day) or self.revoked(day):
            return OPEN
        answer = self.answer_to(number, day)
        refused = answer is not None and answer.kind == "refusal" and answer.told_by(day) is not None
        if (answer is not None and answer.kind == "grant") or refused:
            return only(None)
        if self.application(day) == only("returned"):
            return only(None)
        return only(max(until for shown, until in self.requests[number].receipts if shown <= day))

    # --- the stay ---

    def lawful(self, day: date) -> frozenset[bool]:
        """``lawful_stay`` on a day: true when one of its grounds holds."""
        if self.closed is not None and self.closed[0] <= day:
            return only(self.closed[1] in {"naturalised", "other_title"})
        return self._grounds(day)

    def _grounds(self, day: date) -> frozenset[bool]:
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
        revoked = self.revoked(day)
        taken = revoked is not None and revoked.told_by(day) is not None
        if taken or self.lost(day):
            return only(False)
        term = self.term(day)
        if term is None:
            return only(False)
        if any(t.start <= day <= t.end for t in self.terms if t.on <= day):
            return only(True)
        asked = any(r.on > term.on for r in self.requests[1 : number + 1])
        if day <= self.closes(term):
            return OPEN if asked else only(True)
        return only(False)
