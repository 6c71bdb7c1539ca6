"""Control across permits: what officers did, decisions that fail a quality check, and samples of decisions.

No key is needed: nothing here is decrypted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial
from hashlib import sha256
from typing import NotRequired, TypedDict

import msgspec

from permits_engine.audit.replay.parallel import Run
from permits_engine.audit.replay.sources import File, Part, Source
from permits_engine.audit.sums import tally
from permits_engine.domain.decisions import quality
from permits_engine.domain.decisions.recorded import day_of, recorded_decisions
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import iso

PAGE = 5000
MOST_ROWS = 1_000_000


class ActFilter(msgspec.Struct, frozen=True):
    """A filter of acts: those of an actor (None: of all), between two days, both inclusive.

    The days are legal dates, or with ``recorded`` the days on which the acts were recorded.
    """

    actor: str | None = None
    first: date | None = None
    last: date | None = None
    recorded: bool = False

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.last < self.first:
            raise invalid("to", f"{self.last} lies before {self.first}")

    def matches(self, actor: str, effective_on: date, recorded_at: int, time_zone: str) -> bool:
        """Whether an act passes the filter."""
        if self.actor is not None and actor != self.actor:
            return False
        day = day_of(recorded_at, time_zone) if self.recorded else effective_on
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


class _Envelope(msgspec.Struct):
    """The part of an event that is decoded."""

    effective_on: date
    actor: Actor
    operator: str


_envelope = msgspec.json.Decoder(_Envelope).decode


class _Row(TypedDict):
    recorded_at: str
    on: str
    role: str
    prefecture: str | None
    operator: str


class ActRow(_Row):
    """What was done on which stream, when, by whom and by which process."""

    position: int
    event: str
    stream: str
    version: int
    actor: str


class LookRow(_Row):
    """A look at a person's data."""

    reader: str
    holder_id: str


class ActCount(TypedDict):
    """How often an actor did something in a role for an office."""

    actor: str
    role: str
    prefecture: str | None
    event: str
    count: int


def acts(database: Database, wanted: ActFilter, time_zone: str, names: str = "") -> Iterator[ActRow]:
    """Yield the acts in the store's order; ``names`` is the beginning of the events' names."""
    position = 0
    while True:
        with database.read() as tx:
            records = history.after(tx, position, PAGE)
        for record in records:
            if not record.name.startswith(names):
                continue
            envelope = _envelope(record.payload)
            actor, on = envelope.actor, envelope.effective_on
            if wanted.matches(actor.id, on, record.recorded_at, time_zone):
                yield {
                    "position": record.position,
                    "recorded_at": iso(record.recorded_at),
                    "on": on.isoformat(),
                    "event": record.name.partition("@")[0],
                    "stream": record.stream,
                    "version": record.version,
                    "actor": actor.id,
                    "role": actor.role,
                    "prefecture": actor.prefecture,
                    "operator": envelope.operator,
                }
        if len(records) < PAGE:
            return
        position = records[-1].position


def counted(rows: Iterable[ActRow]) -> list[ActCount]:
    """Return how often each actor did what, in which role and for which office."""
    counts = Counter((row["actor"], row["role"], row["prefecture"] or "", row["event"]) for row in rows)
    return [
        {"actor": actor, "role": role, "prefecture": office or None, "event": event, "count": count}
        for (actor, role, office, event), count in sorted(counts.items())
    ]


def looks(rows: Iterable[ActRow], holder_id: str | None) -> Iterator[LookRow]:
    """Yield ``holder.accessed`` events as looks, of one holder or of all."""
    for row in rows:
        if holder_id is None or row["stream"] == holder_id:
            yield {
                "reader": row["actor"],
                "holder_id": row["stream"],
                "on": row["on"],
                "recorded_at": row["recorded_at"],
                "role": row["role"],
                "prefecture": row["prefecture"],
                "operator": row["operator"],
            }


# --- decisions ---


class FailedCheck(TypedDict):
    """A quality check that a decision fails, and why."""

    gate: str
    because: str


class ControlledRow(TypedDict):
    """A decision of a person with the quality checks that it fails; ``lot`` in a sample only."""

    lot: NotRequired[str]
    permit_id: str
    version: int
    event: str
    on: str
    recorded_at: str
    actor: str
    role: str
    office: str
    failed: list[FailedCheck]


class Controlled(msgspec.Struct):
    """Decisions of persons: how many were checked and failed a quality check, and those listed."""

    decisions: int = 0
    failing: int = 0
    by_gate: dict[str, int] = msgspec.field(default_factory=dict)
    rows: list[ControlledRow] = msgspec.field(default_factory=list)

    def draw(self, sample: int | None) -> None:
        """Keep the sampled rows: those with the lowest lots."""
        if sample is not None:
            self.rows.sort(key=lambda row: str(row["lot"]))
        del self.rows[sample or MOST_ROWS :]


def controlled(
    source: Source, wanted: ActFilter, run: Run, *, sample: int | None = None, seed: int = 0
) -> Controlled:
    """Return decisions that fail a quality check, or a ``sample`` drawn by the ``seed`` and the decision alone."""
    if sample is not None and not 1 <= sample <= MOST_ROWS:
        raise invalid("sample", f"{sample} is not a number from 1 to {MOST_ROWS}")
    task = partial(control_part, wanted=wanted, sample=sample, seed=seed)
    return run.over(source, "audit", task, Controlled(), lambda whole: whole.draw(sample))


def control_part(
    source: Source, part: Part, *, wanted: ActFilter, sample: int | None, seed: int
) -> Controlled:
    """Check the decisions of a part."""
    found = Controlled()
    for file in source.files(part, notices=True):
        for row in _assessed(file, source, wanted):
            if sample is not None:
                lot = sha256(f"{seed}/{row['permit_id']}/{row['version']}".encode()).hexdigest()[:16]
                row = {"lot": lot, **row}
            found.decisions += 1
            found.failing += bool(row["failed"])
            for each in row["failed"]:
                tally(found.by_gate, each["gate"])
            if row["failed"] or sample is not None:
                found.rows.append(row)
    found.draw(sample)
    return found


def _assessed(file: File, source: Source, wanted: ActFilter) -> Iterator[ControlledRow]:
    """Yield the decisions of persons on a file, each with the quality checks that it fails."""
    after = fold(file.permit_id, file.history)
    messages = [quality.MessageStatus(each.kind, each.anchor, each.language) for each in file.notices]
    if after is None:
        return
    for made in recorded_decisions(file.history, file.recorded):
        version, event = made.events[0]
        if type(event) not in quality.DECISIONS or made.imported or event.basis is None or version == 1:
            continue
        policy, recorded_at = (
            source.policy(after.jurisdiction, event.basis.policy),
            file.recorded[version - 1],
        )
        zone = policy.calendar.time_zone
        if event.actor.role == "scheduler" or not wanted.matches(
            event.actor.id, event.effective_on, recorded_at, zone
        ):
            continue
        before = fold(file.permit_id, file.history[: version - 1])
        assert before is not None
        s = situation_on(before, event.effective_on, policy.at(made.day(zone)))
        verdicts = quality.assess(quality.AssessedDecision(event, version, s, after, messages))
        yield {
            "permit_id": file.permit_id,
            "version": version,
            "event": event.NAME,
            "on": event.effective_on.isoformat(),
            "recorded_at": iso(recorded_at),
            "actor": event.actor.id,
            "role": event.actor.role,
            "office": s.prefecture,
            "failed": [
                {"gate": x.name, "because": str(x.because)} for x in verdicts if x.status == quality.FAILED
            ],
        }
