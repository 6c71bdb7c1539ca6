"""Scenario files run against a real engine on a store in memory.

The format is section 9 of the contract: steps on days, commands, and what is expected of the permit, its
deadlines, events and notices. An expectation that is not met says what was expected, what came, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.commands import Command, parse
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.policies.loading import compile_text, packaged, packaged_codes
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.store.events import history
from permits_engine.testing.clock import MORNING, FakeClock
from permits_engine.testing.office import expected_role
from permits_engine.testing.scenario_files import PASS, Scenario, Step, load


class Failure(msgspec.Struct, frozen=True):
    """One expectation that was not met."""

    step: int
    day: date
    do: str | None
    field: str
    expected: Any
    came: Any
    explanation: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Return what was expected, what came and why, as lines of text."""
        head = f"step {self.step} ({self.day}{', ' + self.do if self.do else ''}): {self.field}"
        lines = [head, f"  expected: {shown(self.expected)}", f"  came:     {shown(self.came)}"]
        return "\n".join([*lines, *(f"  {line}" for line in self.explanation)])


class Result(msgspec.Struct):
    """The outcome of a scenario."""

    name: str
    steps: int
    failures: list[Failure]
    path: str | None = None

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return not self.failures


class Runner:
    """Runs one scenario on a store of its own, whose clock is at 09:00 local time of each step's day."""

    def __init__(self, scenario: Scenario) -> None:
        code = scenario.jurisdiction
        if code not in packaged_codes():
            raise invalid(
                "jurisdiction", f"{code!r} has no rules here; there is: {', '.join(packaged_codes())}"
            )
        self.scenario = scenario
        zone = compile_text(packaged(code)).calendar.time_zone
        eve = min(step.day for step in scenario.steps) - timedelta(days=1)
        self.clock = FakeClock(datetime.combine(eve, MORNING, UTC), zone)
        self.engine = Engine.open("sqlite://", clock=self.clock, operator="scenario")
        self.routes, self.sink = sink_routes()
        self.holders: dict[str | None, str] = {}
        self.permits: dict[str, str] = {}
        self.latest: str | None = None
        self.failures: list[Failure] = []

    def run(self) -> Result:
        """Run every step and close the store; expectations that are not met are collected."""
        with self.engine:
            self.play()
        return Result(self.scenario.name, len(self.scenario.steps), self.failures)

    def play(self) -> None:
        """Run every step; the store stays open."""
        for number, step in enumerate(self.scenario.steps, 1):
            self.clock.at(step.day)
            self.step(number, step)

    def step(self, number: int, step: Step) -> None:
        """Run one step and compare what it leads to with what it expects."""
        before = self.permits.get(step.permit) if step.permit is not None else self.latest
        permit_id, known = before, self._events(before)
        mark = len(self.sink.letters)
        check = _Check(self, number, step)
        refused: PermitsError | None = None
        position: int | None = None
        try:
            if step.do in {"lodge_application", "update_holder"}:
                self._holder(step)
            position = self._position()
            permit_id = self._do(step, before) or before
        except PermitsError as problem:
            refused = problem
            if position is not None and self._position() != position:
                check.fail("error", "nothing recorded", self._position() - position)
        expect = {field: plain(wanted) for field, wanted in step.expect.items()}
        wanted = expect.pop("error", None)
        if (refused.code if refused else None) != wanted:
            why = (refused.message,) if refused else ()
            check.fail("error", wanted, refused.code if refused else None, why)
        if expect:
            new = self._events(permit_id)[len(known) if permit_id == before else 0 :]
            letters = [x for x in self.sink.letters[mark:] if self.sink.permit_of(x) == permit_id]
            check.compare(expect, permit_id, new, letters)

    def name_of(self, permit_id: str) -> str:
        """Return the name that the scenario gives to a file."""
        return next((name for name, each in self.permits.items() if each == permit_id), permit_id)

    def _position(self) -> int:
        with self.engine.database.read() as tx:
            return history.head(tx).position

    def _events(self, permit_id: str | None) -> list[str]:
        if permit_id is None:
            return []
        return [event["name"] for event in self.engine.history(permit_id)]

    def _do(self, step: Step, permit_id: str | None) -> str | None:
        """Give the command of a step, or run a pass; return the id of the file that it was about."""
        if step.do is None:
            return None
        if step.do == PASS:
            run_pass(self.engine.context, self.routes, on=step.day)
            return None
        fields: dict[str, Any] = {"on": step.day}
        if step.do == "lodge_application":
            fields |= {"holder_id": self._holder(step), "jurisdiction": self.scenario.jurisdiction}
        elif step.do == "update_holder":
            fields["holder_id"] = self._holder(step)
        elif step.do != "register_holder" and permit_id is not None:
            fields["permit_id"] = permit_id
        fields |= step.with_
        if fields.get("of") in self.permits:
            fields["of"] = self.permits[fields["of"]]
        command = parse(step.do, fields)
        outcome = self.engine.execute(command, actor=self._actor(step, permit_id, command))
        if step.do == "lodge_application" and outcome.permit_id is not None:
            self.latest = outcome.permit_id
            self.permits[step.permit or outcome.permit_id] = outcome.permit_id
        return outcome.permit_id

    def _holder(self, step: Step) -> str:
        if step.holder not in self.holders:
            command = parse("register_holder", {**self.scenario.person(step.holder), "on": step.day})
            actor = Actor("scenario", "counter", f"{self.scenario.jurisdiction}-X")
            holder_id = self.engine.execute(command, actor=actor).holder_id
            assert holder_id is not None
            self.holders[step.holder] = holder_id
        return self.holders[step.holder]

    def _actor(self, step: Step, permit_id: str | None, command: Command) -> Actor:
        """Return the actor: in the role that the scenario names, or the policy expects, at the file's office."""
        role, office = expected_role(
            self.engine, command, f"{self.scenario.jurisdiction}-X", on=step.day, permit_id=permit_id
        )
        return Actor("scenario", step.as_ or role, office)


