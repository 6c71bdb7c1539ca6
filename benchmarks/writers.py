"""Processes that write to PostgreSQL, each on permits of its own, beside as many of the bare driver.

``python -m benchmarks.writers ADDRESS KEYS KIND FIRST COUNT PAUSE`` is one of them: it says ``ready``, waits for a
line, writes, and prints the seconds it took.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from benchmarks.measure import Measure, Took, compared
from benchmarks.people import COMMISSION, filings, opinion, permit_id
from benchmarks.raw import Raw
from benchmarks.stores import TODAY, Place, at
from benchmarks.writing import Appender
from permits_engine import Engine

PAUSE = 0.02


def measured(place: Place, number: int, each: int) -> Iterator[Measure]:
    """So many commands by each of some writers: at once, and in transactions of a host that works meanwhile."""
    with place.engine() as engine:
        list(engine.execute_many(list(filings(number * each))))
        with Raw(engine) as raw:
            appender = Appender(raw)
            address = raw.address
            for name, pause, aim in (
                (f"{number} writers", 0.0, 0.55),
                (f"{number} hosts that work for 20 ms", PAUSE, 0.75),
            ):
                least = _together(address, place.keys(engine), "raw", number, each, pause)
                ours = _together(address, place.keys(engine), "ours", number, each, pause)
                count = number * each
                yield compared(name, "command", count, ours, least, aim=aim)
            appender.gone()


def _together(address: str, keys: Path, kind: str, writers: int, each: int, pause: float) -> Took:
    """Processes that begin at once; the time until the last one is done, and what they all used."""
    running = []
    for number in range(writers):
        command = [sys.executable, "-m", "benchmarks.writers", address, str(keys), kind]
        command += [str(number * each), str(each), str(pause)]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    started = time.perf_counter()
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    used = 0.0
    for process in running:
        assert process.stdout is not None
        used += float(process.stdout.readline())
    taken = time.perf_counter() - started
    for process in running:
        process.communicate()
    return Took(taken, used)


def main(address: str, keys: str, kind: str, first: str, count: str, pause: str) -> None:
    """One writer."""
    numbers = range(int(first), int(first) + int(count))
    uow = _raw if kind == "raw" else _ours
    with Engine.open(address, keys=keys, clock=at(TODAY)) as engine:
        used = uow(engine, address, numbers, float(pause))
    print(used, flush=True)


def _raw(engine: Engine, address: str, numbers: range, pause: float) -> float:
    with Raw(engine) as raw:
        appender = Appender(raw)
        started = _go()
        for number in numbers:
            appender.append(permit_id(number), pause)
        return time.process_time() - started


def _ours(engine: Engine, address: str, numbers: range, pause: float) -> float:
    commands = [opinion(number, int(pause * 1000)) for number in numbers]
    if not pause:
        started = _go()
        for command in commands:
            engine.execute(command, actor=COMMISSION)
        return time.process_time() - started
    host = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    started = _go()
    for command in commands:
        with Session(host) as session, session.begin():
            engine.execute(command, actor=COMMISSION, session=session)
            time.sleep(pause)
    return time.process_time() - started


def _go() -> float:
    print("ready", flush=True)
    sys.stdin.readline()
    return time.process_time()


if __name__ == "__main__":
    main(*sys.argv[1:])
