"""One command on one transaction: load, decide, gate, append, remember; the road that everything takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import bindparam, select, update

from permits_engine import commands as c
from permits_engine import registration
from permits_engine.adopted import Adopted
from permits_engine.domain import events as e
from permits_engine.domain import lifecycle
from permits_engine.domain.case import Draft, Holder, OtherTitle
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.permit import Permit, apply, corrected, fold
from permits_engine.domain.policy import Policy
from permits_engine.outcomes import Outcome, conflict, micros, not_found
from permits_engine.person import Person, person_of
from permits_engine.projections import writing
from permits_engine.projections.rows import row_of
from permits_engine.projections.upserts import insert_new
from permits_engine.store import codec, history
from permits_engine.store.database import Statement, Unit
from permits_engine.store.ids import uuid7
from permits_engine.store.keyring import Cipher, Keyring
from permits_engine.store.schema import commands as remembered
from permits_engine.store.schema import events as stored
from permits_engine.store.schema import holders, permits

_KNOWN = Statement(
    select(
        remembered.c.digest,
        remembered.c.holder_id,
        remembered.c.permit_id,
        remembered.c.stream,
        remembered.c.first_version,
        remembered.c.last_version,
    ).where(remembered.c.command_id == bindparam("command_id"))
)
_NAMES = Statement(
    select(stored.c.name)
    .where(
        stored.c.stream == bindparam("stream"),
        stored.c.version >= bindparam("low"),
        stored.c.version <= bindparam("high"),
    )
    .order_by(stored.c.version)
)
_HOLDER_GATE = Statement(
    select(holders.c.version, holders.c.gate).where(holders.c.holder_id == bindparam("holder_id"))
)
_HOLDER_PASS = Statement(
    update(holders)
    .where(holders.c.holder_id == bindparam("of"), holders.c.gate == bindparam("seen"))
    .values(gate=holders.c.gate + 1)
)
_TITLES = Statement(
    select(permits.c.permit_id, permits.c.title_kind, permits.c.valid_from, permits.c.valid_until).where(
        permits.c.holder_id == bindparam("holder_id"),
        permits.c.permit_id != bindparam("permit_id"),
        permits.c.valid_until.is_not(None),
        permits.c.revoked_on.is_(None),
        permits.c.lost_on.is_(None),
        permits.c.closed_on.is_(None),
    )
)


_REMEMBERED = insert_new(remembered)


class Executor:
    """Carries out commands inside a transaction that somebody else opens and ends."""

    def __init__(
        self,
        keyring: Keyring,
        adopted: Adopted,
        clock: Callable[[], datetime],
        operator: str,
        random: Callable[[int], bytes],
    ) -> None:
        self.keyring = keyring
        self.adopted = adopted
        self.clock = clock
        self.operator = operator
        self.random = random
        self._zones: dict[str, ZoneInfo] = {}

    # --- time and ids ---

    def now(self) -> int:
        """The moment, in microseconds since the epoch."""
        return micros(self.clock())

    def today(self, policy: Policy) -> date:
        """The legal day in the policy's time zone."""
        name = policy.calendar.time_zone
        zone = self._zones.get(name) or self._zones.setdefault(name, ZoneInfo(name))
        return self.clock().astimezone(zone).date()

    def new_id(self) -> str:
        """A time-ordered identity (RFC 9562, version 7)."""
        return uuid7(self.now(), self.random)

    def stamper(self, actor: e.Actor, command: c.Command | None, on: date) -> Callable[..., e.Event]:
        """Makes events of one command: each with its id, actor, operator and correlation."""
        correlation = (command.correlation_id if command else None) or self.new_id()

        def stamp(kind: type[e.Event], effective_on: date | None = None, /, **fields: Any) -> e.Event:
            return kind(
                event_id=self.new_id(),
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

    def run(self, unit: Unit, command: c.Command, actor: e.Actor) -> Outcome:
        """Carry a command out, or give the outcome that it had before under the same id."""
        if command.command_id is not None:
            before = self._replayed(unit, command)
            if before is not None:
                return before
        if isinstance(command, c.RegisterHolder):
            return registration.register(self, unit, command, actor)
        if isinstance(command, c.UpdateHolder):
            return registration.change(self, unit, command, actor)
        if isinstance(command, c.LodgeApplication):
            return self._lodge(unit, command, actor)
        return self._on_permit(unit, command, actor)

    def prepare(
        self, unit: Unit, command: Any, actor: e.Actor
    ) -> tuple[Permit, list[tuple[int, e.Event]], Policy, date, list[Draft], tuple[int, int] | None]:
        """Load a permit and decide a command on it, writing nothing."""
        past = self.load(unit, command.permit_id)
        permit = fold(command.permit_id, past)
        if permit is None:
            raise not_found(command.permit_id)
        if command.expected_version is not None and command.expected_version != permit.version:
            raise conflict(command.permit_id, permit.version, command.expected_version)
        policy = self.adopted.current(unit, permit.jurisdiction)
        today = self.today(policy)
        holder, gate = Holder(), None
        if command.name == "issue_permit":
            holder, gate = self._titles(unit, permit)
        target = None
        if isinstance(command, c.CorrectRecord):
            target = dict(corrected(past)).get(command.of_version)
        drafts = lifecycle.decide(
            command.name, command, permit, holder, policy, actor, today=today, target=target
        )
        return permit, past, policy, today, drafts, gate

    def _on_permit(self, unit: Unit, command: Any, actor: e.Actor) -> Outcome:
        permit, past, policy, today, drafts, gate = self.prepare(unit, command, actor)
        if not drafts:
            return Outcome(permit.permit_id, permit.holder_id, permit.version, ())
        seen = permit.version
        stamp = self.stamper(actor, command, command.on or today)
        new = events_of(drafts, stamp, policy.digest)
        if command.name == "correct_record":
            numbered = [*past, *((seen + n, event) for n, event in enumerate(new, 1))]
            permit = fold(permit.permit_id, numbered) or permit
        else:
            for number, event in enumerate(new, seen + 1):
                apply(permit, number, event)
        self.save(unit, permit, policy, today, new, seen)
        if gate is not None:
            moved = unit.run(_HOLDER_PASS, {"of": permit.holder_id, "seen": gate[1]})
            if moved != 1:
                raise error("concurrency.conflict", "another file of the same holder changed meanwhile")
        self.remember(
            unit, command, permit.holder_id, permit.permit_id, permit.permit_id, seen, permit.version
        )
        return Outcome(permit.permit_id, permit.holder_id, permit.version, tuple(x.NAME for x in new))

    def save(
        self,
        unit: Unit,
        permit: Permit,
        policy: Policy,
        today: date,
        new: Sequence[e.Event],
        seen: int,
        *,
        settled: bool = False,
    ) -> None:
        """Write new events of a permit and its row; a file that changed meanwhile is a conflict.

        ``settled`` is for a scheduler pass that leaves nothing due on the day.
        """
        row = row_of(permit, policy, today, settled=settled)
        if not (writing.update_row(unit, row, seen) if seen else writing.insert_row(unit, row)):
            raise conflict(permit.permit_id, None, seen)
        if not new:
            return
        cipher = None
        if any(getattr(event, name) is not None for event in new for name in event.SEALED):
            cipher = self.cipher(unit, permit.holder_id)
        self.append(unit, permit.permit_id, seen, new, permit.holder_id, cipher)

    def append(
        self,
        unit: Unit,
        stream: str,
        seen: int,
        new: Sequence[e.Event],
        holder_id: str | None,
        cipher: Cipher | None,
    ) -> None:
        """Append events to a stream after the version seen."""
        records = []
        for version, event in enumerate(new, seen + 1):
            payload = codec.encode(event, version=version, stream=stream, holder_id=holder_id, cipher=cipher)
            records.append(history.Record(stream, version, e.stored_name(event), payload))
        history.append(unit, records, now=self.now())

    def cipher(self, unit: Unit, holder_id: str) -> Cipher:
        """The holder's key, read in this transaction; raises ``holder.erased``."""
        found = self.keyring.load(unit, holder_id)
        if found is None:
            raise error(
                "holder.erased",
                "the holder's personal data were erased; nothing more can be written about them",
                holder_id=holder_id,
            )
        return found

    # --- loading ---

    def load(self, unit: Unit, stream: str) -> list[tuple[int, e.Event]]:
        """The events of a stream with their versions, sealed fields unopened."""
        return [(r.version, codec.decode(r.name, r.payload)) for r in history.stream(unit, stream)]

    def person(self, unit: Unit, holder_id: str) -> Person:
        """What is known about a person now; raises ``holder.not_found``."""
        records = history.stream(unit, holder_id)
        if not records or not records[0].name.startswith("holder."):
            raise error("holder.not_found", f"there is no holder {holder_id}", holder_id=holder_id)
        return person_of(holder_id, records, self.keyring.load(unit, holder_id))

    def _titles(self, unit: Unit, permit: Permit) -> tuple[Holder, tuple[int, int]]:
        gate = unit.one(_HOLDER_GATE, {"holder_id": permit.holder_id})
        rows = unit.all(_TITLES, {"holder_id": permit.holder_id, "permit_id": permit.permit_id})
        titles = tuple(
            OtherTitle(r[0], r[1], date.fromisoformat(r[2]), date.fromisoformat(r[3])) for r in rows
        )
        return Holder(permit.holder_id, titles=titles), (gate[0], gate[1]) if gate else (0, 0)

    # --- filing and persons ---

    def _lodge(self, unit: Unit, command: c.LodgeApplication, actor: e.Actor) -> Outcome:
        policy = self.adopted.current(unit, command.jurisdiction)
        today = self.today(policy)
        on = command.on or today
        if command.expected_version not in (None, 0):
            raise conflict(command.permit_id or "a new permit", 0, command.expected_version)
        person = self.person(unit, command.holder_id)
        holder = Holder(
            command.holder_id,
            nationality=person.nationality,
            sex=person.sex,
            age=c.ages(person.birth_date, on) if person.birth_date else None,
        )
        if person.birth_date is not None and person.birth_date > on:
            raise invalid("on", "lies before the holder's birth; correct the day or the birth date")
        drafts = lifecycle.decide("lodge_application", command, None, holder, policy, actor, today=today)
        permit_id = command.permit_id or self.new_id()
        new = events_of(drafts, self.stamper(actor, command, on), policy.digest)
        permit = fold(permit_id, list(enumerate(new, 1)))
        assert permit is not None
        row = row_of(permit, policy, today)
        if not writing.insert_row(unit, row):
            if command.permit_id is not None and history.stream(unit, permit_id):
                raise error(
                    "concurrency.conflict",
                    f"permit_id {permit_id} is taken; choose another or leave it out",
                    permit_id=permit_id,
                )
            raise conflict(permit_id, None, 0)
        self.append(unit, permit_id, 0, new, command.holder_id, self.cipher(unit, command.holder_id))
        self.remember(unit, command, command.holder_id, permit_id, permit_id, 0, len(new))
        return Outcome(permit_id, command.holder_id, len(new), tuple(x.NAME for x in new))

    # --- the same command twice ---

    def _replayed(self, unit: Unit, command: c.Command) -> Outcome | None:
        row = unit.one(_KNOWN, {"command_id": command.command_id})
        if row is None:
            return None
        digest, holder_id, permit_id, stream, first, last = row
        cipher = self.keyring.load(unit, holder_id) if holder_id else None
        if cipher is None or cipher.hmac(content_of(command)) != bytes(digest):
            raise error(
                "command.id_reused",
                f"command_id {command.command_id!r} was used for another content; give a new one",
                command_id=command.command_id,
            )
        names = unit.all(_NAMES, {"stream": stream, "low": first + 1, "high": last})
        return Outcome(permit_id, holder_id, last, tuple(n[0].split("@")[0] for n in names), replayed=True)

    def remember(
        self,
        unit: Unit,
        command: c.Command,
        holder_id: str,
        permit_id: str | None,
        stream: str,
        first: int,
        last: int,
    ) -> None:
        if command.command_id is None:
            return
        done = unit.run(
            _REMEMBERED,
            {
                "command_id": command.command_id,
                "digest": self.cipher(unit, holder_id).hmac(content_of(command)),
                "holder_id": holder_id,
                "permit_id": permit_id,
                "stream": stream,
                "first_version": first,
                "last_version": last,
            },
        )
        if done != 1:
            raise error("concurrency.conflict", "the same command is being carried out elsewhere; try again")


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
