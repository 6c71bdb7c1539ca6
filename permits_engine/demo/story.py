"""What happens on each day of the story: a diary of commands, and holders who answer their letters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from permits_engine import commands as c
from permits_engine.demo.people import Applicant
from permits_engine.domain.events import Actor
from permits_engine.store.ids import derived

Act = tuple[c.Command, Actor]
FIRST_CARD = date(2014, 2, 10)
"""No card is dated earlier, so that every term reaches the carry-over of February 2015."""
COMMISSION = date(2014, 6, 26)
PATIENCE = ((0.55, 0), (0.25, 1), (0.10, 2), (0.04, 3), (0.03, 6))
"""Share of holders who act on the first, second, … letter; the others never do."""


def workday(day: date) -> date:
    """The day, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 8 - day.isoweekday()) if day.isoweekday() > 5 else 0)


class Diary:
    """Commands by day; the story writes ahead as it goes."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed + 1)
        self.pages: dict[date, list[Act]] = {}
        self.patience: dict[str, int] = {}
        self.letters: dict[str, int] = {}
        self.offices: dict[str, str] = {}

    def write(self, day: date, command: c.Command, actor: Actor) -> None:
        """Put a command on a day's page."""
        self.pages.setdefault(day, []).append((command, actor))

    def page(self, day: date) -> list[Act]:
        """Take the page of a day."""
        return self.pages.pop(day, [])

    def later(self, day: date, low: int, high: int) -> date:
        """A working day some days later."""
        return workday(day + timedelta(days=self.random.randint(low, high)))

    # --- the first card ---

    def open_file(self, who: Applicant, seed: int) -> None:
        """A holder registers and files; what the office does then is written ahead."""
        holder_id = derived(f"demo/{seed}/holder/{who.number}")
        permit_id = derived(f"demo/{seed}/permit/{who.number}")
        self.offices[permit_id] = who.office
        counter = Actor(f"counter-{who.office}", "counter", who.office)
        filed = who.filed_on
        register = c.RegisterHolder(
            holder_id=holder_id,
            family_name=who.family_name,
            given_names=who.given_names,
            birth_date=who.birth_date,
            sex=who.sex,
            nationality=who.nationality,
            language=who.language,
            email=f"holder-{who.number}@example.org",
            on=filed,
        )
        lodge = c.LodgeApplication(
            permit_id=permit_id,
            holder_id=holder_id,
            jurisdiction="MA",
            category="regularisation-2014",
            criterion=who.criterion,
            prefecture=who.office,
            on=filed,
        )
        self.write(filed, register, counter)
        self.write(filed, lodge, counter)
        self._commission(who, permit_id)

    def _commission(self, who: Applicant, permit_id: str) -> None:
        favourable = who.course == "granted"
        heard = self.later(who.filed_on, 20, 58)
        commission = Actor(f"commission-{who.office}", "local_commission", who.office)
        opinion = c.RecordOpinion(
            permit_id=permit_id,
            body="local_commission",
            favourable=favourable,
            reasons="conditions of the circular met"
            if favourable
            else "conditions of the circular not shown",
            on=heard,
        )
        self.write(heard, opinion, commission)
        if favourable:
            self._issue(who.office, permit_id, max(self.later(heard, 5, 35), FIRST_CARD))
        else:
            self._refuse(who, permit_id, self.later(heard, 5, 20))

    def _issue(self, office: str, permit_id: str, on: date) -> None:
        day = workday(on)
        self.write(
            day, c.IssuePermit(permit_id=permit_id, on=day), Actor(f"decider-{office}", "decider", office)
        )

    def _refuse(self, who: Applicant, permit_id: str, on: date) -> None:
        refuse = c.RefuseApplication(
            permit_id=permit_id,
            reasons_in_fact="the documents do not show the criterion",
            reasons_in_law="joint circular of 16 December 2013",
            on=on,
        )
        self.write(on, refuse, Actor(f"decider-{who.office}", "decider", who.office))
        told = self.later(on, 1, 12)
        notify = c.NotifyDecision(permit_id=permit_id, mode="written", proof="signed receipt", on=told)
        counter = Actor(f"counter-{who.office}", "counter", who.office)
        self.write(told, notify, counter)
        if who.course == "refused":
            return
        lodged = max(self.later(told, 5, 60), self.later(COMMISSION, 0, 40))
        appeal = c.LodgeAppeal(permit_id=permit_id, body="national_commission", on=lodged)
        self.write(lodged, appeal, counter)
        ruled = self.later(lodged, 15, 240)
        upheld = who.course == "upheld"
        rule = c.DecideAppeal(
            permit_id=permit_id,
            outcome="upheld" if upheld else "dismissed",
            reasons="criteria widened by the commission" if upheld else "criterion not met",
            on=ruled,
        )
        self.write(ruled, rule, Actor("national-commission", "national_commission"))
        if upheld:
            self._issue(who.office, permit_id, self.later(ruled, 7, 40))

    # --- renewal ---

    def letter(self, permit_id: str, on: date) -> None:
        """A reminder arrived: the holder acts on this one, on a later one, or never."""
        if permit_id not in self.patience:
            self.patience[permit_id] = self._patience()
        count = self.letters[permit_id] = self.letters.get(permit_id, 0) + 1
        if count == self.patience[permit_id] + 1:
            self._renew(permit_id, self.later(on, 2, 9))

    def _patience(self) -> int:
        draw = self.random.random()
        for share, letters in PATIENCE:
            if draw < share:
                return letters
            draw -= share
        return 1000

    def _renew(self, permit_id: str, on: date) -> None:
        office = self.offices[permit_id]
        self.write(
            on, c.RequestRenewal(permit_id=permit_id, on=on), Actor(f"counter-{office}", "counter", office)
        )
        decided = self.later(on, 3, 14)
        renew = c.RenewPermit(permit_id=permit_id, on=decided)
        self.write(decided, renew, Actor(f"decider-{office}", "decider", office))

    def days(self, first: date, last: date) -> Iterator[date]:
        """Every day of the story."""
        for n in range((last - first).days + 1):
            yield first + timedelta(days=n)
