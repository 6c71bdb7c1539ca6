"""Holders who answer late, move away, do not read or bounce, and the officers of three offices who decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from permits_engine.domain.events import Actor

if TYPE_CHECKING:
    from tests.simulation.world import World

OFFICES = ("MA-RAB", "MA-CAS.HH", "MA-FES")
REASONS = {"reasons_in_fact": "a finding of the file", "reasons_in_law": "loi 02-03, article 14"}
DOCUMENTS = ("photos", "means", "residence-proof", "work-contract")
HABITS = (("in time", 55), ("in the last days", 15), ("late", 12), ("too late", 10), ("never", 8))
"""When a holder asks for a renewal."""


@dataclass
class Person:
    """A holder, as they are and not as the store knows them."""

    number: int
    habit: str
    mail: str
    """Their mailbox: reads, bounces (at once or a day later), or none."""
    phone: bool
    moves: bool
    appeals: bool
    holder_id: str = ""


@dataclass
class File:
    """What the people around a permit remember of it: the independent side of the invariants."""

    permit_id: str
    person: Person
    office: str
    category: str
    missing: tuple[str, ...] = ()
    filed: list[date] = field(default_factory=list)
    """Days of requests filed in time, first applications included."""
    ended: list[date] = field(default_factory=list)
    """Days from which the protection of a request may have ended."""
    asked: bool = False
    """Whether a renewal was asked for and is not decided."""
    valid_until: date | None = None
    stage: str = "application"
    closed: bool = False
    corrected: bool = False
    lapsed: bool = False
    removed: bool = False


class Society:
    """What people do when: each act leads to others some days later."""

    def __init__(self, world: World, number: int, start: date) -> None:
        self.world = world
        self.files: dict[str, File] = {}
        self.people: list[Person] = []
        chance = world.chance
        for each in range(number):
            person = Person(
                each,
                habit=chance.weighted(HABITS),
                mail=chance.weighted((("reads", 75), ("bounces", 8), ("bounces later", 7), ("none", 10))),
                phone=chance.happens(0.4),
                moves=chance.happens(0.15),
                appeals=chance.happens(0.6),
            )
            self.people.append(person)
            # Half of them at once, so that short runs see whole lives.
            spread = 20 if each % 2 == 0 else max(30, world.days * 2 // 3)
            world.later(chance.between(0, spread), lambda p=person: self.arrive(p))

    def actor(self, role: str, office: str | None, number: int = 1) -> Actor:
        """An officer."""
        return Actor(f"{role}-{number}", role, office)

    def do(self, file: File, name: str, role: str, **fields: Any) -> bool:
        """One act on a file by the actor whose turn it is; whether it was carried out."""
        office = None if role in {"national_commission", "court", "hierarchy"} else file.office
        given = {"permit_id": file.permit_id, "on": self.world.today, **fields}
        return self.world.act(name, given, self.actor(role, office)) is not None

    def after(self, low: int, high: int, do: Callable[[], None]) -> None:
        """Some days later."""
        self.world.later(self.world.chance.between(low, high), do)

    # --- arriving ---

    def arrive(self, person: Person) -> None:
        """A person becomes known and files."""
        chance = self.world.chance
        fields: dict[str, Any] = {
            "family_name": chance.one(("Diallo", "Ndiaye", "Ben Ali", "Müller", "王", "O'Neil")),
            "given_names": f"N{person.number}",
            "birth_date": date(1950 + chance.between(0, 45), chance.between(1, 12), chance.between(1, 28)),
            "sex": chance.one("FM"),
            "nationality": chance.one(("SEN", "CIV", "SYR", "FRA", "COD")),
            "language": chance.one(("fr", "ar", "en", "es", "wo")),
        }
        if person.mail != "none":
            fields["email"] = f"h{person.number}.{person.mail.replace(' ', '-')}@example.org"
        if person.phone:
            fields["phone"] = f"+2126{61000000 + person.number}"
            fields["prefers"] = chance.one(("email", "phone"))
        outcome = self.world.act("register_holder", fields, self.actor("counter", chance.one(OFFICES)))
        if outcome is None or outcome.holder_id is None:
            self.after(1, 5, lambda: self.arrive(person))  # the officer's screen went blank
            return
        person.holder_id = outcome.holder_id
        self.apply(person, chance.between(90, 500) if person.number % 2 == 0 else 0)

    def apply(self, person: Person, ago: int = 0) -> None:
        """A first application, in the category that is open; from an old file, it was lodged days ago."""
        world, chance = self.world, self.world.chance
        today, office = world.today - timedelta(days=ago), chance.one(OFFICES)
        category = "ordinary"
        if today.year == 2014 and chance.happens(0.7):
            category = "regularisation-2014"
        elif date(2016, 12, 15) <= today <= date(2017, 12, 31) and chance.happens(0.7):
            category = "regularisation-2016"
        missing = tuple(x for x in DOCUMENTS if chance.happens(0.12)) if category == "ordinary" else ()
        fields: dict[str, Any] = {
            "holder_id": person.holder_id,
            "jurisdiction": "MA",
            "category": category,
            "prefecture": office,
            "on": today,
            "missing": missing,
        }
        if category != "ordinary":
            fields["criterion"] = chance.one(("R1", "R2", "R3", "R4", "R5", "R6"))
        outcome = world.act("lodge_application", fields, self.actor("counter", office))
        if outcome is None or outcome.permit_id is None:
            self.after(3, 30, lambda: self.apply(person))
            return
        file = File(outcome.permit_id, person, office, category, missing, filed=[today])
        self.files[file.permit_id] = file
        if ago:
            self.taken_over(file, today)
            return
        if category != "ordinary":
            self.after(5, 50, lambda: self.advise(file, "local_commission"))
        self.under_way(file)

    def taken_over(self, file: File, filed: date) -> None:
        """An old file, its acts recorded at once with their own days: most have a card already."""
        on = filed + timedelta(days=self.world.chance.between(20, 80))
        if file.category != "ordinary":
            body = {"body": "local_commission", "favourable": True, "reasons": "seen"}
            self.do(file, "record_opinion", "local_commission", on=on, **body)
        if file.missing or not self.do(file, "issue_permit", "decider", on=on):
            self.under_way(file)
            return
        self.titled(file, on)

    def under_way(self, file: File) -> None:
        """What follows a filing of any kind."""
        chance = self.world.chance
        if file.missing:
            self.after(3, 50, lambda missing=file.missing: self.supply(file, missing))
        if file.category == "ordinary" and chance.happens(0.12):
            self.after(4, 40, lambda: self.ask(file))
        if chance.happens(0.05):
            until = self.world.today + timedelta(days=120)
            fields = {"reason": chance.one(("expertise", "inquiry")), "until": until}
            self.after(10, 50, lambda: self.do(file, "extend_decision", "decider", **fields))
        if chance.happens(0.93):
            self.after(12, 130, lambda: self.decide(file))

    # --- officers ---

    def advise(self, file: File, body: str) -> None:
        """A commission's opinion."""
        favourable = self.world.chance.happens(0.85)
        self.do(file, "record_opinion", body, body=body, favourable=favourable, reasons="seen and discussed")

    def ask(self, file: File) -> None:
        """The office asks for an original."""
        wanted = (f"{self.world.chance.one(DOCUMENTS)}-original".replace("photos", "passport"),)
        if self.do(file, "request_documents", "decider", documents=wanted, reason="a doubt"):
            self.after(2, 60, lambda: self.supply(file, wanted))

    def supply(self, file: File, documents: tuple[str, ...]) -> None:
        """Documents come in, sometimes not all."""
        given = documents if self.world.chance.happens(0.85) else documents[:1]
        if self.do(file, "supply_documents", "counter", documents=given) and given != documents:
            self.after(2, 20, lambda: self.supply(file, documents[1:]))

    def decide(self, file: File, tries: int = 3) -> None:
        """Grant or refuse what is open; a campaign file without an opinion waits."""
        chance, first = self.world.chance, file.stage == "application"
        if file.closed:
            return
        if chance.happens(0.83):
            done = self.grant(file)
        else:
            done = self.do(file, "refuse_application" if first else "refuse_renewal", "decider", **REASONS)
            if done:
                file.asked = False
                self.after(0, 40, lambda: self.notify(file, adverse=True))
        if not done and tries:
            self.after(10, 60, lambda: self.decide(file, tries - 1))

    def grant(self, file: File) -> bool:
        """A card, sometimes for another term than the usual one."""
        chance, first = self.world.chance, file.stage == "application"
        fields: dict[str, Any] = {}
        if first and file.category == "ordinary" and chance.happens(0.2):
            fields["term"] = chance.one(("P2Y", "P3Y", "P10Y"))
        if not first and chance.happens(0.1):
            fields = {"term": "P1Y", "exclusion": {"fact": "a conviction", **REASONS}}
        if not self.do(file, "issue_permit" if first else "renew_permit", "decider", **fields):
            return False
        file.asked = False
        self.titled(file)
        if chance.happens(0.3):
            self.after(0, 10, lambda: self.notify(file, adverse=False))
        return True

    def titled(self, file: File, on: date | None = None) -> None:
        """A new term: its holder's habits, and what may come in between."""
        chance, world = self.world.chance, self.world
        view = world.view(file.permit_id)
        if view is None or view.valid_until is None:
            return
        file.valid_until, file.stage = view.valid_until, "renewal"
        file.ended.append(on or world.today)  # from here on it is the title that protects
        low, high = {
            "in time": (-85, -2),
            "in the last days": (-1, 0),
            "late": (1, 15),
            "too late": (16, 60),
            "never": (9000, 9001),
        }[file.person.habit]
        left = (view.valid_until - world.today).days
        if left < -15:
            return  # long over, as the passes of the days to come will find
        world.later(max(1, left + chance.between(low, high)), lambda: self.renew(file))
        for probability, low, high, do in (
            (0.05, 10, max(11, left), lambda: self.revoke(file)),
            (0.12, 5, max(6, left), lambda: self.leave(file)),
            (0.10, 5, max(6, left), lambda: self.do(file, "replace_card", "counter", reason="lost")),
            (0.05, 5, max(6, left), lambda: self.close(file)),
            (0.06, 5, 60, lambda: self.correct(file)),
            (0.9 if file.person.moves else 0.05, 5, max(6, left), lambda: self.move(file)),
        ):
            if chance.happens(probability):
                self.after(low, high, do)

    def notify(self, file: File, *, adverse: bool) -> None:
        """A decision is brought to its holder's knowledge, sometimes in a way that starts no clock."""
        fields = self.world.chance.weighted(
            (
                ({"mode": "written", "proof": "signed"}, 70),
                ({"mode": "electronic", "proof": "receipt 7"}, 10),
                ({"mode": "written"}, 8),
                ({"mode": "oral"}, 12),
            )
        )
        done = self.do(file, "notify_decision", "counter", **fields)
        regular = "proof" in fields
        if done and regular:
            file.ended.append(self.world.today)
        if adverse and not regular:
            self.after(3, 40, lambda: self.notify(file, adverse=True))
        if adverse and done and file.person.appeals:
            self.after(1, 25, lambda: self.appeal(file))

    def revoke(self, file: File) -> None:
        """The title is withdrawn."""
        ground = self.world.chance.one(("judicial-ban", "public-order", "documents-not-furnished"))
        if self.do(file, "revoke_permit", "decider", ground=ground, **REASONS):
            file.removed = True
            file.ended.append(self.world.today)
            self.after(0, 20, lambda: self.notify(file, adverse=True))

    def appeal(self, file: File) -> None:
        """The holder contests."""
        body = self.world.chance.weighted(
            (
                ("administrative_tribunal", 50),
                ("gracious", 20),
                ("hierarchical", 15),
                ("national_commission", 15),
            )
        )
        if self.do(file, "lodge_appeal", "counter", body=body):
            self.after(10, 120, lambda: self.rule(file, body))

    def rule(self, file: File, body: str) -> None:
        """The body seized gives its answer."""
        role = {
            "administrative_tribunal": "court",
            "gracious": "decider",
            "hierarchical": "hierarchy",
            "national_commission": "national_commission",
        }[body]
        outcome = self.world.chance.weighted((("upheld", 45), ("dismissed", 45), ("withdrawn", 10)))
        if self.do(file, "decide_appeal", role, outcome=outcome, reasons="heard") and outcome == "upheld":
            file.removed = False
            self.after(5, 60, lambda: self.decide(file))

    def correct(self, file: File) -> None:
        """An officer sees that a field was put down wrongly."""
        field, value = self.world.chance.one((("nationality", "GIN"), ("sex", "M"), ("age", 33)))
        fields = {"of_version": 1, "field": field, "value": value, "reason": "misread"}
        file.corrected |= self.do(file, "correct_record", "decider", **fields)

    def close(self, file: File) -> None:
        """The file ends for good."""
        reason = self.world.chance.one(("naturalised", "departed", "deceased", "other_title"))
        if self.do(file, "close_permit", "decider", reason=reason):
            file.closed = True
            file.ended.append(self.world.today)

    # --- holders ---

    def renew(self, file: File, tries: int = 2) -> None:
        """A renewal is asked for; who comes too late begins anew."""
        chance = self.world.chance
        if file.closed:
            return
        missing = tuple(x for x in DOCUMENTS if chance.happens(0.08)) if file.category == "ordinary" else ()
        if self.do(file, "request_renewal", "counter", missing=missing):
            file.missing, file.stage, file.asked = missing, "renewal", True
            file.filed.append(self.world.today)
            self.under_way(file)
            return
        until = file.valid_until
        if until is not None and self.world.today > until + timedelta(days=15):
            file.lapsed = True
            self.after(5, 60, lambda: self.apply(file.person))
        elif tries:
            self.after(3, 20, lambda: self.renew(file, tries - 1))

    def leave(self, file: File) -> None:
        """The holder goes abroad, and comes back or not."""
        if self.do(file, "record_exit", "counter"):
            file.removed = True
            if self.world.chance.happens(0.8):
                self.after(10, 230, lambda: self.do(file, "record_return", "counter"))

    def move(self, file: File) -> None:
        """The holder moves: the file goes to another office, or only the address is another one."""
        chance = self.world.chance
        there = chance.one([office for office in OFFICES if office != file.office])
        if self.do(file, "transfer_file", "counter", prefecture=there):
            file.office = there
        fields = {
            "holder_id": file.person.holder_id,
            "address": f"Rue {file.person.number}, {there}",
        }
        self.world.act("update_holder", fields, self.actor("counter", file.office))

    def stray(self) -> None:
        """Someone asks for something that makes little sense, or may not ask for it."""
        chance = self.world.chance
        if not self.files:
            return
        file = chance.one(list(self.files.values()))
        name, fields = chance.one(STRAY)
        role = chance.one(("counter", "decider", "court", "auditor", "local_commission", "administrator"))
        on = self.world.today - timedelta(days=chance.one((0, 0, 0, 3, 400, -1)))
        given = {"permit_id": file.permit_id, "on": on, **fields}
        outcome = self.world.act(name, given, self.actor(role, chance.one(OFFICES), 9))
        if outcome is not None:
            # Someone did after all what was not foreseen: the file's own people know no more what holds.
            file.removed = file.corrected = True
            file.ended.append(on)
            file.asked = file.asked and name not in {"renew_permit", "refuse_renewal", "close_permit"}
            file.closed |= name == "close_permit"


STRAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("issue_permit", {}),
    ("renew_permit", {}),
    ("refuse_renewal", REASONS),
    ("refuse_renewal", REASONS | {"reasons_in_law": " "}),
    ("request_renewal", {}),
    ("lodge_appeal", {"body": "gracious"}),
    ("decide_appeal", {"outcome": "upheld", "reasons": "so be it"}),
    ("notify_decision", {"mode": "written", "proof": "seen"}),
    ("supply_documents", {"documents": ["passport-original"]}),
    ("record_return", {}),
    ("close_permit", {"reason": "departed"}),
    ("transfer_file", {"prefecture": "MA-XXX"}),
    ("record_opinion", {"body": "local_commission", "favourable": False, "reasons": "no"}),
)
