"""``permits replay``: every decision made again from its recorded input, under the rules that it pins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from typing import Any

import msgspec

from permits_engine.audit.replay.parallel import Run
from permits_engine.audit.replay.sources import File, Part, Source
from permits_engine.audit.sums import tally
from permits_engine.domain.decisions import decide, titles
from permits_engine.domain.decisions.case import Draft, HolderFacts, OtherTitle
from permits_engine.domain.decisions.recorded import (
    RUN_CLOCK,
    Numbered,
    RecordedDecision,
    possible_commands,
    recorded_decisions,
)
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import ApplicationLodged, Basis, Corrected, Event
from permits_engine.domain.permit.fold import apply, corrected, fold
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy

MOST = 1000
"""Differences that are listed; all are counted."""


class Difference(msgspec.Struct, frozen=True):
    """A decision with another result than recorded: its events as recorded, and as decided again."""

    permit_id: str
    version: int
    command: str
    recorded: list[dict[str, Any]]
    again: list[dict[str, Any]]
    error: dict[str, Any] | None = None


class ReplayReport(msgspec.Struct):
    """Counts of streams, events, imported events and decisions by command, and the differences."""

    streams: int = 0
    events: int = 0
    imported: int = 0
    decisions: dict[str, int] = msgspec.field(default_factory=dict)
    disagree: int = 0
    differences: list[Difference] = msgspec.field(default_factory=list)

    def trim(self) -> None:
        """Keep no more differences than are listed."""
        del self.differences[MOST:]

    def differs(self, difference: Difference) -> None:
        """Count a difference."""
        self.disagree += 1
        self.differences.append(difference)


def replay(source: Source, run: Run) -> ReplayReport:
    """Decide a whole history again."""
    return run.over(source, "replay", replay_part, ReplayReport(), ReplayReport.trim)


def replay_part(source: Source, part: Part) -> ReplayReport:
    """Decide every file of a part again."""
    report = ReplayReport()
    for file in source.files(part):
        _replay_file(file, source, report)
    report.trim()
    return report


def _replay_file(file: File, source: Source, report: ReplayReport) -> None:
    """Decide one file again, decision by decision, each on the file as recorded until then."""
    report.streams += 1
    report.events += len(file.history)
    permit: Permit | None = None
    past: list[Numbered] = []
    for made in recorded_decisions(file.history, file.recorded):
        if made.imported:
            report.imported += len(made.events)
        elif not made.propagated:
            tally(report.decisions, made.name)
            difference = _decide_again(file.permit_id, made, permit, past, source)
            if difference is not None:
                report.differs(difference)
        past += made.events
        try:
            permit = _folded(file.permit_id, permit, made, past)
        except PermitsError as problem:
            # The file cannot be read further; the others can.
            report.differs(_difference(file.permit_id, made, [], problem))
            return


def _folded(
    permit_id: str, permit: Permit | None, made: RecordedDecision, past: list[Numbered]
) -> Permit | None:
    if permit is None or any(isinstance(event, Corrected) for _, event in made.events):
        return fold(permit_id, past)
    for version, event in made.events:
        if version != permit.version + 1:
            raise error("integrity.broken", f"event {version} of {permit_id} cannot follow {permit.version}")
        apply(permit, version, event)
    return permit


def _decide_again(
    permit_id: str, made: RecordedDecision, permit: Permit | None, past: list[Numbered], source: Source
) -> Difference | None:
    """Return the difference, or None if one of the possible commands leads to the recorded events."""
    first = made.first
    problem: PermitsError | None = None
    drafts: list[Draft] = []
    try:
        if not made.name or first.basis is None:
            message = f"event {made.version} of {permit_id} pins no rules to decide it by"
            raise error("integrity.broken", message)
        jurisdiction = permit.jurisdiction if permit is not None else getattr(first, "jurisdiction", "")
        policy = source.policy(jurisdiction, first.basis.policy)
        holder = holder_facts(made, permit, policy, source)
        for command, today in _attempts(made, policy):
            target = dict(corrected(past)).get(command.of_version) if made.name == "correct_record" else None
            try:
                result = decide.decide(
                    made.name, command, permit, holder, policy, first.actor,
                    today=today, known=today, target=target,
                )  # fmt: skip
            except PermitsError as refused:
                problem = problem or refused
                continue
            if _same(made, result, policy):
                return None
            drafts = drafts or result
    except PermitsError as refused:
        return _difference(permit_id, made, [], refused)
    return _difference(permit_id, made, drafts, None if drafts else problem)


def _attempts(made: RecordedDecision, policy: Policy) -> Iterator[tuple[Any, date]]:
    """Yield the possible commands, each with the day on which it was decided."""
    today = made.day(policy.calendar.time_zone)
    if made.name != RUN_CLOCK:
        for command in possible_commands(made):
            yield command, today
        return
    # A pass may have been for another day than its own: that of its last event.
    latest = max(event.effective_on for _, event in made.events)
    for on in dict.fromkeys((today, latest)):
        [command] = possible_commands(made)
        command.on = on
        yield command, max(on, today)


def holder_facts(
    made: RecordedDecision, permit: Permit | None, policy: Policy, source: Source
) -> HolderFacts:
    """Return what was known of the person when it was decided."""
    first = made.first
    if isinstance(first, ApplicationLodged):
        return HolderFacts(
            first.holder_id, first.nationality, first.sex, first.age, age_at_most=first.age_at_most
        )
    assert permit is not None
    # Other titles are pinned by kind; of which file they were makes no difference.
    day, kinds = first.effective_on, getattr(first, "beside", ())
    titles_then = tuple(OtherTitle("", kind, day, day) for kind in kinds)
    if not titles.depends_on_person(policy, permit, made.name):
        return HolderFacts(permit.holder_id, titles=titles_then)
    facts = source.known(permit.holder_id, made.decided_at)
    age, at_most = getattr(first, "age", None), getattr(first, "age_at_most", None)
    return HolderFacts(
        permit.holder_id,
        sex=permit.sex,
        age=age,
        titles=titles_then,
        facts=facts or None,
        age_at_most=at_most,
    )


# --- comparing ---


@cache
def _clear_fields(kind: type[Event]) -> dict[str, Any]:
    """Return an event's own fields that are not encrypted, with their defaults."""
    return {
        field.name: None if field.default is msgspec.NODEFAULT else field.default
        for field in msgspec.structs.fields(kind)
        if field.name not in Event.__struct_fields__ and field.name not in kind.ENCRYPTED
    }


