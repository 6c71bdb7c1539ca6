"""The walk: breadth first over every reachable abstract state, asserting what must hold; ``make model DEPTH=7``."""

import argparse
import sys
import time
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import date

import msgspec

from permits_engine.domain.decisions.lifecycle import TRANSITION_OF, is_possible
from permits_engine.domain.errors import PermitsError
from tests.model import invariants, steps
from tests.model.abstraction import key
from tests.model.scenario import told
from tests.model.world import REASONS, Act, State, after, commands, days_ahead, decided, lodged, waited

FILINGS = {
    "MA regularisation-2014": ("MA", "regularisation-2014", date(2014, 3, 3), ()),
    "MA regularisation-2016": ("MA", "regularisation-2016", date(2016, 12, 20), ()),
    "MA ordinary before law 55-19": ("MA", "ordinary", date(2016, 2, 29), ()),
    "MA ordinary": ("MA", "ordinary", date(2021, 3, 1), ()),
    "MA ordinary, incomplete": ("MA", "ordinary", date(2023, 6, 5), ("means", "photos")),
    "FR temporary": ("FR", "temporary", date(2024, 1, 2), ()),
    "ES temporary": ("ES", "temporary", date(2024, 2, 29), ()),
}

_WHY = tuple(REASONS.items())
LODGED = 2
"""Events of a file that was only lodged: the filing and the receipt."""


@dataclass
class Count:
    """What a walk saw."""

    states: int = 0
    transitions: int = 0
    refused: int = 0
    depth: int = 0
    complete: bool = False
    seconds: float = 0.0
    levels: list[int] = field(default_factory=list)
    keys: set[Hashable] = field(default_factory=set)
    """The canonical forms of the states seen."""


class Broken(AssertionError):
    """An invariant was violated; carries the shortest history that does it, as a scenario."""


def roots(names: list[str] | None = None) -> list[State]:
    """The files at their beginning, and the same files with a title near its end (asked to be renewed or not)."""
    found: list[State] = []
    for name, filing in FILINGS.items():
        if names and name not in names:
            continue
        first = lodged(*filing)
        found.append(_named(first, name))
        if filing[3]:
            continue
        state = first
        if filing[1].startswith("regularisation"):
            opinion = {"body": "local_commission", "favourable": True, "reasons": "seen"}
            state = _done(state, Act("record_opinion", state.today, tuple(opinion.items())))
        state = _done(state, Act("issue_permit", state.today))
        ends = next(t.valid_until for t in state.permit.terms)
        found.append(_named(_later(state, date.fromordinal(ends.toordinal() - 30)), f"{name}, title"))
        asking = date.fromordinal(ends.toordinal() - (70 if filing[0] == "FR" else 30))
        asked = _done(_later(state, asking), Act("request_renewal", asking, (("missing", ()),)))
        found.append(_named(asked, f"{name}, renewal"))
    return found


def _named(state: State, name: str) -> State:
    return replace(state, depth=0, memory={"root": name})


def two_files() -> list[State]:
    """Worlds of a person with two files: the first refused and notified, or over, so that they may be removed."""
    told = (("mode", "written"), ("proof", "signed"))
    refused = _done(
        lodged("MA", "ordinary", date(2018, 1, 3)), Act("refuse_application", date(2018, 1, 3), _WHY)
    )
    refused = _done(refused, Act("notify_decision", date(2018, 1, 3), told))
    over = _done(lodged("MA", "ordinary", date(2018, 1, 3)), Act("issue_permit", date(2018, 1, 3)))
    worlds = {"MA two files, one refused": _later(refused, date(2018, 3, 5))}
    worlds["MA two files, one title over"] = _later(over, date(2019, 3, 4))
    return [
        replace(_named(state, name), memory={"root": name, "two": True}) for name, state in worlds.items()
    ]


def _done(state: State, act: Act) -> State:
    return after(state, act, decided(state, act))


def _later(state: State, day: date) -> State:
    return waited(state, day)


def walk(start: State, depth: int, until: float = float("inf"), exact: bool = False) -> Count:
    """Every abstract state within so many steps of one root; raises ``Broken`` at the first violation.

    Breadth first, so that the history of a violation is a shortest one. ``exact`` merges only states that are
    the same to the day. Stops where the clock passes ``until``.
    """
    began, count = time.process_time(), Count(levels=[1])
    seen: set[Hashable] = {_key(start, exact)}
    frontier = [start]
    _assert(start)
    count.states = 1
    for level in range(1, depth + 1):
        found: list[State] = []
        for state in frontier:
            for new in _steps(state, count):
                new.memory.update(start.memory)
                mark = _key(new, exact)
                if mark in seen:
                    continue
                seen.add(mark)
                count.keys.add(key(new) if exact else mark)
                _assert(new)
                found.append(new)
            if time.process_time() > until:
                count.seconds = time.process_time() - began
                return count
        count.states += len(found)
        count.levels.append(len(found))
        count.depth, frontier = level, found
        if not found:
            break
    count.complete = not frontier
    count.seconds = time.process_time() - began
    return count


