"""What happens on each day of the demo: a diary that is written ahead, and holders who answer their letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from random import Random

from permits_engine.cli.demo.applicants import Applicant
from permits_engine.commands import (
    Command,
    DecideAppeal,
    IssuePermit,
    LodgeAppeal,
    LodgeApplication,
    NotifyDecision,
    RecordOpinion,
    RefuseApplication,
    RegisterHolder,
    RenewPermit,
    RequestRenewal,
)
from permits_engine.domain.calendars import Calendar
from permits_engine.domain.events import Actor
from permits_engine.domain.periods import ONE_DAY
from permits_engine.store.events.ids import derived

Act = tuple[Command, Actor]
COMMISSION = date(2014, 6, 26)
"""The national commission sits from that day on."""
RULINGS = {
    "upheld_2014": (date(2014, 7, 10), date(2014, 11, 14)),
    "upheld_before": (date(2014, 9, 1), date(2015, 9, 11)),
    "upheld_after": (date(2015, 10, 26), date(2016, 8, 12)),
    "dismissed": (date(2015, 10, 26), date(2016, 9, 30)),
}
"""When the national commission rules, by what it decides."""
REGISTER, HEAR, ISSUE, REFUSE, NOTIFY, APPEAL, RULE, REQUEST, RENEW = range(9)


class Diary:
    """What is to be done on each day, as a code and an applicant's number; each act enters those that follow."""

    def __init__(self, people: list[Applicant], seed: int, calendar: Calendar) -> None:
        self.people = people
        self.seed = seed
        self.calendar = calendar
        self.random = Random(f"diary/{seed}")
        self.pages: dict[date, list[tuple[int, int]]] = {}
        self.letters: dict[int, tuple[str, int]] = {}
        self.numbers = {self.permit_id(each.number): each.number for each in people}
        for each in people:
            self._write(each.filed_on, REGISTER, each.number)
            self._examination(each)

    def holder_id(self, number: int) -> str:
        """Return the id under which an applicant is registered."""
        return derived(f"demo/{self.seed}/holder/{number}")

    def permit_id(self, number: int) -> str:
        """Return the id of an applicant's file."""
        return derived(f"demo/{self.seed}/permit/{number}")

    def _write(self, day: date, what: int, number: int) -> date:
        day = self.calendar.next_working(day, day)
        self.pages.setdefault(day, []).append((what, number))
        return day

    def _later(self, day: date, low: int, high: int) -> date:
        return self.calendar.next_working(day + timedelta(days=self.random.randint(low, high)), day)

    # --- the first card ---

    def _examination(self, who: Applicant) -> None:
        heard = self._write(who.heard_on, HEAR, who.number)
        if who.course == "granted":
            self._write(self._later(heard, 3, 10), ISSUE, who.number)
            return
        refused = self._write(self._later(heard, 5, 20), REFUSE, who.number)
        notified = self._write(self._later(refused, 1, 12), NOTIFY, who.number)
        if who.course == "refused":
            return
        lodged = max(self._later(notified, 5, 60), self._later(COMMISSION, 0, 12))
        first, last = RULINGS[who.course]
        first = max(first, lodged + timedelta(days=15))
        ruled = self._later(first, 0, max(0, (last - first).days))
        self._write(lodged, APPEAL, who.number)
        ruled = self._write(ruled, RULE, who.number)
        if who.course != "dismissed":
            self._write(self._later(ruled, 7, 40), ISSUE, who.number)

    # --- renewal ---

    def letter(self, permit_id: str, term_ends: str, on: date) -> None:
        """Let the holder read a reminder: they act on this one, on a later one, or never."""
        number = self.numbers[permit_id]
        before, count = self.letters.get(number, ("", 0))
        self.letters[number] = term_ends, (count if before == term_ends else 0) + 1
        if self.letters[number][1] == self.people[number - 1].patience:
            self._write(self._later(on, 2, 9), REQUEST, number)

    def asked(self, permit_id: str, on: date) -> None:
        """Let the office decide on a renewal that was requested in time."""
        self._write(self._later(on, 3, 14), RENEW, self.numbers[permit_id])

    # --- reading ---

    def page(self, day: date) -> Iterator[Act]:
        """Take the page of a day: yield its commands in the order in which they were entered."""
        for what, number in self.pages.pop(day, ()):
            yield from self._acts(what, self.people[number - 1], day)

    def _acts(self, what: int, who: Applicant, day: date) -> Iterable[Act]:
        permit_id = self.permit_id(who.number)
        counter = Actor(f"counter-{who.office}", "counter", who.office)
        decider = Actor(f"decider-{who.office}", "decider", who.office)
        if what == REGISTER:
            return _filing(who, self.holder_id(who.number), permit_id, counter)
        if what == HEAR:
            opinion = RecordOpinion(
                permit_id=permit_id,
                body="local_commission",
                favourable=who.course == "granted",
                reasons=_OPINION[who.course == "granted"],
                on=day,
            )
            return [(opinion, Actor(f"commission-{who.office}", "local_commission", who.office))]
        if what == ISSUE:
            return [(IssuePermit(permit_id=permit_id, on=day), decider)]
        if what == REFUSE:
            return [(RefuseApplication(permit_id=permit_id, on=day, **_REFUSAL), decider)]
        if what == NOTIFY:
            notify = NotifyDecision(permit_id=permit_id, mode="written", proof="signed receipt", on=day)
            return [(notify, counter)]
        if what == APPEAL:
            return [(LodgeAppeal(permit_id=permit_id, body="national_commission", on=day), counter)]
        if what == RULE:
            upheld = who.course != "dismissed"
            rule = DecideAppeal(
                permit_id=permit_id,
                outcome="upheld" if upheld else "dismissed",
                reasons=_RULING[upheld],
                on=day,
            )
            return [(rule, Actor("national-commission", "national_commission"))]
        if what == REQUEST:
            return [(RequestRenewal(permit_id=permit_id, on=day), counter)]
        return [(RenewPermit(permit_id=permit_id, on=day), decider)]


_OPINION = {True: "conditions of the circular met", False: "conditions of the circular not shown"}
_RULING = {True: "criteria widened by the commission", False: "criterion not met"}
_REFUSAL = {
    "reasons_in_fact": "the documents do not show the criterion",
    "reasons_in_law": "joint circular of 16 December 2013",
}


def _filing(who: Applicant, holder_id: str, permit_id: str, counter: Actor) -> list[Act]:
    register = RegisterHolder(
        holder_id=holder_id,
        family_name=who.family_name,
        given_names=who.given_names,
        birth_date=who.birth_date,
        sex=who.sex,
        nationality=who.nationality,
        language=who.language,
        email=f"holder-{who.number}@example.org",
        on=who.filed_on,
    )
    lodge = LodgeApplication(
        permit_id=permit_id,
        holder_id=holder_id,
        jurisdiction="MA",
        category="regularisation-2014",
        criterion=who.criterion,
        prefecture=who.office,
        on=who.filed_on,
    )
    return [(register, counter), (lodge, counter)]


def days(first: date, last: date) -> Iterator[date]:
    """Yield every day from the first to the last."""
    while first <= last:
        yield first
        first += ONE_DAY