_ADDED = frozenset({"appeal_version"})
"""Fields that the records of earlier releases do not have."""


def _same(made: RecordedDecision, drafts: Sequence[Draft], policy: Policy) -> bool:
    """Whether drafts equal the recorded events: type, legal date, clear fields, and the rules used."""
    return len(drafts) == len(made.events) and all(
        draft.kind is type(event)
        and draft.effective_on == event.effective_on
        and event.basis == Basis(policy.digest, draft.rules)
        and all(
            _equal(draft.fields.get(name, default), getattr(event, name))
            or (name in _ADDED and getattr(event, name) is None)
            for name, default in _clear_fields(draft.kind).items()
        )
        for draft, (_, event) in zip(drafts, made.events, strict=True)
    )


def _equal(drafted: object, recorded: object) -> bool:
    """Whether two values are equal in JSON, where a tuple is read back as a list."""
    if isinstance(drafted, list | tuple) and isinstance(recorded, list | tuple | None):
        return list(drafted) == list(recorded or ())
    return drafted == recorded


def _difference(
    permit_id: str, made: RecordedDecision, drafts: Sequence[Draft], problem: PermitsError | None
) -> Difference:
    recorded = []
    for _, event in made.events:
        fields = {name: getattr(event, name) for name in _clear_fields(type(event))}
        rules = event.basis.rules if event.basis else ()
        recorded.append(_plain(event.NAME, event.effective_on, fields, rules))
    again = []
    for draft in drafts:
        fields = {
            name: draft.fields.get(name, default) for name, default in _clear_fields(draft.kind).items()
        }
        again.append(_plain(draft.kind.NAME, draft.effective_on, fields, draft.rules))
    details = problem.as_dict() if problem is not None else None
    return Difference(permit_id, made.version, made.name or made.first.NAME, recorded, again, details)


def _plain(name: str, on: date, fields: dict[str, Any], rules: Sequence[str]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(
        {"name": name, "effective_on": on, **fields, "rules": list(rules)}
    )
    return plain
