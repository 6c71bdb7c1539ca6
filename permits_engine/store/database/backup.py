"""Backups: a copy of the whole database while it is in use, marked as a copy.

The copy has a row in ``restores`` that the store does not have, so that a restored store says from when it is. Key
files are not in it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import make_url

from permits_engine.domain.errors import error, invalid
from permits_engine.store.database import driver
from permits_engine.store.database.connections import HostEngine, PostgresqlServer
from permits_engine.store.database.errors import translate, unavailable
from permits_engine.store.database.transactions import Database, Statement, Transaction

_MARK = "INSERT INTO restores (made_at, position, recorded_at) SELECT {now}, position, recorded_at FROM head"
_RESTORES = Statement("SELECT made_at, position, recorded_at FROM restores ORDER BY made_at")
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Backup(msgspec.Struct, frozen=True):
    """A backup, or one that a store was restored from: its moment and the head of the history in it.

    Moments are in microseconds since the epoch.
    """

    made_at: int
    position: int
    recorded_at: int


def backup(database: Database, target: Path, *, now: int, pg_dump: str = "pg_dump") -> Backup:
    """Copy the store into a new file: an SQLite database, or a dump for ``psql`` made by ``pg_dump``.

    It blocks no user of the store. Raises ``input.invalid`` if the file exists, ``store.unavailable``.
    """
    if target.exists():
        raise invalid("FILE", f"{target} is there already; a backup replaces nothing")
    if not target.parent.is_dir():
        raise invalid("FILE", f"make the folder {target.parent} first")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        copy = _sqlite if database.dialect == "sqlite" else _postgresql
        made = copy(database, part, now, pg_dump)
        _synced(part)
        part.rename(target)
    except OSError as problem:
        raise unavailable(database.name, f"cannot be copied: {problem.strerror or problem}") from problem
    finally:
        part.unlink(missing_ok=True)
    return made


def restores(tx: Transaction) -> list[Backup]:
    """Return the backups that the store was restored from, oldest first."""
    return [Backup(row[0], row[1], row[2]) for row in tx.all(_RESTORES)]


def _sqlite(database: Database, part: Path, now: int, _: str) -> Backup:
    with closing(_source(database)) as source, closing(sqlite3.connect(part, isolation_level=None)) as copy:
        try:
            # In one step: the copy is of one moment, and writers cannot make it begin anew again and again.
            source.backup(copy)
            copy.execute(_MARK.format(now=now))
            row = copy.execute("SELECT position, recorded_at FROM head").fetchone()
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as problem:
            raise translate(problem, database.name) from problem
    return Backup(now, row[0], row[1])


def _source(database: Database) -> Any:
    if database.source.shared:
        raise unavailable(database.name, "is in memory: there is nothing to keep")
    return database.source.connect(writing=False)


def _postgresql(database: Database, part: Path, now: int, pg_dump: str) -> Backup:
    program = shutil.which(pg_dump)
    if program is None:
        message = f"{pg_dump} is not there: install PostgreSQL's client tools"
        raise error("store.unavailable", message, store=database.name)
    address, environment = _address(database)
    with closing(_source(database)) as source:
        source.execute(_BEGIN)
        # The dump has the state whose head is read here.
        [snapshot] = source.execute("SELECT pg_export_snapshot()").fetchone()
        position, recorded_at = source.execute("SELECT position, recorded_at FROM head").fetchone()
        [schema] = source.execute("SELECT quote_ident(current_schema())").fetchone()
        command = [program, f"--dbname={address}", f"--snapshot={snapshot}", f"--file={part}"]
        command += ["--format=plain", "--no-owner", "--no-privileges", "--no-password"]
        done = subprocess.run(  # noqa: S603  no shell, and nothing of it is a user's text
            command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        with suppress(Exception):
            source.execute("ROLLBACK")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise unavailable(database.name, f"was not dumped: {said[-1] if said else 'pg_dump failed'}")
    with part.open("a", encoding="utf-8") as file:
        mark = _MARK.format(now=now).replace("INTO restores", f"INTO {schema}.restores")
        file.write(f"\n{mark.replace('FROM head', f'FROM {schema}.head')};\n")
    return Backup(now, position, recorded_at)


def _address(database: Database) -> tuple[str, dict[str, str]]:
    """Return the address, and the password for the environment: other users can see a process's arguments."""
    source = database.source
    if isinstance(source, HostEngine):
        url = make_url(source.engine.url).set(drivername="postgresql")
        given = url.render_as_string(hide_password=False)
    else:
        assert isinstance(source, PostgresqlServer)
        given = source.address
    conninfo = driver.psycopg.conninfo
    parts = conninfo.conninfo_to_dict(given)
    password = parts.pop("password", None)
    plain = {key: str(value) for key, value in parts.items() if value is not None}
    return conninfo.make_conninfo(**plain), {} if password is None else {"PGPASSWORD": str(password)}


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
