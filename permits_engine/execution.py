"""One command on one transaction: load, decide, gate, append, remember; the road that everything takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import bindparam, select

from permits_engine import commands as c
from permits_engine import families, linking, registration
from permits_engine.adopted import Adopted
from permits_engine.domain import events as e
from permits_engine.domain import lifecycle, titles
from permits_engine.domain.case import Draft, Holder
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.permit import Permit, apply, corrected, fold, with_fields
from permits_engine.domain.policy import Policy
from permits_engine.outcomes import Outcome, conflict, micros, not_found
from permits_engine.person import Person
from permits_engine.projections.searching import entries_of_file
from permits_engine.store.application import PermitsApplication, numbered
from permits_engine.store.database import Statement, Unit
from permits_engine.store.ids import uuid7
from permits_engine.store.keyring import Keyring
from permits_engine.store.schema import events as stored
from permits_engine.work import Work, taken

_NAMES = Statement(
    select(stored.c.name)
    .where(
        stored.c.stream == bindparam("stream"),
        stored.c.version >= bindparam("low"),
        stored.c.version <= bindparam("high"),
    )
    .order_by(stored.c.version)
)


DATA_PROTECTION = (c.EraseHolder, c.RecordDataRequest, c.AnswerDataRequest, c.PlaceHold, c.LiftHold)


def data_protection(executor: Executor, work: Work, command: c.Command, actor: e.Actor) -> Outcome:
    """The commands about a person's data; loaded when one is given."""
    from permits_engine.privacy.acts import change

    return change(executor, work, command, actor)


