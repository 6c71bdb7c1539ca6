"""Statements: compiled once, in the driver's own style, with nothing left out unnoticed."""

import sqlite3
from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import bindparam, insert, select, update

from permits_engine.store.database import upgrade
from permits_engine.store.database.schema import holders
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Database, Dialect, Statement

VALUES = {name: bindparam(name) for name in ("holder_id", "version", "gate")}
ROWS = [{"holder_id": f"h{n:04}", "version": n, "gate": 0} for n in range(2500)]


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty store in memory."""
    database = Database.open("sqlite://")
    upgrade.initialise(database, now=0)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("dialect", "expected", "given"),
    [
        ("sqlite", "(?, ?, ?)", tuple(ROWS[0].values())),
        ("postgresql", "%(version)s::INTEGER", ROWS[0]),
    ],
)
def test_a_construct_is_compiled_for_each_driver(dialect: Dialect, expected: str, given: object) -> None:
    """The same construct takes parameters in the style of each driver, by name or by place."""
    text, params = Statement(insert(holders).values(VALUES)).ready(dialect, ROWS[0])
    assert expected in text
    assert params == given


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_constants_and_lists_are_kept(dialect: Dialect) -> None:
    """Constants in a construct need not be given, and a list of values becomes as many parameters."""
    statement = Statement(
        select(holders.c.version).where(holders.c.gate == 7, holders.c.holder_id.in_(bindparam("ids")))
    )
    for ids in (["a"], ["a", "b", "c"], []):
        _, params = statement.ready(dialect, {"ids": ids})
        values = list(params.values() if isinstance(params, Mapping) else params)
        assert sorted(map(str, values))[0] == "7"
        assert [value for value in values if value != 7] == ids


@pytest.mark.parametrize(
    ("dialect", "expected"), [("sqlite", ('["a", "b"]',)), ("postgresql", {"ids": ["a", "b"]})]
)
def test_a_list_of_ids_is_one_parameter(dialect: Dialect, expected: object) -> None:
    """SQLite takes it as a JSON text, PostgreSQL as an array."""
    statement = Statement(among("SELECT version FROM holders WHERE holder_id"))
    assert statement.ready(dialect, {"ids": ["a", "b"]})[1] == expected


def test_a_percent_sign_in_a_text_is_only_that() -> None:
    """A text with ``%`` in it is not taken for a parameter by psycopg."""
    assert Statement("SELECT 1 WHERE 'a' LIKE 'a%' AND :x = 1").ready("postgresql", {"x": 1})[0] == (
        "SELECT 1 WHERE 'a' LIKE 'a%%' AND %(x)s = 1"
    )


def test_a_forgotten_parameter_is_an_error(database: Database) -> None:
    """It is never silently none."""
    with pytest.raises(sqlite3.ProgrammingError), database.write() as tx:
        tx.run(Statement(insert(holders).values(VALUES)), {"holder_id": "h"})


def test_changes_count_their_rows(database: Database) -> None:
    """A guarded change tells by its count whether someone else was first."""
    change = Statement(
        update(holders)
        .where(holders.c.holder_id == bindparam("of"), holders.c.version == bindparam("seen"))
        .values(gate=holders.c.gate + 1)
    )
    with database.write() as tx:
        assert tx.many(Statement(insert(holders).values(VALUES)), ROWS) == len(ROWS)
        assert tx.many(Statement(insert(holders).values(VALUES)), []) == 0
        assert tx.run(change, {"of": "h0003", "seen": 3}) == 1
        assert tx.run(change, {"of": "h0003", "seen": 4}) == 0


def test_rows_come_as_plain_tuples(database: Database) -> None:
    """All of them, the first one or none, or one after another."""
    ordered = Statement(select(holders.c.holder_id, holders.c.version).order_by(holders.c.holder_id))
    with database.write() as tx:
        tx.many(Statement(insert(holders).values(VALUES)), ROWS)
        expected = [(row["holder_id"], row["version"]) for row in ROWS]
        assert tx.all(ordered) == expected
        assert tx.one(ordered) == expected[0]
        assert tx.one(Statement(select(holders).where(holders.c.version < 0))) is None
        assert list(tx.stream(ordered, size=7)) == expected


def test_rows_come_in_pages(database: Database) -> None:
    """In one transaction or in several, each row once, the last page perhaps shorter."""
    following = Statement(
        "SELECT holder_id, version FROM holders WHERE holder_id > :after AND version >= :least"
        " ORDER BY holder_id LIMIT :size"
    )
    expected = [(row["holder_id"], row["version"]) for row in ROWS[500:]]
    with database.write() as tx:
        tx.many(Statement(insert(holders).values(VALUES)), ROWS)
        pages = list(tx.pages(following, {"least": 500}, size=900))
    assert [len(page) for page in pages] == [900, 900, 200]
    assert [row for page in pages for row in page] == expected
    assert [row for page in database.pages(following, {"least": 500}, size=999) for row in page] == expected
    assert list(database.pages(following, {"least": 9999}, size=10)) == []
