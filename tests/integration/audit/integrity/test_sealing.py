"""Sealing: what tiles hold, who may change them, and two at once."""

import threading
from typing import Any

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database.transactions import Statement
from permits_engine.store.log import checkpoints, merkle, tiles
from permits_engine.store.log.leaf import leaf_bytes, leaf_hash
from permits_engine.store.log.tiles import WIDTH, Tiles, seal

from .conftest import Store


def leaves_of(store: Store) -> list[bytes]:
    """The leaves' hashes, each made by itself from the stored event."""
    with store.database.read() as tx:
        rows = tx.all(
            Statement(
                "SELECT position, stream, version, name, recorded_at, payload FROM events ORDER BY position"
            )
        )
    return [leaf_hash(leaf_bytes(*row[:5], bytes(row[5]))) for row in rows]


def root_of(leaves: list[bytes]) -> bytes:
    grown = merkle.CompactRange()
    for leaf in leaves:
        grown.append(leaf)
    return grown.root()


def test_tiles_hold_the_leaves_and_the_roots_of_whole_tiles(empty: Store) -> None:
    """Whatever the steps in which it was sealed, the tiles are those of the whole history."""
    for count in (1, 254, 1, 1, 300, 200):
        empty.append(count)
        assert seal(empty.database) == empty.length
    leaves = leaves_of(empty)
    whole = len(leaves) // WIDTH
    with empty.database.read() as tx:
        found = Tiles(tx)
        assert found.size() == len(leaves)
        assert b"".join(found.tile(0, number) for number in range(whole + 1)) == b"".join(leaves)
        roots = [root_of(leaves[at * WIDTH : (at + 1) * WIDTH]) for at in range(whole)]
        assert found.tile(1, 0) == b"".join(roots)
        assert found.tile(1, 1) == found.tile(2, 0) == b""
        for size in (0, 1, 255, 256, 257, 512, 700, len(leaves)):
            assert found.root(size) == root_of(leaves[:size])


def test_sealing_twice_changes_nothing(empty: Store) -> None:
    """There is nothing left to do; an empty history too has a root."""
    assert seal(empty.database) == 0
    assert empty.checkpoint().root == merkle.EMPTY_ROOT
    empty.append(10)
    first = empty.checkpoint()
    assert seal(empty.database) == 10
    assert empty.checkpoint() == first
    assert [each.size for each in checkpoints.stored(empty.database)] == [0, 10]
    assert empty.verify(first).intact


def test_many_batches_are_sealed_one_after_another(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long history is sealed some tiles at a time, each in its own transaction."""
    monkeypatch.setattr(tiles, "BATCH", 100)
    empty.append(770)
    told: list[tuple[int, int]] = []
    assert seal(empty.database, progress=lambda done, total: told.append((done, total))) == 770
    assert told == [(done, 770) for done in (*range(100, 701, 100), 770)]
    with empty.database.read() as tx:
        assert Tiles(tx).root(770) == root_of(leaves_of(empty))


def test_two_sealers_at_once_do_no_harm(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds the first's work and goes on from there: the tiles are the same, and nothing fails."""
    monkeypatch.setattr(tiles, "BATCH", 64)
    empty.append(900)
    problems: list[BaseException] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait()
        try:
            assert seal(empty.database) == 900
            empty.checkpoint()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with empty.database.read() as tx:
        assert Tiles(tx).root(900) == root_of(leaves_of(empty))
    assert empty.verify().intact


def test_appending_while_another_seals(empty: Store) -> None:
    """Appends never wait for a seal; in the end everything is sealed, and meets every checkpoint on the way."""
    done = threading.Event()
    problems: list[BaseException] = []

    def run() -> None:
        try:
            while not done.is_set():
                empty.checkpoint()
                assert empty.verify().intact
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(8):
        empty.append(60)
    done.set()
    thread.join()
    assert problems == []
    last = empty.checkpoint()
    assert last.size == 480
    assert empty.verify(last).intact


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM tiles",
        "UPDATE tiles SET hashes = substr(hashes, 1, 32)",
        "UPDATE tiles SET number = number + 1",
        "UPDATE tiles SET hashes = hashes",
        "DELETE FROM checkpoints",
        "UPDATE checkpoints SET note = ''",
    ],
)
def test_what_was_sealed_and_signed_only_grows(store: Store, statement: str) -> None:
    """The database refuses to forget or to change a seal, no matter who asks."""
    with pytest.raises(PermitsError, match=r"integrity\.broken.*append-only"), store.database.write() as tx:
        tx.run(Statement(statement))
    assert store.verify().intact


