"""An SQLite file whose process may die at any commit: before it, or after it and before anybody knows."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from permits_engine import Engine
from permits_engine.policies.loading import packaged, packaged_codes
from permits_engine.store.database import upgrade
from permits_engine.store.database.connections import SqliteFile
from permits_engine.store.database.transactions import Database
from permits_engine.store.events.timestamps import micros
from permits_engine.store.keys.keyring import MasterKeys
from permits_engine.store.log.signing_keys import SigningKeys
from tests.simulation.chance import Chance, seeded

BEGINNING = datetime(2013, 12, 2, 8, tzinfo=UTC)
"""When every world's store was set up."""
ROOM = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
"""Where stores of simulated worlds lie: in memory where the machine has such a folder."""


class Crash(BaseException):
    """The process is gone; no handler of the program sees it, and nothing it does afterwards counts."""


class Faults:
    """When processes die, and what happens right after a commit of theirs."""

    def __init__(self) -> None:
        self.doing = "set-up"
        self.countdown: int | None = None
        self.after = False
        """Whether the process dies after the commit."""
        self.then: Callable[[], None] | None = None
        """What someone else does as soon as the next commit is through."""
        self.crashes: Counter[str] = Counter()

    def plan(self, commits: int, *, after: bool) -> None:
        """Let the process die at one of its next commits."""
        self.countdown, self.after = commits, after

    def clear(self) -> None:
        """Nothing is planned any more."""
        self.countdown = self.then = None

    def crash(self, where: str) -> Crash:
        """The process dies now."""
        self.countdown = None
        self.crashes[f"{where} of {self.doing}"] += 1
        return Crash(where)


class _Connection(sqlite3.Connection):
    disk: SimulatedFile
    writing: bool

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if self.disk.dead:
            raise Crash("gone")
        if sql != "COMMIT" or not self.writing:
            return super().execute(sql, *parameters)
        faults = self.disk.faults
        dies = False
        if faults.countdown is not None:
            faults.countdown -= 1
            dies = faults.countdown <= 0
        if dies and not faults.after:
            self.disk.dead = True
            raise faults.crash("before a commit")
        done = super().execute(sql, *parameters)
        if dies:
            self.disk.dead = True
            raise faults.crash("after a commit")
        then, faults.then = faults.then, None
        if then is not None:
            then()
        return done

    def cursor(self, *given: Any) -> Any:
        if self.disk.dead:
            raise Crash("gone")
        return super().cursor(*given)


class SimulatedFile(SqliteFile):
    """The connections of one process to the store's file. Nothing is forced to disk: processes die, not machines."""

    def __init__(self, path: Path, faults: Faults) -> None:
        super().__init__(path, create_ok=False)
        self.faults = faults
        self.dead = False
        self._open: list[_Connection] = []

    def connect(self, *, writing: bool) -> Any:
        """A connection that obeys the faults."""
        connection = sqlite3.connect(
            str(self.path),
            timeout=0.2,  # one process: a longer wait would be for itself
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=_Connection,
        )
        connection.disk, connection.writing = self, False
        if writing:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.writing = writing
        self._open.append(connection)
        return connection

    def end(self) -> None:
        """The process ends: its connections close, and what they had not committed is undone."""
        self.dead = True
        for connection in self._open:
            connection.close()
        self._open.clear()


class Locks:
    """The files that processes of this world hold locked; the system takes a dead process's locks away."""

    def __init__(self) -> None:
        self.owner = "nobody"
        self._held: dict[int, str] = {}

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        """As the system's."""
        file = os.open(path, flags, mode)
        self._held[file] = self.owner
        return file

    def close(self, file: int) -> None:
        """As the system's."""
        self._held.pop(file, None)
        os.close(file)

    def end(self, owner: str) -> None:
        """A process is gone."""
        for file in [file for file, whose in self._held.items() if whose == owner]:
            self.close(file)


class Process:
    """A process that has the store open: a portal with its officers, or a daemon."""

    def __init__(
        self, name: str, path: Path, clock: Callable[[], datetime], chance: Chance, signing: SigningKeys
    ) -> None:
        self.name = name
        self.faults = Faults()
        self._path, self._clock, self._chance = path, clock, chance
        self._signing = signing
        self._file: SimulatedFile | None = None
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The engine; opened anew after a crash."""
        if self._engine is None:
            self._file = SimulatedFile(self._path, self.faults)
            database = Database(self._file)
            upgrade.require_current(database)
            self._engine = Engine(
                database,
                master_keys(),
                clock=self._clock,
                operator="simulation",
                random=self._chance.bytes,
                signing=self._signing,
            )
        return self._engine

    def end(self) -> None:
        """The process ends, by a crash or otherwise."""
        if self._file is not None:
            self._file.end()
        self._file = self._engine = None
        self.faults.clear()


@cache
def _template() -> bytes:
    """A store just set up, made once in a process: every world begins with a copy of it."""
    folder = Path(mkdtemp(prefix="permits-world-", dir=ROOM))
    chance = Chance(0)
    with seeded(chance, os, os):
        database = Database.open(f"sqlite:///{folder / 'empty.db'}", create_ok=True)
        upgrade.initialise(database, simulated=False, now=micros(BEGINNING))
        engine = Engine(
            database, master_keys(), clock=lambda: BEGINNING, operator="set-up", random=chance.bytes
        )
        engine.policies.adopt(*(packaged(code) for code in packaged_codes()))
        engine.close()
    content = (folder / "empty.db").read_bytes()
    shutil.rmtree(folder)
    return content


def new_store(folder: Path) -> Path:
    """A store just set up, in a folder."""
    path = folder / "world.db"
    path.write_bytes(_template())
    return path


def master_keys() -> MasterKeys:
    """The master key of every world."""
    return MasterKeys("world", {"world": b"\x07" * 32})
