"""Every decision of one file decided again from its recorded input, under the rules that it pins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import cache
from typing import Any

import msgspec

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
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.fold import apply, corrected, fold
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy

PolicyOf = Callable[[str, str], Policy]
"""The policy of a jurisdiction by the digest of its adopted text; raises ``integrity.broken``."""
FactsOf = Callable[[str, int], tuple[Fact, ...]]
"""What was known about a holder, through any of their files, before a moment."""


class Difference(msgspec.Struct, frozen=True):
    """A decision that would not be what it was: its events as recorded, and as decided again."""

    permit_id: str
    version: int
    command: str
    recorded: list[dict[str, Any]]
    again: list[dict[str, Any]]
    error: dict[str, Any] | None = None


class Again(msgspec.Struct):
    """What was found out: streams, events, decisions by command, what came in from outside, and differences."""

    streams: int = 0
    events: int = 0
    imported: int = 0
    decisions: dict[str, int] = msgspec.field(default_factory=dict)
    disagree: int = 0
    differences: list[Difference] = msgspec.field(default_factory=list)

    def add(self, more: Again, most: int) -> None:
        """Count another part; of the differences the first ``most`` are kept."""
        self.streams += more.streams
        self.events += more.events
        self.imported += more.imported
        self.disagree += more.disagree
        for name, count in more.decisions.items():
            self.decisions[name] = self.decisions.get(name, 0) + count
        self.differences += more.differences[: max(0, most - len(self.differences))]


def again(
    permit_id: str,
    history: Sequence[Numbered],
    recorded: Sequence[int],
    policy_of: PolicyOf,
    facts_of: FactsOf,
    report: Again,
) -> None:
    """Decide one file again, decision by decision, each on the file as it was recorded until then.

    ``recorded`` are the events' recorded times, in microseconds since the epoch.
    """
    report.streams += 1
    report.events += len(history)
    permit: Permit | None = None
    past: list[Numbered] = []
    for made in recorded_decisions(history, recorded):
        if made.imported:
            report.imported += len(made.events)
        elif not made.propagated:
            report.decisions[made.name] = report.decisions.get(made.name, 0) + 1
            found = _once(permit_id, made, permit, past, policy_of, facts_of)
            if found is not None:
                report.disagree += 1
                report.differences.append(found)
        past += made.events
        try:
            permit = _grown(permit_id, permit, made, past)
        except PermitsError as problem:
            # A file that cannot be read further is a finding; the others go on.
            report.disagree += 1
            report.differences.append(_difference(permit_id, made, [], problem))
            return


def _grown(
    permit_id: str, permit: Permit | None, made: RecordedDecision, past: list[Numbered]
) -> Permit | None:
    if permit is None or any(isinstance(event, Corrected) for _, event in made.events):
        return fold(permit_id, past)
    for version, event in made.events:
        if version != permit.version + 1:
            raise error("integrity.broken", f"event {version} of {permit_id} cannot follow {permit.version}")
        apply(permit, version, event)
    return permit


def _once(
    permit_id: str,
    made: RecordedDecision,
    permit: Permit | None,
    past: list[Numbered],
    policy_of: PolicyOf,
    facts_of: FactsOf,
) -> Difference | None:
    first = made.first
    try:
        if not made.name or first.basis is None:
            raise error(
                "integrity.broken", f"event {made.version} of {permit_id} pins no rules to decide it by"
            )
        jurisdiction = permit.jurisdiction if permit is not None else getattr(first, "jurisdiction", "")
        policy = policy_of(jurisdiction, first.basis.policy)
        holder = holder_of(made, permit, policy, facts_of)
        problem: PermitsError | None = None
        drafts: list[Draft] = []
        for command, today, known in _attempts(made, policy):
            target = dict(corrected(past)).get(command.of_version) if made.name == "correct_record" else None
            try:
                came = decide.decide(
                    made.name, command, permit, holder, policy, first.actor,
                    today=today, known=known, target=target,
                )  # fmt: skip
            except PermitsError as refused:
                problem = problem or refused
                continue
            if same(made, came, policy):
                return None
            drafts = drafts or came
    except PermitsError as refused:
        return _difference(permit_id, made, [], refused)
    return _difference(permit_id, made, drafts, None if drafts else problem)


def _attempts(made: RecordedDecision, policy: Policy) -> Iterator[tuple[Any, date, date]]:
    today = made.day(policy.calendar.time_zone)
    if made.name != RUN_CLOCK:
        for command in possible_commands(made):
            yield command, today, today
        return
    # A pass may have been for another day than its own, which its last act then bears.
    latest = max(event.effective_on for _, event in made.events)
    for on in dict.fromkeys((today, latest)):
        [command] = possible_commands(made)
        command.on = on
        known = max(on, today)
        yield command, known, known


def holder_of(
    made: RecordedDecision, permit: Permit | None, policy: Policy, facts_of: FactsOf
) -> HolderFacts:
    """What was known of the person when it was decided."""
    first = made.first
    if isinstance(first, ApplicationLodged):
        return HolderFacts(first.holder_id, first.nationality, first.sex, first.age)
    assert permit is not None
    # What was in force beside the title is pinned by kind; of which file it was makes no difference.
    beside = tuple(
        OtherTitle("", kind, first.effective_on, first.effective_on) for kind in getattr(first, "beside", ())
    )
    if not titles.depends_on_person(policy, permit, made.name):
        return HolderFacts(permit.holder_id, titles=beside)
    facts = facts_of(permit.holder_id, made.decided_at)
    age = getattr(first, "age", None)
    return HolderFacts(permit.holder_id, sex=permit.sex, age=age, titles=beside, facts=facts or None)


# --- comparing --------------------------------------------------------------------------------------------


@cache
def clear_fields(kind: type[Event]) -> tuple[str, ...]:
    """What an event says of its own that is not encrypted."""
    return tuple(
        name
        for name in kind.__struct_fields__
        if name not in Event.__struct_fields__ and name not in kind.ENCRYPTED
    )


def same(made: RecordedDecision, drafts: Sequence[Draft], policy: Policy) -> bool:
    """Whether drafts are the recorded events: type, legal date, clear fields, and the rules they rest on."""
    if len(drafts) != len(made.events):
        return False
    for draft, (_, event) in zip(drafts, made.events, strict=True):
        if draft.kind is not type(event) or draft.effective_on != event.effective_on:
            return False
        if event.basis != Basis(policy.digest, draft.rules):
            return False
        fields, usual = draft.fields, _defaults(draft.kind)
        for name in clear_fields(draft.kind):
            if not _alike(fields.get(name, usual.get(name)), getattr(event, name)):
                return False
    return True


def _alike(came: Any, recorded: Any) -> bool:
    """What was stored is read back as JSON has it: a list is as good as a tuple."""
    return came == recorded or (isinstance(came, list | tuple) and [*came] == [*(recorded or ())])


@cache
def _defaults(kind: type[Event]) -> dict[str, Any]:
    return {
        field.name: field.default for field in msgspec.structs.fields(kind) if field.default is not msgspec.NODEFAULT
    }  # fmt: skip


def _difference(
    permit_id: str, made: RecordedDecision, drafts: Sequence[Draft], problem: PermitsError | None
) -> Difference:
    return Difference(
        permit_id,
        made.version,
        made.name or made.first.NAME,
        [_said(event, event.basis.rules if event.basis else ()) for _, event in made.events],
        [_drafted(draft) for draft in drafts],
        problem.as_dict() if problem is not None else None,
    )


def _said(event: Event, rules: Sequence[str]) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in clear_fields(type(event))}
    return _plain(event.NAME, event.effective_on, fields, rules)


def _drafted(draft: Draft) -> dict[str, Any]:
    known = _defaults(draft.kind) | draft.fields
    fields = {name: known.get(name) for name in clear_fields(draft.kind)}
    return _plain(draft.kind.NAME, draft.effective_on, fields, draft.rules)


def _plain(name: str, on: date, fields: dict[str, Any], rules: Sequence[str]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(
        {"name": name, "effective_on": on, **fields, "rules": list(rules)}
    )
    return plain
