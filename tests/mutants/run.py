"""Mutation run: every small fault in clocks, standing, policy and deadlines, against the fast tests of the domain.

A fault is put into the running process by changing a function's code, in a child of one collected test run,
so that no mutant pays for start-up. ``make mutants``; ``SAMPLE=n`` takes one mutant in n.
"""

import argparse
import contextlib
import importlib
import os
import random
import signal
import sys
import time
import types
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

from tests.mutants.mutations import Mutant, mutants

MODULES = (
    "periods",
    "calendars",
    "permit.standing",
    "permit.deadlines",
    "permit.appeal_periods",
    "permit.explanations",
    "rules.policy",
)
TESTS = (
    "tests/unit/domain/test_periods.py",
    "tests/unit/domain/test_calendars.py",
    "tests/unit/domain/test_golden.py",
    "tests/unit/domain/permit/test_standing.py",
    "tests/unit/domain/rules/test_policy.py",
    "tests/unit/domain/permit/test_deadlines.py",
    "tests/unit/domain/permit/test_deadlines_of_requests.py",
    "tests/unit/domain/permit/test_deadlines_of_absences.py",
    "tests/unit/domain/decisions/test_scenarios_without_a_store.py",
    "tests/unit/domain/rules/test_horizon.py",
)
SLOW = 60
"""Seconds of processor time after which a mutant counts as killed: it runs in circles."""
KILLED, SURVIVED, BROKEN = 1, 0, 3


class Run:
    """A pytest plug-in: in place of the tests, one run of them per mutant, each in a child."""

    def __init__(self, chosen: list[Mutant], seconds: float) -> None:
        self.chosen = chosen
        self.seconds = seconds
        self.survivors: list[str] = []
        self.killed: dict[str, int] = {}
        self.seen: dict[str, int] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Fork for each mutant; the child answers with its exit code."""
        for item in session.items:  # what all children read is read before they are born
            path = getattr(item, "callspec", None) and item.callspec.params.get("path")  # type: ignore[attr-defined]
            if path is not None and hasattr(item.module, "loaded"):  # type: ignore[attr-defined]
                item.module.loaded(path)  # type: ignore[attr-defined]
        settings.register_profile("mutants", settings.get_profile("ci"), max_examples=20)
        settings.load_profile("mutants")
        clean = self._child(None, session)
        if clean != SURVIVED:
            raise pytest.UsageError("the tests fail without any mutant")
        began = time.monotonic()
        for number, mutant in enumerate(self.chosen, 1):
            answer = self._child(mutant, session)
            self.seen[mutant.module] = self.seen.get(mutant.module, 0) + 1
            if answer == SURVIVED:
                self.survivors.append(str(mutant))
                print(f"survived  {mutant}", flush=True)
            else:
                self.killed[mutant.module] = self.killed.get(mutant.module, 0) + 1
            if time.monotonic() - began > self.seconds:
                break
            if number % 50 == 0:
                print(f"{number} of {len(self.chosen)} after {time.monotonic() - began:.0f} s", flush=True)
        return True

    def _child(self, mutant: Mutant | None, session: pytest.Session) -> int:
        child = os.fork()
        if child == 0:
            code = BROKEN
            with contextlib.suppress(BaseException):
                code = _tested(mutant, session)
            os._exit(code)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)


def _tested(mutant: Mutant | None, session: pytest.Session) -> int:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, SLOW)
    if mutant is not None:
        apply(mutant)
    own = f"test_{mutant.module.rpartition('.')[2]}.py" if mutant is not None else ""
    items = sorted(
        session.items, key=lambda item: item.path.name != own
    )  # what is likeliest to notice goes first
    for at, item in enumerate(items):
        following = items[at + 1] if at + 1 < len(items) else None
        if any(report.failed for report in runtestprotocol(item, nextitem=following, log=False)):
            return KILLED
    return SURVIVED


def apply(mutant: Mutant) -> None:
    """Put a mutant's code in the place of the function's own."""
    module = importlib.import_module(f"permits_engine.domain.{mutant.module}")
    scope: dict[str, Any] = dict(vars(module))
    tree = mutant.tree()
    [definition] = tree.body
    definition.decorator_list = []  # type: ignore[attr-defined]
    exec(compile(tree, str(module.__file__), "exec", dont_inherit=False), scope)  # noqa: S102
    new: types.FunctionType = scope[mutant.function.rpartition(".")[2]]
    found: Any = module
    for part in mutant.function.split("."):
        found = vars(found)[part]
    plain(found).__code__ = new.__code__


def plain(found: Any) -> types.FunctionType:
    """The function under a property, class method or cache."""
    for name in ("fget", "__func__", "__wrapped__", "compute"):
        inner = getattr(found, name, None)
        if isinstance(inner, types.FunctionType):
            return inner
    assert isinstance(found, types.FunctionType), found
    return found


@cache
def every() -> tuple[Mutant, ...]:
    """Return every mutant of the modules."""
    found: list[Mutant] = []
    for name in MODULES:
        source = (
            Path("permits_engine/domain", *name.split(".")).with_suffix(".py").read_text(encoding="utf-8")
        )
        found += mutants(name, source)
    return tuple(found)


def main() -> int:
    """Run, list the survivors, and say how many were killed; 1 where fewer than the least."""
    parser = argparse.ArgumentParser(description="mutation run over the domain's clocks and rules")
    parser.add_argument("--sample", type=int, default=1, help="one mutant in so many")
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--module", action="append", choices=MODULES)
    parser.add_argument("--only", help="mutants whose description holds this text")
    parser.add_argument("--least", type=float, default=0.9, help="share to be killed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--shuffle", type=int, help="in an order by lot, from this seed")
    given = parser.parse_args()
    chosen = [m for m in every() if not given.module or m.module in given.module]
    chosen = [m for m in chosen if not given.only or given.only in str(m)][given.offset :: given.sample]
    if given.shuffle is not None:
        random.Random(given.shuffle).shuffle(chosen)
    run = Run(chosen, given.seconds)
    files = [test for test in TESTS if Path(test).exists()]
    answer = pytest.main(["-q", "-s", "-p", "no:cacheprovider", *files], plugins=[run])
    if answer not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return int(answer)
    for module, seen in run.seen.items():
        killed = run.killed.get(module, 0)
        print(f"{module:12} {killed:5} of {seen:5} killed, {killed / seen:.1%}")
    if len(chosen) > sum(run.seen.values()):
        print(f"stopped after {sum(run.seen.values())} of {len(chosen)}")
    seen, killed = sum(run.seen.values()), sum(run.killed.values())
    print(f"{'in all':12} {killed:5} of {seen:5} killed, {killed / seen:.1%}")
    return 0 if killed >= given.least * seen else 1


if __name__ == "__main__":
    sys.exit(main())
