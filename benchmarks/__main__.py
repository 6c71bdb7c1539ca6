"""``make bench``: the figures, each as a share of the bare driver's, with the machine's own beside."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import exports, page, reading, scheduler, writers, writing
from benchmarks.machine import Machine
from benchmarks.measure import Measure
from benchmarks.stores import Place, postgresql, sqlite

PLACES = {"sqlite": sqlite, "postgresql": postgresql}
GROUPS = ("writing", "reading", "exports", "scheduler", "writers")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", type=int, default=2000, metavar="N", help="files that are written (2,000)")
    parser.add_argument(
        "--events", type=int, default=100_000, metavar="N", help="events that are read (100,000)"
    )
    parser.add_argument(
        "--permits", type=int, default=100_000, metavar="N", help="permits of a pass (100,000)"
    )
    parser.add_argument("--due", type=int, default=1000, metavar="N", help="of which so many are due (1,000)")
    parser.add_argument("--each", type=int, default=200, metavar="N", help="commands of each writer (200)")
    parser.add_argument("--writers", type=int, default=8, metavar="N", help="writers beside one another (8)")
    parser.add_argument("--only", choices=PLACES, help="one database instead of both")
    parser.add_argument("--group", choices=GROUPS, action="append", help="some measures instead of all")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write table and plot into a page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="permits-bench-", dir=".") as home:
        machine = Machine.here(Path(home))
    print(machine.told())
    found: dict[str, list[Measure]] = {}
    for name in [given.only] if given.only else PLACES:
        with PLACES[name]() as place:
            print(f"\n{place.name} (durable: every commit is on disk)")
            for measure in _measures(place, given):
                print(measure.told(), flush=True)
                found.setdefault(place.name, []).append(measure)
    if given.page is not None:
        page.write(given.page, machine, found)


def _measures(place: Place, given: argparse.Namespace) -> Iterator[Measure]:
    groups = given.group or GROUPS
    if "writing" in groups:
        yield from writing.measured(place, given.size)
    if "reading" in groups:
        yield from reading.measured(place, given.events)
    if "exports" in groups:
        yield from exports.measured(place, given.events)
    if "scheduler" in groups:
        yield from scheduler.measured(place, given.permits, given.due)
    if "writers" in groups and place.name == "PostgreSQL":
        yield from writers.measured(place, given.writers, given.each)


if __name__ == "__main__":
    main()
