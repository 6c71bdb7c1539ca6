"""Control across permits: what an officer did, decisions that fail a gate, who looked at whom, a sample to look into.

No key is needed: nothing here opens what is encrypted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from hashlib import sha256
from typing import NamedTuple, NotRequired, TypedDict

import msgspec

from permits_engine.audit.replay.parallel import Hands, Run
from permits_engine.audit.replay.sources import File, Part, Source
from permits_engine.domain.decisions import quality
from permits_engine.domain.decisions.recorded import day_of, recorded_decisions
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.events.timestamps import moment

PAGE = 5000
MOST_ROWS = 1_000_000


class Period(msgspec.Struct, frozen=True):
    """Which acts are meant: of an actor (none: of all), between two days, both inclusive.

    The days are legal dates, or where ``recorded`` the days on which the acts were recorded.
    """

    actor: str | None = None
    first: date | None = None
    last: date | None = None
    recorded: bool = False

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.last < self.first:
            raise invalid("to", f"{self.last} lies before {self.first}")

    def holds(self, actor: str, effective_on: date, recorded_at: int, time_zone: str) -> bool:
        """Whether an act is one of those meant."""
        if self.actor is not None and actor != self.actor:
            return False
        day = day_of(recorded_at, time_zone) if self.recorded else effective_on
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


class _Envelope(msgspec.Struct):
    """What is read of every event to find those meant; the rest is not decoded."""

    effective_on: date
    actor: Actor
    operator: str


_envelope = msgspec.json.Decoder(_Envelope).decode


class Act(NamedTuple):
    """One event with its envelope."""

    record: StoredRecord
    envelope: _Envelope


def acts(database: Database, period: Period, time_zone: str, names: str = "") -> Iterator[Act]:
    """The acts meant in the store's one order; ``names`` is how the event's name begins."""
    position = 0
    while True:
        with database.read() as tx:
            records = history.after(tx, position, PAGE)
        for record in records:
            if not record.name.startswith(names):
                continue
            envelope = _envelope(record.payload)
            if period.holds(envelope.actor.id, envelope.effective_on, record.recorded_at, time_zone):
                yield Act(record, envelope)
        if len(records) < PAGE:
            return
        position = records[-1].position


class ActRow(TypedDict):
    """An act as shown: what, on which stream, when, in which role, by which process."""

    position: int
    recorded_at: str
    on: str
    event: str
    stream: str
    version: int
    actor: str
    role: str
    prefecture: str | None
    operator: str


class ActCount(TypedDict):
    """How often an actor did something in a role for an office."""

    actor: str
    role: str
    prefecture: str | None
    event: str
    count: int


def told(act: Act) -> ActRow:
    """An act as a row: what, on which stream, when, as what, by which process."""
    record, envelope = act
    return {
        "position": record.position,
        "recorded_at": _iso(record.recorded_at),
        "on": envelope.effective_on.isoformat(),
        "event": record.name.partition("@")[0],
        "stream": record.stream,
        "version": record.version,
        "actor": envelope.actor.id,
        "role": envelope.actor.role,
        "prefecture": envelope.actor.prefecture,
        "operator": envelope.operator,
    }


def counted(found: Iterator[Act]) -> list[ActCount]:
    """How often each actor did what, in which role."""
    counts: dict[tuple[str, str, str, str], int] = {}
    for record, envelope in found:
        actor = envelope.actor
        key = (actor.id, actor.role, actor.prefecture or "", record.name.partition("@")[0])
        counts[key] = counts.get(key, 0) + 1
    return [
        {"actor": actor, "role": role, "prefecture": office or None, "event": event, "count": count}
        for (actor, role, office, event), count in sorted(counts.items())
    ]


# --- decisions --------------------------------------------------------------------------------------------


class FailedCheck(TypedDict):
    """A quality check that a decision fails, and why."""

    gate: str
    because: str


class ControlledRow(TypedDict):
    """A decision of a person with the quality checks that it fails."""

    permit_id: str
    version: int
    event: str
    on: str
    recorded_at: str
    actor: str
    role: str
    office: str
    failed: list[FailedCheck]
    lot: NotRequired[str]


class Controlled(msgspec.Struct):
    """Decisions of persons that were looked at, how many fail a gate, and those that are told."""

    decisions: int = 0
    failing: int = 0
    by_gate: dict[str, int] = msgspec.field(default_factory=dict)
    rows: list[ControlledRow] = msgspec.field(default_factory=list)

    def add(self, more: Controlled, sample: int | None) -> None:
        """Count another part; of a sample the lots drawn first stay."""
        self.decisions += more.decisions
        self.failing += more.failing
        for gate, count in more.by_gate.items():
            self.by_gate[gate] = self.by_gate.get(gate, 0) + count
        self.rows += more.rows
        if sample is not None:
            self.rows = sorted(self.rows, key=lambda row: str(row["lot"]))[:sample]
        del self.rows[MOST_ROWS:]


def controlled(
    source: Source,
    name: str,
    period: Period,
    *,
    sample: int | None = None,
    seed: int = 0,
    hands: Hands | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Controlled:
    """Decisions that fail a gate; or a ``sample`` of all, drawn by lot from the ``seed`` and the decision alone."""
    if sample is not None and not 1 <= sample <= MOST_ROWS:
        raise invalid("sample", f"{sample} is not a number from 1 to {MOST_ROWS}")
    run = Run(
        "audit", name, source, Controlled(), lambda whole, more: whole.add(more, sample),
        hands=hands, progress=progress,
    )  # fmt: skip
    return run.over(partial(part_controlled, period=period, sample=sample, seed=seed))


def part_controlled(
    source: Source, part: Part, *, period: Period, sample: int | None, seed: int
) -> Controlled:
    """Look at the decisions of a part."""
    found = Controlled()
    for file in source.files(part, notices=True):
        for row in judged(file, source, period):
            found.decisions += 1
            failed = row["failed"]
            found.failing += bool(failed)
            for gate in failed:
                found.by_gate[gate["gate"]] = found.by_gate.get(gate["gate"], 0) + 1
            if sample is not None:
                lot = sha256(f"{seed}/{row['permit_id']}/{row['version']}".encode()).hexdigest()[:16]
                found.rows.append({"lot": lot, **row})
            elif failed:
                found.rows.append(row)
    if sample is not None:
        found.rows = sorted(found.rows, key=lambda row: str(row["lot"]))[:sample]
    return found


def judged(file: File, source: Source, period: Period) -> Iterator[ControlledRow]:
    """The decisions of persons on one file that are meant, each with the gates that it fails."""
    after = fold(file.permit_id, file.history)
    letters = [quality.MessageStatus(each.kind, each.anchor, each.language) for each in file.notices]
    if after is None:
        return
    for made in recorded_decisions(file.history, file.recorded):
        version, event = made.events[0]
        if type(event) not in quality.DECISIONS or made.imported or event.basis is None or made.version == 1:
            continue
        if event.actor.role == "scheduler":
            continue
        policy = source.policy(after.jurisdiction, event.basis.policy)
        zone = policy.calendar.time_zone
        if not period.holds(event.actor.id, event.effective_on, file.recorded[version - 1], zone):
            continue
        before = fold(file.permit_id, file.history[: version - 1])
        assert before is not None
        s = Situation(before, event.effective_on, policy.at(made.day(zone)))
        verdicts = quality.assess(quality.AssessedDecision(event, version, s, after, letters))
        yield {
            "permit_id": file.permit_id,
            "version": version,
            "event": event.NAME,
            "on": event.effective_on.isoformat(),
            "recorded_at": _iso(file.recorded[version - 1]),
            "actor": event.actor.id,
            "role": event.actor.role,
            "office": s.prefecture,
            "failed": [
                {"gate": x.name, "because": str(x.because)} for x in verdicts if x.status == quality.FAILED
            ],
        }


def _iso(value: int) -> str:
    return moment(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
