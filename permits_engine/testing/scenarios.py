"""The law as examples: scenario files run against a real engine on an in-memory store.

The format is section 9 of the contract: steps on days, commands, and what is expected of the permit, its
deadlines, events and notices. A failing expectation says what was expected, what came, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.commands import parse
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.policies.loading import packaged_codes
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.store.events import history
from permits_engine.testing.clock import MORNING, FakeClock
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
        """For a person to read."""
        head = f"step {self.step} ({self.day}{', ' + self.do if self.do else ''}): {self.field}"
        lines = [head, f"  expected: {shown(self.expected)}", f"  came:     {shown(self.came)}"]
        return "\n".join([*lines, *(f"  {line}" for line in self.explanation)])


class Result(msgspec.Struct):
    """What running a scenario gave."""

    name: str
    steps: int
    failures: list[Failure]
    path: str | None = None

    @property
    def passed(self) -> bool:
        """Whether everything came as expected."""
        return not self.failures


class Runner:
    """Runs one scenario on a store of its own whose clock stands at 09:00 local of each step's day."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        eve = min(step.day for step in scenario.steps) - timedelta(days=1)
        self.clock = FakeClock(datetime.combine(eve, MORNING, UTC))
        self.engine = Engine.open("sqlite://", clock=self.clock, operator="scenario")
        self.routes, self.sink = sink_routes()
        self.holders: dict[str | None, str] = {}
        self.permits: dict[str, str] = {}
        self.latest: str | None = None
        self.failures: list[Failure] = []

    def run(self) -> Result:
        """Run every step; expectations that fail are collected."""
        with self.engine:
            self._known_jurisdiction()
            for number, step in enumerate(self.scenario.steps, 1):
                self.clock.at(step.day)
                self._step(number, step)
        return Result(self.scenario.name, len(self.scenario.steps), self.failures)

    def _known_jurisdiction(self) -> None:
        code = self.scenario.jurisdiction
        if code not in packaged_codes():
            raise invalid(
                "jurisdiction", f"{code!r} has no rules here; there is: {', '.join(packaged_codes())}"
            )
        with self.engine.database.read() as tx:
            policy = self.engine.context.policies.current(tx, code)
        self.clock = FakeClock(self.clock.instant, policy.calendar.time_zone)
        self.engine.context.clock = self.engine.context.clock = self.clock

    def _step(self, number: int, step: Step) -> None:
        before = self._permit_of(step)
        permit_id, known = before, self._names(before)
        mark = len(self.sink.letters)
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
                self._fail(number, step, "error", "nothing recorded", self._position() - position)
        expect = dict(step.expect)
        wanted = expect.pop("error", None)
        if (refused.code if refused else None) != wanted:
            why = (refused.message,) if refused else ()
            self._fail(number, step, "error", wanted, refused.code if refused else None, why)
        if expect:
            new = self._names(permit_id)[len(known) if permit_id == before else 0 :]
            letters = [x for x in self.sink.letters[mark:] if self.sink.permit_of(x) == permit_id]
            self._compare(number, step, expect, permit_id, new, letters)

    def _permit_of(self, step: Step) -> str | None:
        return self.permits.get(step.permit) if step.permit is not None else self.latest

    def _named(self, permit_id: str) -> str:
        """The name that the scenario gives to a file."""
        return next((name for name, each in self.permits.items() if each == permit_id), permit_id)

    def _position(self) -> int:
        with self.engine.database.read() as tx:
            return history.head(tx).position

    def _names(self, permit_id: str | None) -> list[str]:
        if permit_id is None:
            return []
        return [event["name"] for event in self.engine.history(permit_id)]

    def _do(self, step: Step, permit_id: str | None) -> str | None:
        if step.do is None:
            return None
        if step.do == PASS:
            run_pass(self.engine.context, self.routes, on=step.day)
            return None
        fields: dict[str, Any] = {"on": step.day, **step.with_}
        if step.do == "lodge_application":
            fields = {
                "holder_id": self._holder(step),
                "jurisdiction": self.scenario.jurisdiction,
                **fields,
            }
        elif step.do == "update_holder":
            fields = {"holder_id": self._holder(step), **fields}
        elif step.do != "register_holder" and permit_id is not None:
            fields = {"permit_id": permit_id, **fields}
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

    def _actor(self, step: Step, permit_id: str | None, command: Any) -> Actor:
        """Who acts where the scenario does not say: the role the policy expects, at the permit's office."""
        office = getattr(command, "prefecture", None) if step.do == "lodge_application" else None
        body = getattr(command, "body", None) if step.do == "record_opinion" else None
        if permit_id is not None and step.do != "lodge_application":
            office = self.engine.permit(permit_id, as_of=step.day).prefecture
            if step.do == "decide_appeal":
                body = self.engine.queries.pending_body(permit_id, step.day)
        office = office or f"{self.scenario.jurisdiction}-X"
        if step.as_ is not None:
            return Actor("scenario", step.as_, office)
        roles = self.engine.queries.roles(self.scenario.jurisdiction, step.do or "", step.day, body)
        return Actor("scenario", next(iter(roles), "counter"), office)

    def _compare(
        self,
        number: int,
        step: Step,
        expect: dict[str, Any],
        permit_id: str | None,
        new: list[str],
        letters: list[Any],
    ) -> None:
        if permit_id is None:
            self._fail(number, step, "permit", "a permit", None)
            return
        view = self.engine.permit(permit_id, as_of=step.day).as_dict()
        working = tuple(
            f"{d['kind']} {d.get('due_on') or d.get('due_at')}: {d['explanation']}" for d in view["deadlines"]
        )
        for field, wanted in expect.items():
            wanted = plain(wanted)
            if field == "events":
                self._equal(number, step, field, wanted, new)
            elif field == "deadlines":
                for each in wanted:
                    if not any(_matches(each, found) for found in view["deadlines"]):
                        self._fail(number, step, field, each, _brief(view["deadlines"]), working)
            elif field == "no_deadlines":
                present = [kind for kind in wanted if any(d["kind"] == kind for d in view["deadlines"])]
                self._equal(number, step, field, [], present, working)
            elif field in {"notices", "no_notices"}:
                self._notices(number, step, field, wanted, letters)
            elif field == "rights":
                came = self.engine.queries.rights(permit_id, on=step.day)
                for each in wanted:
                    if not any(_matches(each, found) for found in came):
                        [found] = [x for x in came if x["right"] == each["right"]]
                        self._fail(number, step, field, each, found)
            elif field == "principal" and isinstance(wanted, dict) and view[field]:
                tie = {**view[field], "permit_id": self._named(view[field]["permit_id"])}
                self._equal(number, step, field, wanted, {key: tie.get(key) for key in wanted}, working)
            else:
                self._equal(number, step, field, wanted, view[field], working)

    def _notices(self, number: int, step: Step, field: str, wanted: Any, letters: list[Any]) -> None:
        sent = [self.sink.described(letter) for letter in letters]
        if field == "no_notices":
            to_holder = [each for each in sent if each["to"] == "holder"]
            if wanted is True and to_holder:
                self._fail(number, step, field, "nothing to the holder", to_holder)
            return
        for each in wanted:
            if not any(_matches(each, found) for found in sent):
                self._fail(number, step, field, each, sent)

    def _equal(
        self, number: int, step: Step, field: str, wanted: Any, came: Any, why: tuple[str, ...] = ()
    ) -> None:
        if wanted != came:
            self._fail(number, step, field, wanted, came, why)

    def _fail(
        self, number: int, step: Step, field: str, wanted: Any, came: Any, why: tuple[str, ...] = ()
    ) -> None:
        self.failures.append(Failure(number, step.day, step.do, field, wanted, came, why))


def run_file(path: str | Path) -> Result:
    """Load a scenario file and run it."""
    result = Runner(load(path)).run()
    result.path = str(path)
    return result


def plain(value: Any) -> Any:
    """A YAML value with its dates as ISO text, instants in UTC."""
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
    """A value on one line."""
    if value is None or isinstance(value, str):
        return value or "nothing"
    return msgspec.json.encode(value).decode()


def _matches(wanted: Any, found: Mapping[str, Any]) -> bool:
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
