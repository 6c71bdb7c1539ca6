"""Inserts that cannot fail inside a host's transaction: an existing row shows in the row count."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, bindparam, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from permits_engine.store.database.transactions import Statement


def insert_new(table: Table) -> Statement:
    """Return a statement that adds a row, or nothing if its key exists."""
    values: dict[str, Any] = {name: bindparam(name) for name in table.columns.keys()}  # noqa: SIM118
    return Statement(
        {
            "sqlite": sqlite.insert(table).values(values).on_conflict_do_nothing(),
            "postgresql": postgresql.insert(table).values(values).on_conflict_do_nothing(),
        }
    )


def replace(table: Table) -> Statement:
    """Return a statement that replaces the row of a primary key; an equal one is not touched."""
    values: dict[str, Any] = {name: bindparam(name) for name in table.columns.keys()}  # noqa: SIM118
    key = [column.name for column in table.primary_key]
    rest = [column for column in table.columns if column.name not in key]
    return Statement({"sqlite": _replace(sqlite, table, values, key, rest),
                      "postgresql": _replace(postgresql, table, values, key, rest)})  # fmt: skip


def _replace(dialect: Any, table: Table, values: dict[str, Any], key: list[str], rest: list[Any]) -> Any:
    insert = dialect.insert(table).values(values)
    new = [insert.excluded[column.name] for column in rest]
    return insert.on_conflict_do_update(
        index_elements=key,
        set_={column.name: value for column, value in zip(rest, new, strict=True)},
        where=tuple_(*rest).is_distinct_from(tuple_(*new)),
    )
