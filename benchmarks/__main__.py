"""``python -m benchmarks [--size N] [--only sqlite|postgresql]``: the figures, with the machine's own beside."""

from __future__ import annotations

import argparse
import platform
import sqlite3
import tempfile
from pathlib import Path

from benchmarks import scheduler
from benchmarks.machine import fsync_us, work_ms
from benchmarks.measures import measured
from benchmarks.stores import postgresql, sqlite

PLACES = {"sqlite": sqlite, "postgresql": postgresql}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--size", type=int, default=1000, metavar="N", help="files in the store (1000)")
    parser.add_argument("--only", choices=PLACES, help="one database instead of both")
    parser.add_argument(
        "--permits", type=int, metavar="N", help="only a pass over N permits, --due of them due"
    )
    parser.add_argument("--due", type=int, default=5000, metavar="N", help="files due in that pass (5000)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="permits-bench-", dir=".") as home:
        fsync = fsync_us(Path(home))
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {given.size} files")
    print(f"this machine: fsync {fsync:,.0f} us, a fixed piece of work {work_ms():.1f} ms of processor")
    for name in [given.only] if given.only else PLACES:
        with PLACES[name]() as place:
            print(f"\n{place.name} (durable: every commit is on disk)")
            rows = (
                scheduler.measured(place, given.permits, given.due)
                if given.permits
                else measured(place, given.size)
            )
            for what, figure, meaning in rows:
                print(f"  {what:28}{figure:>12}  {meaning}", flush=True)


if __name__ == "__main__":
    main()
