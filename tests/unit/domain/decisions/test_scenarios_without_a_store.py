"""The law's examples decided by the domain alone: the same scenario files as `permits scenario run`, no store.

Notices and what is told from one file to another are left to the real runner; statuses, terms, deadlines,
events and refusals are compared here, in a hundredth of the time.
"""

from datetime import date
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from permits_engine.commands import RunClock, parse
from permits_engine.domain.decisions.case import Draft, HolderFacts
from permits_engine.domain.decisions.decide import decide
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import Actor, Basis, Event
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.explanations import explained
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.permit.view import view
from permits_engine.domain.rules.competence import roles_for
from permits_engine.policies.loading import compile_text, packaged
from permits_engine.testing.scenario_files import Scenario, Step, load
from permits_engine.testing.scenarios import matches, plain

POLICIES = {code: compile_text(packaged(code)) for code in ("MA", "FR", "ES")}
FILES = sorted(Path(__file__).parents[3].joinpath("scenarios").rglob("*.yaml"))
ELSEWHERE = {"notices", "no_notices", "rights", "principal", "file_number", "card_number"}
"""What is expected of the letters, and what reads more than one file: the real runner looks at it."""
BETWEEN_FILES = {"of", "update_holder", "register_holder"}


class Pure:
    """One scenario, its files as lists of events."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.policy = POLICIES[scenario.jurisdiction]
        self.files: dict[str, list[tuple[int, Event]]] = {}
        self.holders: dict[str, str | None] = {}
        self.latest = ""

    def play(self) -> list[str]:
        """Every step; gives what came otherwise than expected."""
        wrong: list[str] = []
        for number, step in enumerate(self.scenario.steps, 1):
            name, before = step.permit or self.latest, {k: len(v) for k, v in self.files.items()}
            refused = None
            try:
                if step.do == "run_scheduler":
                    for each in self.files:
                        self._record(each, self._decide(each, step, "run_clock"), step)
                elif step.do is not None:
                    name = self._do(number, name, step)
            except PermitsError as problem:
                refused = problem.code
            wrong += [
                f"step {number} ({step.day}, {step.do}): {w}"
                for w in self._wrong(step, name, before, refused)
            ]
        return wrong

    def _do(self, number: int, name: str, step: Step) -> str:
        assert step.do is not None
        if step.do == "lodge_application":
            new = step.permit or f"file-{number}"
            drafts = self._decide(new, step, step.do)
            self.holders[new], self.latest = step.holder, new
            self.files[new] = []
            self._record(new, drafts, step)
            return new
        self._record(name, self._decide(name, step, step.do), step)
        return name

    def _decide(self, name: str, step: Step, do: str) -> list[Draft]:
        permit, fields = self.permit(name), dict(step.with_)
        if do == "run_clock":
            fields, command = {}, RunClock(permit_id="018f0000-0000-7000-8000-000000000001", on=step.day)
        else:
            ids = {"permit_id": "018f0000-0000-7000-8000-000000000001"}
            if do == "lodge_application":
                ids = {
                    "holder_id": "018f0000-0000-7000-8000-000000000002",
                    "jurisdiction": self.scenario.jurisdiction,
                }
            command = parse(do, {"on": step.day, **ids, **fields})
        on = command.on or step.day
        body = fields.get("body") if do == "record_opinion" else None
        office = fields.get("prefecture") if do == "lodge_application" else None
        if permit is not None:
            s = situation_on(permit, on, self.policy.at(step.day), others=self._others(name))
            office = s.prefecture
            if do == "decide_appeal":
                body = s.answerable[-1].body if s.answerable else None
                body = "administrative_tribunal" if fields.get("against") == "removal" else body
        role = step.as_ or next(iter(roles_for(self.policy.at(step.day), on, do, body)), "counter")
        target = dict(self.files.get(name, [])).get(fields.get("of_version", 0))
        actor = Actor("scenario", role, office)
        return decide(
            do,
            command,
            permit,
            self._holder(name, step, on),
            self.policy,
            actor,
            today=step.day,
            target=target,
        )

    def _holder(self, name: str, step: Step, on: date) -> HolderFacts:
        who = self.holders.get(name, step.holder)
        person = self.scenario.person(who)
        born = person.get("birth_date")
        age = (
            on.year - born.year - ((on.month, on.day) < (born.month, born.day))
            if isinstance(born, date)
            else None
        )
        return HolderFacts(
            "h",
            person.get("nationality"),
            person.get("sex"),
            age,
            facts=_known([fact for each in self._files_of(who) for fact in each.facts]),
            files=self._others(name),
        )

    def _files_of(self, who: str | None) -> list[Permit]:
        files = (self.permit(each) for each in self.files if self.holders[each] == who)
        return [each for each in files if each is not None]

    def _others(self, name: str) -> tuple[Permit, ...]:
        who = self.holders.get(name)
        others = (self.permit(each) for each in self.files if each != name and self.holders[each] == who)
        return tuple(each for each in others if each is not None)

    def _record(self, name: str, drafts: list[Draft], step: Step) -> None:
        for draft in drafts:
            event = draft.kind(
                event_id="", effective_on=draft.effective_on, actor=Actor("scenario", "counter"), operator="",
                correlation_id="", basis=Basis("", draft.rules), **draft.fields,
            )  # fmt: skip
            self.files[name].append((len(self.files[name]) + 1, event))

    def permit(self, name: str) -> Permit | None:
        """A file as it is now; its name stands for its id."""
        return fold(name, self.files[name]) if self.files.get(name) else None

    def _wrong(self, step: Step, name: str, before: dict[str, int], refused: str | None) -> list[str]:
        expect = {k: plain(v) for k, v in step.expect.items() if k not in ELSEWHERE}
        wanted = expect.pop("error", None)
        if wanted != refused:
            return [f"error {wanted} expected, {refused} came"]
        permit = self.permit(name)
        if permit is None or not expect:
            return []
        facts, others = self._holder(name, step, step.day).facts, self._others(name)
        s = situation_on(permit, step.day, self.policy.at(step.day), facts, others)
        shown: dict[str, Any] = msgspec.to_builtins(view(s))
        clocks, found = explained(s), []
        for field, value in expect.items():
            if field == "events":
                came: Any = [event.NAME for _, event in self.files[name][before.get(name, 0) :]]
            elif field == "deadlines":
                came = (
                    value
                    if all(any(matches(v, d) for d in clocks) for v in value)
                    else [d["kind"] for d in clocks]
                )
            elif field == "no_deadlines":
                came = [k for k in value if not any(d["kind"] == k for d in clocks)]
            else:
                came = shown[field]
            if came != value:
                found.append(f"{field}: {value} expected, {came} came")
        return found


@cache
def loaded(path: Path) -> Scenario:
    """A scenario file, read once a process."""
    return load(path)


def _known(facts: list[Fact]) -> tuple[Fact, ...] | None:
    return tuple(facts) or None


def within_one_file(scenario: Scenario) -> bool:
    """Whether nothing in it is told from one file to another, nor about the person."""
    steps = [SimpleNamespace(keys=set(s.with_) | {s.do or ""}) for s in scenario.steps]
    return not any(s.keys & BETWEEN_FILES for s in steps)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_domain_alone_decides_the_example_as_the_engine_does(path: Path) -> None:
    """Every step gives the events, refusals, statuses and deadlines that the jurist wrote down."""
    scenario = loaded(path)
    if not within_one_file(scenario):
        pytest.skip("told between files: the real runner's")
    assert Pure(scenario).play() == []