def _key(state: State, exact: bool) -> Hashable:
    return (state.today, msgspec.json.encode((state.permit, state.second))) if exact else key(state)


def _steps(state: State, count: Count) -> list[State]:
    """Every state one step on: each command that is accepted, each day that matters."""
    found = [waited(state, day) for day in days_ahead(state)]
    count.transitions += len(found)
    before = msgspec.msgpack.encode(state.permit)
    for act in commands(state):
        assert act.command is not None
        if not act.second and not is_possible(state.situation(act.on), TRANSITION_OF[act.command]):
            count.refused += 1  # the table itself says no: decide refuses by the same function
            continue
        try:
            drafts = decided(state, act)
        except PermitsError:
            count.refused += 1
            continue
        if not drafts:
            continue
        new = after(state, act, drafts)
        count.transitions += 1
        try:
            steps.of_step(state, act, drafts, new)
        except invariants.Violated as problem:
            raise Broken(f"{problem}\n\n{told(new)}") from problem
        found.append(new)
    if msgspec.msgpack.encode(state.permit) != before:
        raise Broken(f"a command changed the file that it was decided on\n\n{told(state)}")
    return found


def _assert(state: State) -> None:
    try:
        invariants.of_state(state)
    except invariants.Violated as problem:
        raise Broken(f"{problem}\n\n{told(state)}") from problem


def compared(depth: int, names: list[str] | None) -> int:
    """Walk twice, merging equal forms and merging only what is the same to the day, and count the forms seen."""
    print(f"{'root':44} {'by form':>9} {'to the day':>11} {'forms':>8} {'missed':>7} {'seconds':>8}")
    seen = missed = 0
    for start in roots(names):
        form, exact = walk(start, depth), walk(start, depth, exact=True)
        lost, took = len(exact.keys - form.keys), form.seconds + exact.seconds
        seen, missed = seen + len(exact.keys), missed + lost
        numbers = f"{form.states:9,} {exact.states:11,} {len(exact.keys):8,} {lost:7,} {took:8.1f}"
        print(f"{start.memory['root']!s:44} {numbers}", flush=True)
    print(f"{missed} of {seen} forms are reached only through a state that was merged with another one")
    return 0


def _row(name: str, count: Count, depth: str) -> None:
    numbers = f"{count.states:9,} {count.transitions:10,} {count.refused:10,} {count.seconds:8.1f}"
    print(f"{name:44} {depth:>5} {numbers}", flush=True)


def main() -> int:
    """Walk from every root and print what was seen; 1 where an invariant is violated."""
    parser = argparse.ArgumentParser(description="bounded model check of the permit's lifecycle")
    parser.add_argument("--depth", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of processor time, then stop")
    parser.add_argument("--root", action="append", help="only these filings")
    parser.add_argument("--exact", action="store_true", help="merge only states that are the same to the day")
    parser.add_argument("--compare", type=int, metavar="DEPTH", help="how many forms merging by form misses")
    given = parser.parse_args()
    if given.compare is not None:
        return compared(given.compare, given.root)
    began, total, broke = time.process_time(), Count(), False
    print(f"{'root':44} {'depth':>5} {'states':>9} {'steps':>10} {'refused':>10} {'seconds':>8}")
    for start in [*roots(given.root), *(two_files() if not given.root else [])]:
        # A file with a title has steps behind it already: it is followed two steps less far.
        depth = given.depth if start.history[-1][0] <= LODGED else given.depth - 2
        try:
            count = walk(start, depth, began + given.seconds, given.exact)
        except Broken as broken:
            print(f"\n{start.memory['root']}: VIOLATED\n{broken}", flush=True)
            broke = True
            continue
        name = str(start.memory["root"]) + (" (all)" if count.complete else "")
        _row(name, count, str(count.depth))
        total.states += count.states
        total.transitions += count.transitions
        total.refused += count.refused
    total.seconds = time.process_time() - began
    _row("in all", total, "")
    return 1 if broke else 0


if __name__ == "__main__":
    sys.exit(main())