class _Check:
    """What one step expects, compared with what came."""

    def __init__(self, runner: Runner, number: int, step: Step) -> None:
        self.runner = runner
        self.number = number
        self.step = step
        self.working: tuple[str, ...] = ()

    def fail(self, field: str, wanted: Any, came: Any, why: tuple[str, ...] = ()) -> None:
        """Note an expectation that was not met."""
        failure = Failure(self.number, self.step.day, self.step.do, field, wanted, came, why)
        self.runner.failures.append(failure)

    def compare(
        self, expect: dict[str, Any], permit_id: str | None, new: list[str], letters: list[Letter]
    ) -> None:
        """Compare everything but the error: events, deadlines, notices, rights, fields of the view."""
        if permit_id is None:
            self.fail("permit", "a permit", None)
            return
        view = self.runner.engine.permit(permit_id, as_of=self.step.day).as_dict()
        found = view["deadlines"]
        self.working = tuple(
            f"{line}: {each['explanation']}" for line, each in zip(_brief(found), found, strict=True)
        )
        for field, wanted in expect.items():
            if field == "events":
                self._equal(field, wanted, new, ())
            elif field == "deadlines":
                self._each(field, wanted, found, _brief(found), self.working)
            elif field == "no_deadlines":
                self._equal(field, [], [x for x in wanted if any(d["kind"] == x for d in found)])
            elif field in {"notices", "no_notices"}:
                self._notices(field, wanted, letters)
            elif field == "rights":
                self._rights(permit_id, wanted)
            elif field == "principal" and isinstance(wanted, dict) and view[field]:
                tie = {**view[field], "permit_id": self.runner.name_of(view[field]["permit_id"])}
                self._equal(field, wanted, {key: tie.get(key) for key in wanted})
            else:
                self._equal(field, wanted, view[field])

    def _equal(self, field: str, wanted: Any, came: Any, why: tuple[str, ...] | None = None) -> None:
        if wanted != came:
            self.fail(field, wanted, came, self.working if why is None else why)

    def _notices(self, field: str, wanted: Any, letters: list[Letter]) -> None:
        sent = [self.runner.sink.described(letter) for letter in letters]
        if field == "no_notices":
            to_holder = [each for each in sent if each["to"] == "holder"]
            if wanted is True and to_holder:
                self.fail(field, "nothing to the holder", to_holder)
            return
        self._each(field, wanted, sent, sent)

    def _rights(self, permit_id: str, wanted: list[dict[str, Any]]) -> None:
        rights = self.runner.engine.queries.rights(permit_id, on=self.step.day)
        for each in wanted:
            self._each("rights", [each], rights, next(x for x in rights if x["right"] == each["right"]))

    def _each(
        self, field: str, wanted: list[Any], found: list[Any], came: Any, why: tuple[str, ...] = ()
    ) -> None:
        for each in wanted:
            if not any(matches(each, one) for one in found):
                self.fail(field, each, came, why)


def run_file(path: str | Path) -> Result:
    """Load a scenario file and run it."""
    result = Runner(load(path)).run()
    result.path = str(path)
    return result


def plain(value: Any) -> Any:
    """Return a YAML value with its dates as ISO text, instants in UTC."""
    if isinstance(value, datetime):
        at = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def shown(value: Any) -> str:
    """Return a value on one line."""
    if value is None or isinstance(value, str):
        return value or "nothing"
    return msgspec.json.encode(value).decode()


def matches(wanted: Any, found: Mapping[str, Any]) -> bool:
    """Say whether something found has all the fields that are wanted."""
    if not isinstance(wanted, dict):
        return False
    return all(_same(key, value, found.get(key)) for key, value in wanted.items())


def _same(key: str, wanted: Any, came: Any) -> bool:
    if key == "due_at" and isinstance(wanted, str) and isinstance(came, str):
        try:
            return datetime.fromisoformat(wanted) == datetime.fromisoformat(came)
        except (ValueError, TypeError):
            return False
    return bool(wanted == came)


def _brief(found: list[dict[str, Any]]) -> list[str]:
    return [f"{d['kind']} {d.get('due_on') or d.get('due_at')}" for d in found]


__all__ = ["Failure", "Result", "Runner", "Scenario", "load", "run_file"]
