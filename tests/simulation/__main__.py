"""``python -m tests.simulation``: one seed, or many."""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import partial

from tests.simulation.running import LONG, SHORT, Lived, live


def main() -> int:
    """Run; gives 1 where an invariant was broken."""
    asked = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    asked.add_argument("--seed", type=int, default=1, help="the first seed")
    asked.add_argument("--many", type=int, help="so many short seeds, instead of one long")
    asked.add_argument("--days", type=int)
    asked.add_argument("--holders", type=int)
    asked.add_argument("--start", type=date.fromisoformat)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--minutes", type=float, help="begin no further seed after so long")
    given = asked.parse_args()
    if given.many is None:
        long = given.days is None
        start = given.start or (date(2014, 1, 6) if long else None)
        lived = live(
            given.seed, days=given.days or LONG, holders=given.holders or (60 if long else 6), start=start
        )
        return _told(lived)
    return _many(given)


def _told(lived: Lived) -> int:
    print(lived.failure or f"seed {lived.seed}: every invariant held on every day")
    print(f"happened: {lived.summary}")
    if lived.digest:
        print(f"digest: {lived.digest}")
    return 1 if lived.failure else 0


def _many(given: argparse.Namespace) -> int:
    began, counts, failed, done = time.monotonic(), Counter[str](), [], 0
    one = partial(live, days=given.days or SHORT, holders=given.holders or 6, start=given.start)
    seeds = range(given.seed, given.seed + given.many)
    with ProcessPoolExecutor(given.workers) as pool:
        size = given.workers * 10
        for first in range(0, len(seeds), size):
            for lived in pool.map(one, seeds[first : first + size]):
                done += 1
                counts.update(json.loads(lived.summary))
                if lived.failure:
                    failed.append(lived.seed)
                    print(lived.failure, flush=True)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(seeds)}", end="", file=sys.stderr, flush=True)
            if given.minutes and time.monotonic() - began > given.minutes * 60:
                break
    print(f"{done} seeds from {given.seed} in {time.monotonic() - began:.0f} s; broken: {failed or 'none'}")
    for name, count in sorted(counts.items()):
        print(f"{count:>10,}  {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
