"""``python -m tests.fuzz SECONDS``: every door for so long, or those that are named."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.fuzz.doors import doors
from tests.fuzz.running import Tried, fuzz, keep


def _one(name: str, seconds: float, first: int) -> Tried:
    with doors() as found:
        tried = fuzz(found[name], seconds=seconds, first=first)
    # An exception may hold what no process can hand to another.
    tried.findings = [(content, RuntimeError(repr(problem))) for content, problem in tried.findings]
    return tried


def main() -> int:
    """Try the doors; gives 1 where something was found."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("seconds", type=float, nargs="?", default=120.0)
    asked.add_argument("doors", nargs="*")
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--first", type=int, default=int(time.time()), help="the first seed")
    given = asked.parse_args()
    with doors() as found:
        names = given.doors or list(found)
    print(f"{len(names)} doors, {given.seconds:g} s each, seeds from {given.first}", flush=True)
    worst = 0
    with ProcessPoolExecutor(given.workers) as pool:
        for tried in pool.map(partial(_one, seconds=given.seconds, first=given.first), names):
            print(tried.told(), flush=True)
            for content, problem in tried.findings:
                worst = 1
                print(
                    f"    {problem}\n    kept as {keep(tried.door, content)}: {content[:300]!r}", flush=True
                )
    return worst


if __name__ == "__main__":
    sys.exit(main())
