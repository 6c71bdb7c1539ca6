"""Attacks on events together with the hashes that seal them, and a backup brought back."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from permits_engine.store.database.transactions import Database
from permits_engine.store.log import merkle
from permits_engine.store.log.tiles import WIDTH
from tests.integration.audit.integrity.forging import PAYLOAD, forge_leaf, put

from .conftest import Store, kinds, of_kind

# --- a backup brought back ------------------------------------------------------------------------------------


@pytest.fixture
def restored(empty: Store, tmp_path: Path, postgresql_server: str) -> Any:
    """A store of which a copy was made at 300 events: a function puts that in its place."""
    empty.append(300)
    empty.checkpoint()
    copy = _copied(empty, tmp_path, postgresql_server)

    def restore() -> Store:
        empty.database.close()
        _put_back(empty, copy, postgresql_server)
        empty.database = Database.open(empty.url)
        empty.length = 300
        return empty

    return empty, restore


def _copied(store: Store, folder: Path, server: str) -> str:
    if store.database.dialect == "sqlite":
        target = folder / "backup.db"
        live, backup = sqlite3.connect(store.url.removeprefix("sqlite:///")), sqlite3.connect(target)
        with closing(live), closing(backup):
            live.backup(backup)
        return str(target)
    import psycopg

    store.database.close()
    name = store.url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_backup TEMPLATE {name}")
    store.database = Database.open(store.url)
    return name


def _put_back(store: Store, copy: str, server: str) -> None:
    if store.database.dialect == "sqlite":
        path = store.url.removeprefix("sqlite:///")
        for tail in ("-wal", "-shm"):
            Path(path + tail).unlink(missing_ok=True)
        shutil.copy(copy, path)
        return
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {copy} WITH (FORCE)")
        connection.execute(f"ALTER DATABASE {copy}_backup RENAME TO {copy}")


def test_a_backup_restored_shows_against_a_checkpoint_from_outside(restored: Any) -> None:
    """What was recorded since the backup is missing; the store itself knows nothing of it."""
    store, restore = restored
    store.append(100)
    kept = store.checkpoint()
    store = restore()
    assert store.verify().statement == "consistent with itself"
    assert kinds(store.verify(kept)) == [("missing", 301, 400)]


def test_a_backup_restored_and_gone_on_is_another_history(restored: Any) -> None:
    """Other events in the same places: the checkpoint from outside is of a history that is no more."""
    store, restore = restored
    kept = store.checkpoint()
    store.append(100)
    later = store.checkpoint()
    store = restore()
    store.append(150, says="since")
    store.checkpoint()
    assert store.verify().statement == "consistent with itself"
    report = store.verify(kept, later)
    assert kinds(report) == [("diverged", 301, 400)]
    assert "a backup was restored and went on" in report.findings[0].message


# --- events and sealed hashes ----------------------------------------------------------------------------------


def test_a_tile_rewritten_too_leaves_its_range(store: Store) -> None:
    """The break is before the first checkpoint that is not met; the tile's root in the level above tells the tile."""

    def forge(run: Any) -> None:
        run("UPDATE events SET payload = :payload WHERE position = 100", {"payload": PAYLOAD})
        forge_leaf(run, 100)

    store.bypass(forge)
    report = store.verify()
    assert kinds(report) == [("range", 1, 300), ("tile", 1, 256)]
    assert (report.findings[0].vouched_by, report.findings[0].unclear_to) == (300, 700)


def test_checkpoints_bound_the_range_of_a_rewritten_tile(store: Store) -> None:
    """Events 257 to 300 come before the checkpoint of 300, 301 to 512 after it."""
    for position, expected in ((290, (1, 300)), (310, (301, 600))):

        def forge(run: Any, position: int = position) -> None:
            run(
                "UPDATE events SET payload = payload || :more WHERE position = :p",
                {"more": b" ", "p": position},
            )
            forge_leaf(run, position)

        store.bypass(forge)
        found = of_kind(store.verify(), "range")
        assert (found.first, found.last) == expected

        def undo(run: Any, position: int = position) -> None:
            cut_off = "substr(payload, 1, length(payload) - 1)"
            run(f"UPDATE events SET payload = {cut_off} WHERE position = :p", {"p": position})
            forge_leaf(run, position)

        store.bypass(undo)
        assert store.verify(seal_after=False).intact