def test_a_seal_is_not_replaced_by_inserting(sqlite_url: str, request: pytest.FixtureRequest) -> None:
    """INSERT OR REPLACE passes triggers on deletion on SQLite: it is refused all the same."""
    from permits_engine.store.database import upgrade
    from permits_engine.store.database.transactions import Database

    database = Database.open(sqlite_url, create_ok=True)
    request.addfinalizer(database.close)
    upgrade.initialise(database, now=0)
    store = Store(sqlite_url, database)
    store.append(3)
    kept = store.checkpoint()
    with pytest.raises(PermitsError, match="append-only"), database.write() as tx:
        tx.run(Statement("INSERT OR REPLACE INTO tiles VALUES (0, 0, x'00')"))
    with database.write() as tx:
        tx.run(Statement("INSERT OR REPLACE INTO checkpoints SELECT size, key_id, '', 0 FROM checkpoints"))
    assert [each.note.decode() for each in checkpoints.stored(database)] == [kept.note]


def test_tiles_that_contradict_one_another_are_not_continued(store: Store) -> None:
    """A torn tile is an error with the command to run, not a second layer of it."""
    store.attack(
        "UPDATE tiles SET hashes = substr(hashes, 1, length(hashes) - 5) WHERE level = 0 AND number = 2"
    )
    with pytest.raises(PermitsError, match=r"integrity\.broken.*tile 2 of level 0.*permits verify"):
        seal(store.database)


def test_a_level_above_that_was_forged_is_not_continued(empty: Store) -> None:
    """Roots of tiles that were not there yet give the forgery away when their time comes."""
    empty.append(250)
    empty.seal()
    empty.attack("INSERT INTO tiles (level, number, hashes) VALUES (1, 0, :hashes)", hashes=bytes(32))
    empty.length = 250
    # The attack dropped the triggers that give places; the rest is written by hand.
    with pytest.raises(PermitsError, match=r"integrity\.broken"):
        _grow_by_hand(empty)
        seal(empty.database)


def _grow_by_hand(store: Store) -> None:
    def grow(run: Any) -> None:
        for position in range(251, 300):
            run(
                "INSERT INTO events (position, stream, version, name, recorded_at, payload)"
                " SELECT :p, 'x', :p, name, recorded_at, payload FROM events WHERE position = 1",
                {"p": position},
            )
        run("UPDATE head SET position = 299")

    store.bypass(grow)


def test_every_kept_checkpoint_is_read_page_by_page(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where many keys signed the same size, none is left out or read twice."""
    monkeypatch.setattr(checkpoints, "_PAGE", 3)
    rows = [(size, key) for size in (1, 2, 2, 2, 2, 2, 2, 2, 3, 4) for key in range(1)]
    with empty.database.write() as tx:
        for number, (size, _) in enumerate(rows):
            tx.run(
                Statement("INSERT INTO checkpoints VALUES (:size, :key, :note, 0)"),
                {"size": size, "key": f"{number:02}", "note": str(number)},
            )
    found = [(each.size, each.note.decode()) for each in checkpoints.stored(empty.database)]
    assert found == [(size, str(number)) for number, (size, _) in enumerate(rows)]
