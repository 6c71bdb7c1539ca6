"""The raw limits: the bare driver doing the least that is needed, prepared, in the same database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.stores import bare
from permits_engine import Engine

FETCH = 1000
IN_ORDER = "SELECT position, stream, version, name, recorded_at, payload FROM events ORDER BY position"


class Raw:
    """A connection of the driver's own to an engine's database."""

    def __init__(self, engine: Engine) -> None:
        source: Any = engine.database.source
        self.sqlite = source.dialect == "sqlite"
        self.address = f"sqlite:///{source.name}" if self.sqlite else source.address
        self.connection = bare(str(source.name) if self.sqlite else source.address)
        self.run = self.connection.execute
        self.mark = "?" if self.sqlite else "%s"

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def read_in_order(self) -> int:
        """Every event by position, a thousand at a time."""
        if self.sqlite:
            cursor = self.run(IN_ORDER)
        else:
            self.run("BEGIN")
            cursor = self.connection.cursor(name="in_order")
            cursor.itersize = FETCH
            cursor.execute(IN_ORDER)
        count = 0
        while rows := cursor.fetchmany(FETCH):
            count += len(rows)
        if not self.sqlite:
            cursor.close()
            self.run("COMMIT")
        return count

    def stream(self, stream: str) -> list[Any]:
        """The events of one stream."""
        rows: list[Any] = self.run(
            f"SELECT version, name, payload FROM events WHERE stream = {self.mark} ORDER BY version",
            (stream,),
        ).fetchall()
        return rows

    def rows(self, table: str) -> list[Any]:
        """All rows of a table."""
        found: list[Any] = self.run(f"SELECT * FROM {table}").fetchall()
        return found

    def empty_copy(self, table: str) -> str:
        """A table of the same columns, keys and indexes, without triggers; gives its name."""
        name = f"copied_{table}"
        self.run(f"DROP TABLE IF EXISTS {name}")
        if not self.sqlite:
            self.run(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
            return name
        made = self.run(
            "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (table,)
        )
        for kind, own, sql in made.fetchall():
            if kind == "table":
                self.run(sql.replace(table, name, 1))
            elif kind == "index":
                self.run(sql.replace(own, f"copied_{own}", 1).replace(f"ON {table}", f"ON {name}", 1))
        return name

    def insert(self, table: str, rows: Sequence[Any]) -> None:
        """Ready-made rows: ``executemany`` on SQLite, COPY on PostgreSQL."""
        if not rows:
            return
        if self.sqlite:
            marks = ", ".join("?" * len(rows[0]))
            self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            return
        with self.connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