@pytest.mark.parametrize(("position", "expected"), [(100, (1, 300)), (400, (301, 600)), (590, (301, 600))])
def test_all_levels_rewritten_leave_the_range_between_checkpoints(
    store: Store, position: int, expected: tuple[int, int]
) -> None:
    """Nothing but the signed roots is left: between the last that is met and the first that is not."""

    def forge(run: Any) -> None:
        run("UPDATE events SET payload = :payload WHERE position = :p", {"payload": PAYLOAD, "p": position})
        forge_leaf(run, position, level_above=True)

    store.bypass(forge)
    report = store.verify()
    assert kinds(report) == [("range", *expected)]
    assert report.findings[0].vouched_by == expected[1]


@pytest.mark.parametrize("position", [100, 400, 590])
def test_all_levels_of_seals_altered_alone_are_told_from_events_altered(store: Store, position: int) -> None:
    """The events lead to the checkpoints, their sealed hashes do not, although they agree with one another."""

    def forge(run: Any) -> None:
        number, at = divmod(position - 1, WIDTH)
        tile = put(run, 0, number, at, bytes(32))
        if len(tile) == WIDTH * 32:
            put(
                run,
                1,
                0,
                number,
                merkle.fold([tile[start : start + 32] for start in range(0, len(tile), 32)]),
            )

    store.bypass(forge)
    report = store.verify()
    assert {each.kind for each in report.findings} == {"tile"}
    assert "the events are those that were sealed" in report.findings[0].message
    assert report.findings[0].covers(position)
    assert report.checkpoint == 600


@pytest.mark.parametrize("position", [100, 400, 590])
def test_sealed_hashes_altered_alone_are_told_from_events_altered(store: Store, position: int) -> None:
    """The events are those that were signed; only their seal was damaged."""
    store.bypass(lambda run: put(run, 0, (position - 1) // WIDTH, (position - 1) % WIDTH, bytes(32)))
    report = store.verify()
    assert [each.kind for each in report.findings] == ["tile"]
    assert "the events are those that were sealed" in report.findings[0].message


def test_a_hash_of_a_higher_level_altered_alone_is_named(store: Store) -> None:
    """Sealed hashes contradict one another; the checkpoints are met all the same."""
    store.bypass(lambda run: put(run, 1, 0, 1, bytes(32)))
    report = store.verify()
    assert kinds(report) == [("tile", 257, 512)]
    assert report.checkpoint == 600


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("1 = 1", ("range", 1, 300)),
        ("level = 0", ("range", 1, 300)),
        ("level = 1", ("altered", 290, 290)),
        ("level = 0 AND number = 1", ("range", 1, 300)),
    ],
)
def test_tiles_that_are_gone_are_missed_and_events_held_against_the_checkpoints(
    store: Store, where: str, expected: tuple[str, int, int]
) -> None:
    """Without tiles the events themselves lead to the signed roots."""
    store.attack(f"DELETE FROM tiles WHERE {where}")
    report = store.verify(seal_after=False)
    assert report.checkpoint == 600
    if where in ("level = 0", "1 = 1"):
        # As if nothing had been sealed: the next checkpoint seals it again.
        assert (report.sealed, report.unsealed) == (0, 700)
    else:
        assert {each.kind for each in report.findings} == {"tile"}
    store.attack("UPDATE events SET payload = :payload WHERE position = 290", payload=PAYLOAD)
    report = store.verify()
    assert expected in kinds(report)
    assert of_kind(report, expected[0]).vouched_by in (300, 600)


def test_tiles_cut_short_are_missed(store: Store) -> None:
    """A tile that is not the last is whole."""
    store.attack("UPDATE tiles SET hashes = substr(hashes, 1, 100) WHERE level = 0 AND number = 1")
    report = store.verify()
    assert {each.kind for each in report.findings} == {"tile"}
    assert report.checkpoint == 600