class Executor:
    """Carries out commands inside a transaction that somebody else opens and ends."""

    def __init__(
        self,
        application: PermitsApplication,
        keyring: Keyring,
        adopted: Adopted,
        clock: Callable[[], datetime],
        operator: str,
        random: Callable[[int], bytes],
    ) -> None:
        self.application = application
        self.keyring = keyring
        self.adopted = adopted
        self.clock = clock
        self.operator = operator
        self.random = random
        self._zones: dict[str, ZoneInfo] = {}
        self._days: dict[str, tuple[datetime, date]] = {}

    # --- time and ids ---

    def now(self) -> int:
        """The moment, in microseconds since the epoch."""
        return micros(self.clock())

    def today(self, policy: Policy) -> date:
        """The legal day in the policy's time zone."""
        name, instant = policy.calendar.time_zone, self.clock()
        before = self._days.get(name)
        if before is not None and before[0] is instant:  # a clock that stands still, as in a demo
            return before[1]
        zone = self._zones.get(name) or self._zones.setdefault(name, ZoneInfo(name))
        day = instant.astimezone(zone).date()
        self._days[name] = instant, day
        return day

    def new_id(self) -> str:
        """A time-ordered identity (RFC 9562, version 7)."""
        return uuid7(self.now(), self.random)

    def stamper(self, actor: e.Actor, command: c.Command | None, on: date) -> Callable[..., e.Event]:
        """Makes events of one command: each with its id, actor, operator and correlation.

        What nobody has correlated is correlated by the id of its first event.
        """
        correlation = command.correlation_id if command else None

        def stamp(kind: type[e.Event], effective_on: date | None = None, /, **fields: Any) -> e.Event:
            nonlocal correlation
            event_id = self.new_id()
            correlation = correlation or event_id
            return kind(
                event_id=event_id,
                effective_on=effective_on or on,
                actor=actor,
                operator=self.operator,
                correlation_id=correlation,
                causation_id=command.causation_id if command else None,
                command_id=command.command_id if command else None,
                **fields,
            )

        return stamp

    # --- the road ---

    def begin(self, unit: Unit) -> Work:
        """The memory of a transaction; what is decided in it goes out with its ``write``."""
        return Work(self.application, unit, self.keyring, self.adopted, self.now)

    def run(self, work: Work, command: c.Command, actor: e.Actor) -> Outcome:
        """Decide a command, or give the outcome that it had before under the same id; writes nothing yet."""
        if command.command_id is not None:
            before = self._replayed(work, command)
            if before is not None:
                return before
        if isinstance(command, c.RegisterHolder):
            return registration.register(self, work, command, actor)
        if isinstance(command, c.UpdateHolder):
            return registration.change(self, work, command, actor)
        if isinstance(command, c.LinkHolders | c.UnlinkHolders):
            return linking.change(self, work, command, actor)
        if isinstance(command, DATA_PROTECTION):
            return data_protection(self, work, command, actor)
        if isinstance(command, c.LodgeApplication):
            return self._lodge(work, command, actor)
        return self._on_permit(work, command, actor)

    def expect(self, work: Work, commands: Sequence[c.Command]) -> None:
        """Read at once what many commands will ask for one after the other."""
        given = [(command, getattr(command, "permit_id", None)) for command in commands]
        work.expect_files(permit_id for _, permit_id in given if permit_id is not None)
        persons = [x for x in commands if isinstance(x, c.RegisterHolder | c.UpdateHolder)]
        work.expect_holders(x.holder_id for x in persons if x.holder_id is not None)
        work.expect_commands(x.command_id for x in commands if x.command_id is not None)
        made = {x.holder_id for x in persons}
        filing = [x.holder_id for x in commands if isinstance(x, c.LodgeApplication)]
        work.expect_persons(each for each in filing if each not in made)
        files = [work.seen(permit_id) for _, permit_id in given if permit_id is not None]
        work.expect_keys(file.holder_id for file in files if file is not None)

    def _on_permit(self, work: Work, command: Any, actor: e.Actor) -> Outcome:
        permit = work.file(command.permit_id)
        if permit is None:
            raise not_found(command.permit_id)
        seen = permit.version
        if command.expected_version is not None and command.expected_version != seen:
            raise conflict(command.permit_id, seen, command.expected_version)
        policy = work.policy(permit.jurisdiction)
        today = self.today(policy)
        holder = Holder(permit.holder_id)
        alone, same_person = command.name == "issue_permit", list[str]()
        if alone:
            same_person = linking.records_of(work, permit.holder_id)
            holder = Holder(permit.holder_id, titles=work.titles(permit, same_person))
        if titles.personal(policy, permit, command.name):
            holder = _known_person(work, permit, command.on or today, holder)
        past: list[tuple[int, e.Event]] = []
        if isinstance(command, c.CorrectRecord):
            past = work.past(permit.permit_id)
        target = dict(corrected(past)).get(command.of_version) if past else None
        above = families.principal(work, command, permit) if isinstance(command, c.RecordFact) else None
        drafts = lifecycle.decide(
            command.name, command, permit, holder, policy, actor, today=today, target=target
        )
        if not drafts:
            return Outcome(permit.permit_id, permit.holder_id, seen, ())
        stamp = self.stamper(actor, command, command.on or today)
        new = events_of(drafts, stamp, policy.digest)
        records = work.sealed(permit.permit_id, seen, new, permit.holder_id)
        if isinstance(command, c.RecordFact):
            registration.note_fact(work, command, permit.holder_id, stamp)
        if isinstance(command, c.CorrectRecord) and isinstance(target, e.FactNoted):
            right = with_fields(target, {command.field: command.value})
            assert isinstance(right, e.FactNoted)
            registration.note_fact_corrected(work, target, right, permit.holder_id, stamp)
        outcome = Outcome(permit.permit_id, permit.holder_id, seen + len(new), tuple(x.NAME for x in new))
        self.remember(work, command, outcome, permit.permit_id, seen)
        # From here on nothing refuses the command any more.
        if past:
            numbered = [*past, *enumerate(new, seen + 1)]
            permit = fold(permit.permit_id, numbered) or permit
        else:
            for number, event in enumerate(new, seen + 1):
                apply(permit, number, event)
        work.change(permit, policy, today, seen, records)
        work.found_by(entries_of_file(permit.holder_id, permit.permit_id, new))
        for record in same_person:
            work.pass_gate(record)
        if command.name in titles.PERSONAL:
            for record in linking.records_of(work, permit.holder_id):
                work.hold(record)
        if isinstance(command, c.RecordFact) and above is not None:
            families.link(work, command, above, policy, today, stamp)
        elif permit.dependents:
            families.tell(work, permit, policy, today, stamp)
        return outcome

    # --- loading ---

    def load(self, unit: Unit, stream: str) -> list[tuple[int, e.Event]]:
        """The events of a stream with their versions, sealed fields unopened."""
        return numbered(self.application.within(unit).get(stream))

    def person(self, unit: Unit, holder_id: str) -> Person:
        """What is known about a person now; raises ``holder.not_found``."""
        return self.begin(unit).person(holder_id)

    # --- filing ---

    def _lodge(self, work: Work, command: c.LodgeApplication, actor: e.Actor) -> Outcome:
        policy = work.policy(command.jurisdiction)
        today = self.today(policy)
        on = command.on or today
        if command.expected_version not in (None, 0):
            raise conflict(command.permit_id or "a new permit", 0, command.expected_version)
        person = work.person(command.holder_id)
        holder = Holder(
            command.holder_id,
            nationality=person.nationality,
            sex=person.sex,
            age=c.ages(person.birth_date, on) if person.birth_date else None,
        )
        if person.birth_date is not None and person.birth_date > on:
            raise invalid("on", "lies before the holder's birth; correct the day or the birth date")
        drafts = lifecycle.decide("lodge_application", command, None, holder, policy, actor, today=today)
        if command.permit_id is not None and work.file(command.permit_id) is not None:
            raise taken(command.permit_id)
        permit_id = command.permit_id or self.new_id()
        new = events_of(drafts, self.stamper(actor, command, on), policy.digest)
        work.cipher(command.holder_id)  # nobody files for a person whose data were erased
        records = work.sealed(permit_id, 0, new, command.holder_id)
        permit = fold(permit_id, enumerate(new, 1))
        assert permit is not None
        outcome = Outcome(permit_id, command.holder_id, len(new), tuple(x.NAME for x in new))
        self.remember(work, command, outcome, permit_id, 0)
        work.change(permit, policy, today, 0, records)
        work.found_by(entries_of_file(command.holder_id, permit_id, new))
        return outcome

    # --- the same command twice ---

    def _replayed(self, work: Work, command: c.Command) -> Outcome | None:
        row = work.known(command.command_id or "")
        if row is None:
            return None
        digest, holder_id, permit_id, stream, first, last = row
        cipher = work.key(holder_id) if holder_id else None
        if cipher is None or cipher.hmac(content_of(command)) != bytes(digest):
            raise error(
                "command.id_reused",
                f"command_id {command.command_id!r} was used for another content; give a new one",
                command_id=command.command_id,
            )
        work.write()  # the first one may have been carried out in this very transaction
        names = work.unit.all(_NAMES, {"stream": stream, "low": first + 1, "high": last})
        return Outcome(permit_id, holder_id, last, tuple(n[0].split("@")[0] for n in names), replayed=True)

    def remember(self, work: Work, command: c.Command, outcome: Outcome, stream: str, first: int) -> None:
        """Keep what a command led to, for the day when it comes again."""
        if command.command_id is not None and outcome.holder_id is not None:
            work.remember(
                {
                    "command_id": command.command_id,
                    "digest": work.cipher(outcome.holder_id).hmac(content_of(command)),
                    "holder_id": outcome.holder_id,
                    "permit_id": outcome.permit_id,
                    "stream": stream,
                    "first_version": first,
                    "last_version": outcome.version,
                }
            )


def _known_person(work: Work, permit: Permit, on: date, holder: Holder) -> Holder:
    """What decisions on a person need: facts recorded through any of their files, and the age on the day."""
    person = work.person(permit.holder_id)
    age = c.ages(person.birth_date, on) if person.birth_date else None
    # Who was registered twice is one person still, where somebody has said so.
    facts = [fact for each in linking.records_of(work, permit.holder_id) for fact in work.person(each).facts]
    return msgspec.structs.replace(holder, sex=permit.sex, age=age, facts=tuple(facts))


def events_of(drafts: Sequence[Draft], stamp: Callable[..., e.Event], digest: str) -> list[e.Event]:
    """The drafts of a decision as events with their legal basis."""
    return [
        stamp(d.kind, d.effective_on, basis=e.Basis(digest, d.rules) if d.rules else None, **d.fields)
        for d in drafts
    ]


def content_of(command: c.Command) -> bytes:
    """What makes two commands the same: name and fields as given, without the id itself."""
    fields = command.model_dump(mode="json", exclude_unset=True, exclude={"command_id"})
    return msgspec.json.encode([command.name, sorted(fields.items())])
