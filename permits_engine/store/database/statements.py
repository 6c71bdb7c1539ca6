"""Statements compiled once by SQLAlchemy Core and run on the driver's own cursor.

Ordinary execution by Core costs about 35 microseconds a statement; this about three.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from sqlalchemy import ClauseElement, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import driver
from permits_engine.store.database.errors import translate

Dialect = Literal["sqlite", "postgresql"]
Params = Mapping[str, Any]
Row = tuple[Any, ...]

_POSTGRESQL: Any = PGDialect_psycopg
_DIALECTS: dict[Dialect, Any] = {
    "sqlite": SQLiteDialect_pysqlite(paramstyle="qmark"),
    "postgresql": _POSTGRESQL(),
}


_numbers = count(1)
_LISTS = re.compile(r"json_each\(:(\w+)\)")


class _Compiled(NamedTuple):
    text: str
    constants: dict[str, Any]
    expanding: Any
    # SQLite takes a list as a JSON text.
    lists: list[str]
    # SQLite binds values by their place in half the time that it takes by their names.
    places: Callable[[Params], Row] | None


class Statement:
    """A Core construct or a text with ``:name`` parameters; or one of these for each dialect.

    Compiled on first use, once per dialect. Types do not convert anything: dates travel as ISO texts.
    """

    __slots__ = ("_compiled", "_source")

    def __init__(self, source: ClauseElement | str | Mapping[str, ClauseElement | str]) -> None:
        self._source = source
        self._compiled: dict[Dialect, _Compiled] = {}

    def ready(self, dialect: Dialect, params: Params | None) -> tuple[str, Params | Row]:
        """Return text and parameters in the driver's own style; a forgotten one is a ``ProgrammingError``."""
        compiled = self._compiled.get(dialect) or self._compile(dialect)
        given: Params = params if params is not None else {}
        if compiled.constants:
            given = {**compiled.constants, **given}
        if compiled.lists:
            given = {**given, **{name: json.dumps(list(given[name])) for name in compiled.lists}}
        if compiled.expanding is not None:
            state = compiled.expanding.construct_expanded_state(given)
            return state.statement, state.positional_parameters if dialect == "sqlite" else state.parameters
        if compiled.places is None:
            return compiled.text, given
        try:
            return compiled.text, compiled.places(given)
        except KeyError as name:
            raise sqlite3.ProgrammingError(f"no value is given for the parameter {name}") from None

    def _compile(self, dialect: Dialect) -> _Compiled:
        source = self._source[dialect] if isinstance(self._source, Mapping) else self._source
        construct = text(source) if isinstance(source, str) else source
        compiled: Any = construct.compile(dialect=_DIALECTS[dialect])
        constants = {
            name: bind.effective_value for bind, name in compiled.bind_names.items() if not bind.required
        }
        expanding = compiled if any(bind.expanding for bind in compiled.bind_names) else None
        places = _places(compiled.positiontup) if dialect == "sqlite" else None
        lists = _LISTS.findall(source) if isinstance(source, str) else []
        done = self._compiled[dialect] = _Compiled(str(compiled), constants, expanding, lists, places)
        return done


def _places(names: list[str] | None) -> Callable[[Params], Row]:
    """Return what puts values into the order of a statement's question marks."""
    if not names:
        return lambda params: ()
    if len(names) == 1:
        (only,) = names
        return lambda params: (params[only],)
    return itemgetter(*names)


