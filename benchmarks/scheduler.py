"""A pass over a million permits of which some are due: finding them beside the bare index query, and doing.

The files that are due are real; the rows of the others are copies of theirs under other ids with a day far ahead,
without events, because a pass reads no event of a file that is not due.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from typing import Any

from benchmarks.measure import Measure
from benchmarks.people import filings
from benchmarks.stores import Place, at, bare
from permits_engine import Engine
from permits_engine.scheduler.delivery.channel import CounterChannel
from permits_engine.scheduler.delivery.memory import SinkChannel
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.delivery.smtp import SmtpChannel
from permits_engine.scheduler.passes import reconciler
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.store.database.statements import Transaction

RECEIPTS_END = date(2017, 3, 14)
"""Receipts of 20 December end in a week: each has to be extended, and its holder told."""
_FAR = "2099-01-01"
_COPY = """INSERT INTO permits ({names}) SELECT {values} FROM permits
    CROSS JOIN (WITH RECURSIVE copies(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < {copies})
    SELECT n FROM copies) AS many"""


def measured(place: Place, permits: int, due: int) -> Iterator[Measure]:
    """Rows for a pass over so many permits of which so many are due."""
    with place.engine() as engine:
        list(engine.execute_many(list(filings(due))))
        _fill(engine, permits, due)
        engine.context.clock = engine.context.clock = at(RECEIPTS_END)
        least = min(_found(engine) for _ in range(5))
        with _watched() as finding:
            started, processor = time.perf_counter(), time.process_time()
            report = run_pass(engine.context, Routes(SinkChannel(), SinkChannel()))
            wall, cpu = time.perf_counter() - started, time.process_time() - processor
        assert report.files == due, report
        letters = sum(report.notices.values())
        seconds = finding.seconds
        yield Measure("finding what is due", "file", due / seconds, due / least, 0.35,
                      note=f"{seconds * 1e3:,.1f} ms beside {least * 1e3:,.1f}; {due:,} of {permits:,}")  # fmt: skip
        yield Measure("doing what is due", "file", due / (wall - seconds), cpu=cpu / due * 1e6,
                      note=f"an act, a row, {letters / due:.0f} messages and their outcomes")  # fmt: skip
    yield from by_mail(place, min(due, 2000))


def by_mail(place: Place, number: int) -> Iterator[Measure]:
    """Letters to a mail server of its own on the loopback interface, each recorded with its answer."""
    with place.engine() as engine, _server() as port:
        list(engine.execute_many(list(filings(number))))
        engine.context.clock = engine.context.clock = at(RECEIPTS_END)
        channel = SmtpChannel("127.0.0.1", port, "office@example.org", security="none")
        started, processor = time.perf_counter(), time.process_time()
        report = run_pass(engine.context, Routes(channel, CounterChannel()))
        wall, cpu = time.perf_counter() - started, time.process_time() - processor
        sent = len(engine.notices.list(state="sent", limit=None))
        assert report.files == number, report
        yield Measure("letters by SMTP, end to end", "letter", number / wall, cpu=cpu / number * 1e6,
                      note=f"{sent:,} messages with those to offices")  # fmt: skip


@contextmanager
def _server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "aiosmtpd",
        "-n",
        "-l",
        f"127.0.0.1:{port}",
        "-c",
        "aiosmtpd.handlers.Sink",
    ]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait()


def _fill(engine: Engine, permits: int, due: int) -> None:
    """Rows of permits on which nothing is due for a long time."""
    source: Any = engine.database.source
    sqlite = source.dialect == "sqlite"
    connection = bare(source.name if sqlite else source.address)
    run = connection.execute
    table = run("SELECT * FROM permits LIMIT 1")
    names = [column[0] for column in table.description]
    table.fetchall()
    values = {name: name for name in names} | {
        "permit_id": "permit_id || '/' || n",
        "next_due": f"'{_FAR}'",
    }
    copies = (permits - due) // due
    run("BEGIN")
    run(_COPY.format(names=", ".join(names), values=", ".join(values[n] for n in names), copies=copies))
    run("COMMIT")
    run("ANALYZE")
    connection.close()


def _found(engine: Engine) -> float:
    """The bare index query, once: the ids of what is due."""
    source: Any = engine.database.source
    sqlite = source.dialect == "sqlite"
    connection = bare(source.name if sqlite else source.address)
    mark = "?" if sqlite else "%s"
    question = f"SELECT permit_id FROM permits WHERE next_due <= {mark}"
    connection.execute(question, ("2000-01-01",)).fetchall()
    started = time.perf_counter()
    connection.execute(question, (RECEIPTS_END.isoformat(),)).fetchall()
    taken = time.perf_counter() - started
    connection.close()
    return taken


class _Watched:
    """How long the reconciler's own questions for what is due take."""

    def __init__(self) -> None:
        self.seconds, self.asked = 0.0, 0
        self._ask = reconciler.due_ids

    def __enter__(self) -> _Watched:
        def ask(tx: Transaction, on: date, size: int) -> list[str]:
            started = time.perf_counter()
            found = self._ask(tx, on, size)
            self.seconds += time.perf_counter() - started
            self.asked += 1
            return found

        reconciler.due_ids = ask
        return self

    def __exit__(self, *_: object) -> None:
        reconciler.due_ids = self._ask


_watched = _Watched
