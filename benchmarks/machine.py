"""What the machine gives: the time of an fsync and of a fixed piece of work, without which no figure means much."""

from __future__ import annotations

import hashlib
import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """The machine of a run: ``fsync`` in microseconds, ``uow`` in milliseconds of processor."""

    python: str
    sqlite: str
    cores: int
    fsync: float
    uow: float

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """This machine, as it is now."""
        return cls(
            platform.python_version(),
            sqlite3.sqlite_version,
            os.cpu_count() or 1,
            fsync_us(folder),
            work_ms(),
        )

    def told(self) -> str:
        """The line that stands above every table."""
        return (
            f"Python {self.python}, SQLite {self.sqlite}, {self.cores} cores; fsync {self.fsync:,.0f} us,"
            f" a fixed piece of work {self.uow:.1f} ms of processor"
        )


def fsync_us(folder: Path, times: int = 100) -> float:
    """The median time of writing 4 KB and having them on disk, in microseconds."""
    path = folder / "fsync"
    file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    taken = []
    try:
        for n in range(times):
            started = time.perf_counter()
            os.pwrite(file, b"x" * 4096, 4096 * n)
            os.fsync(file)
            taken.append(time.perf_counter() - started)
    finally:
        os.close(file)
        path.unlink()
    return statistics.median(taken) * 1e6


def work_ms() -> float:
    """The least time of ten for a fixed piece of plain Python and hashing, in milliseconds of one processor."""
    return min(cpu(_work) for _ in range(10)) * 1e3


def cpu(task: Callable[[], object]) -> float:
    """Processor seconds that a task takes in this process."""
    started = time.process_time()
    task()
    return time.process_time() - started


def _work() -> None:
    digest = hashlib.sha256()
    for n in range(20_000):
        digest.update(str({"n": n, "word": "permit"}).encode())
