"""The measures: each gives rows of a name, a figure and what it means."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from benchmarks.people import COMMISSION, filings, opinion, permit_id
from benchmarks.stores import Place, at, bare
from permits_engine import Engine
from permits_engine.scheduler.delivery.sink import SinkChannel
from permits_engine.scheduler.outbox import Routes
from permits_engine.scheduler.passes import run_pass

Row = tuple[str, str, str]
RECEIPTS_END = date(2017, 3, 14)
"""Receipts of 20 December end in a week: each has to be extended, and its holder told."""


def measured(place: Place, size: int) -> Iterator[Row]:
    """Every measure on one database; ``size`` is the number of files in its store."""
    with place.engine() as engine:
        yield from _many(engine, size)
        yield from _one(engine, place, size)
        yield from _passes(engine, size)
        yield from _rebuild(engine)


def _many(engine: Engine, size: int) -> Iterator[Row]:
    commands = list(filings(size))
    wall, cpu = _timed(lambda: list(engine.execute_many(commands)))
    yield (
        "execute_many",
        f"{len(commands) / wall:,.0f}/s",
        f"{cpu / len(commands) * 1e6:,.0f} us of processor each; {size} people registered and filed",
    )


def _one(engine: Engine, place: Place, size: int) -> Iterator[Row]:
    """One command at a time beside the bare driver, turn by turn so that both see the same machine."""
    rival = _Rival(place.address())
    commands = [opinion(n, times) for times in range(2) for n in range(size)]
    ours: list[float] = []
    theirs: list[float] = []
    used = 0.0
    for n, command in enumerate(commands):
        started, processor = time.perf_counter(), time.process_time()
        engine.execute(command, actor=COMMISSION)
        ours.append(time.perf_counter() - started)
        used += time.process_time() - processor
        started = time.perf_counter()
        rival.append(permit_id(n % size))
        theirs.append(time.perf_counter() - started)
    rival.close()
    half = len(commands) // 2  # the first half warms both
    mine, bare_driver = (statistics.median(each[half:]) for each in (ours, theirs))
    yield (
        "execute, one command",
        f"{1 / mine:,.0f}/s",
        f"{mine * 1e6:,.0f} us, {used / len(commands) * 1e6:,.0f} of processor: load, decide, append, gate,"
        " idempotency, commit",
    )
    yield (
        "  as a share of the driver",
        f"{bare_driver / mine:.2f}",
        f"{bare_driver * 1e6:,.0f} us: bare driver selects the stream, inserts one row, commits",
    )


class _Rival:
    """The least that anyone would do: select a stream, insert one row, commit."""

    def __init__(self, address: str) -> None:
        self.sqlite = address.startswith("sqlite")
        self.connection = bare(address)
        kind = "BLOB" if self.sqlite else "BYTEA"
        self.connection.execute(
            "CREATE TABLE events (stream TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,"
            f" payload {kind} NOT NULL, PRIMARY KEY (stream, version))"
        )
        mark = "?" if self.sqlite else "%s"
        self.select = f"SELECT version, name, payload FROM events WHERE stream = {mark} ORDER BY version"
        self.insert = f"INSERT INTO events VALUES ({mark}, {mark}, {mark}, {mark})"
        self.begin = "BEGIN IMMEDIATE" if self.sqlite else "BEGIN"
        self.payload = b"x" * 450

    def append(self, stream: str) -> None:
        """One event more."""
        run = self.connection.execute
        run(self.begin)
        rows = run(self.select, (stream,)).fetchall()
        run(self.insert, (stream, len(rows) + 1, "permit.opinion_recorded@1", self.payload))
        run("COMMIT")

    def close(self) -> None:
        """Give the connection back."""
        self.connection.close()


def _passes(engine: Engine, size: int) -> Iterator[Row]:
    routes = Routes(SinkChannel(), SinkChannel())
    engine.clock = engine.executor.clock = at(RECEIPTS_END)
    first, cpu = _timed(lambda: run_pass(engine, routes))
    each = cpu / size * 1e6
    yield (
        "a pass, all files due",
        f"{first:.2f} s",
        f"{each:,.0f} us of processor each: an act, a row, a letter",
    )
    idle, cpu = _timed(lambda: [run_pass(engine, routes) for _ in range(20)])
    yield "a pass, nothing due", f"{idle / 20 * 1e3:.2f} ms", f"{cpu / 20 * 1e6:,.0f} us of processor"


def _rebuild(engine: Engine) -> Iterator[Row]:
    least, _ = _timed(lambda: _copied(engine))
    wall, cpu = _timed(engine.rebuild)
    streams = engine.rebuild(check=True).streams
    yield (
        "rebuild",
        f"{streams / wall:,.0f}/s",
        f"streams folded and their rows written, {cpu / streams * 1e6:,.0f} us of processor each",
    )
    yield (
        "  as a share of the driver",
        f"{least / wall:.2f}",
        f"{streams / least:,.0f}/s: bare driver reads the same events in order and writes the same rows",
    )


def _copied(engine: Engine) -> None:
    """The least that a rebuild has to do: every event by stream read, every row written."""
    source: Any = engine.database.source
    connection = bare(source.name if source.dialect == "sqlite" else source.address)
    run = connection.execute
    rows = {table: run(f"SELECT * FROM {table}").fetchall() for table in ("permits", "notices")}
    for table in rows:
        run(f"CREATE TABLE copied_{table} AS SELECT * FROM {table} WHERE 1 = 0")
    for _ in run("SELECT stream, version, name, payload FROM events ORDER BY stream, version"):
        pass
    run("BEGIN")
    for table, each in rows.items():
        marks = ", ".join(["?" if source.dialect == "sqlite" else "%s"] * len(each[0]))
        connection.cursor().executemany(f"INSERT INTO copied_{table} VALUES ({marks})", each)
    run("COMMIT")
    for table in rows:
        run(f"DROP TABLE copied_{table}")
    connection.close()


def _timed(task: Callable[[], object]) -> tuple[float, float]:
    started, processor = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - started, time.process_time() - processor