class Transaction:
    """One transaction: what runs on it commits or rolls back together.

    Raises ``store.not_initialised``, ``store.unavailable``, ``concurrency.conflict`` and, for what the
    history refuses, ``integrity.broken``.
    """

    __slots__ = (
        "_connection",
        "_cursor",
        "_host",
        "_name",
        "dialect",
        "simulated",
        "simulated_now",
        "writing",
    )

    def __init__(
        self,
        connection: Any,
        dialect: Dialect,
        name: str,
        *,
        host: bool = False,
        writing: bool = False,
    ) -> None:
        self.dialect: Dialect = dialect
        self.simulated = False
        self.simulated_now: int | None = None
        self.writing = writing
        self._connection = connection
        self._name = name
        self._host = host
        self._cursor = self._new_cursor()

    def all(self, statement: Statement, params: Params | None = None) -> list[Row]:
        """Return every row."""
        try:
            found: list[Row] = self._cursor.execute(*statement.ready(self.dialect, params)).fetchall()
        except Exception as problem:
            raise self._translated(problem) from problem
        return found

    def one(self, statement: Statement, params: Params | None = None) -> Row | None:
        """Return the first row, if there is one."""
        try:
            found: Row | None = self._cursor.execute(*statement.ready(self.dialect, params)).fetchone()
        except Exception as problem:
            raise self._translated(problem) from problem
        return found

    def run(self, statement: Statement, params: Params | None = None) -> int:
        """Carry out a change; return the number of rows that it touched."""
        try:
            touched: int = self._cursor.execute(*statement.ready(self.dialect, params)).rowcount
        except Exception as problem:
            raise self._translated(problem) from problem
        return touched

    def many(self, statement: Statement, params: Sequence[Params]) -> int:
        """Carry out the same change with each of the parameters; return the number of rows touched in all."""
        if not params:
            return 0
        ready = [statement.ready(self.dialect, each) for each in params]
        try:
            self._cursor.executemany(ready[0][0], [each for _, each in ready])
            return int(self._cursor.rowcount)
        except Exception as problem:
            raise self._translated(problem) from problem

    def each(self, statement: Statement, params: Sequence[Params]) -> int:
        """Carry out one change or several; a batch of one costs no more than a single change."""
        return self.run(statement, params[0]) if len(params) == 1 else self.many(statement, params)

    def stream(self, statement: Statement, params: Params | None = None, size: int = 1000) -> Iterator[Row]:
        """Yield the rows, ``size`` at a time in memory; valid while the transaction is open."""
        cursor = self._new_cursor("permits_stream" if self.dialect == "postgresql" else None)
        try:
            cursor.execute(*statement.ready(self.dialect, params))
            while rows := cursor.fetchmany(size):
                yield from rows
        except Exception as problem:
            raise self._translated(problem) from problem
        finally:
            cursor.close()

    def pages(
        self,
        statement: Statement,
        params: Params | None = None,
        *,
        size: int,
        start: str | int = "",
    ) -> Iterator[list[Row]]:
        """Yield the rows ``size`` at a time.

        The statement orders by its first column, takes what lies behind ``:after`` and at most ``:size`` rows.
        """
        given = {**(params or {}), "after": start, "size": size}
        while rows := self.all(statement, given):
            yield rows
            if len(rows) < size:
                return
            given["after"] = rows[-1][0]

    def close(self) -> None:
        """Give the cursor back; the transaction stays open."""
        self._cursor.close()

    def _translated(self, problem: Exception) -> PermitsError:
        return translate(problem, self._name, host=self._host)

    def _new_cursor(self, name: str | None = None) -> Any:
        if self.dialect == "sqlite":
            cursor = self._connection.cursor()
            cursor.row_factory = None
            return cursor
        psycopg = driver.psycopg
        if name is None:
            # Not the connection's own kind, which a host may have chosen (Django's binds on the client's side).
            cursor = psycopg.Cursor(self._connection, row_factory=psycopg.rows.tuple_row)
            cursor.format = psycopg.pq.Format.BINARY
            return cursor
        return self._connection.cursor(
            f"{name}_{next(_numbers)}", binary=True, row_factory=psycopg.rows.tuple_row
        )


def among(query: str) -> dict[str, str]:
    """Return a query that ends with a column's name as one for the rows in which it is one of ``ids``, a list."""
    return {
        "sqlite": f"{query} IN (SELECT value FROM json_each(:ids))",
        "postgresql": f"{query} = ANY(CAST(:ids AS text[]))",
    }
