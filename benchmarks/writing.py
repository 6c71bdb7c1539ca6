"""What writes: one command, many at once, and eight writers beside one another."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.corpus import acts
from benchmarks.measure import Measure, Took, compared, timed
from benchmarks.people import COMMISSION, opinion, permit_id
from benchmarks.raw import Raw
from benchmarks.stores import Place
from permits_engine import Engine

TABLES = ("events", "permits", "holders", "holder_keys", "commands", "search", "notices")
BATCH = 500
"""Rows in one transaction of the raw limit: no fewer commits than ours, and no more."""


def measured(place: Place, size: int) -> Iterator[Measure]:
    """The measures of writing; ``size`` is the number of files in the store."""
    with place.engine() as engine:
        yield _bulk(engine, size)
        yield _one(engine, size)


def _bulk(engine: Engine, size: int) -> Measure:
    """Beside the rows of all tables, ready-made."""
    commands = list(acts(size))
    with Raw(engine) as raw:
        before = raw.run("SELECT count(*) FROM events").fetchone()[0]
        ours = timed(lambda: list(engine.execute_many(commands)))
        events = raw.run("SELECT count(*) FROM events").fetchone()[0] - before
        rows = {table: raw.rows(table) for table in TABLES}
        copies = {table: raw.empty_copy(table) for table in TABLES}
        least = timed(lambda: _written(raw, rows, copies, len(commands)))
        for copy in copies.values():
            raw.run(f"DROP TABLE {copy}")
    note = f"{len(commands):,} commands, {len(commands) / ours.wall:,.0f} a second"
    return compared("many commands at once", "event", events, ours, least, aim=0.5, note=note)


def _written(raw: Raw, rows: dict[str, list[Any]], copies: dict[str, str], commands: int) -> None:
    times = -(-commands // BATCH)
    for number in range(times):
        raw.run("BEGIN")
        for table, found in rows.items():
            first, last = len(found) * number // times, len(found) * (number + 1) // times
            raw.insert(copies[table], found[first:last])
        raw.run("COMMIT")


def _one(engine: Engine, size: int) -> Measure:
    """One command at a time beside the bare driver, turn by turn so that both see the same machine."""
    count = min(size, 1000)
    commands = [opinion(n, times) for times in (1, 2) for n in range(count)]
    ours: list[float] = []
    theirs: list[float] = []
    cpu = [0.0, 0.0]
    with Raw(engine) as raw:
        appender = Appender(raw)
        for n, command in enumerate(commands):
            started, processor = time.perf_counter(), time.process_time()
            engine.execute(command, actor=COMMISSION)
            ours.append(time.perf_counter() - started)
            cpu[0] += time.process_time() - processor
            started, processor = time.perf_counter(), time.process_time()
            appender.append(permit_id(n % count))
            theirs.append(time.perf_counter() - started)
            cpu[1] += time.process_time() - processor
        appender.gone()
    half = len(commands) // 2  # the first half warms both
    mine, bare_driver = (statistics.median(each[half:]) for each in (ours, theirs))
    used = [each / len(commands) for each in cpu]
    note = f"{mine * 1e6:,.0f} us beside {bare_driver * 1e6:,.0f}"
    return compared("one command", "command", 1, Took(mine, used[0]), Took(bare_driver, used[1]),
                    aim=0.45 if raw.sqlite else 0.5, note=note)  # fmt: skip


class Appender:
    """The least that anyone would do: select a stream, insert one row, commit."""

    def __init__(self, raw: Raw, table: str = "raw_events") -> None:
        self.raw, self.table = raw, table
        kind = "BLOB" if raw.sqlite else "BYTEA"
        raw.run(
            f"CREATE TABLE IF NOT EXISTS {table} (stream TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,"
            f" payload {kind} NOT NULL, PRIMARY KEY (stream, version))"
        )
        mark = raw.mark
        self.select = f"SELECT version, name, payload FROM {table} WHERE stream = {mark} ORDER BY version"
        self.insert = f"INSERT INTO {table} VALUES ({mark}, {mark}, {mark}, {mark})"
        self.begin = "BEGIN IMMEDIATE" if raw.sqlite else "BEGIN"
        self.payload = b"x" * 620

    def append(self, stream: str, pause: float = 0.0) -> None:
        """One event more; the transaction stays open for a while before it commits."""
        run = self.raw.run
        run(self.begin)
        rows = run(self.select, (stream,)).fetchall()
        run(self.insert, (stream, len(rows) + 1, "permit.opinion_recorded@1", self.payload))
        if pause:
            time.sleep(pause)
        run("COMMIT")

    def gone(self) -> None:
        """Take the table away again."""
        self.raw.run(f"DROP TABLE {self.table}")
