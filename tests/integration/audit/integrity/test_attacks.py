"""Attacks on live databases, the program bypassed and its triggers dropped: each is found, and located.

Each test says what the attacker could write: the less, the more exactly the break is named.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history
from permits_engine.store.log import checkpoints, merkle
from permits_engine.store.log.leaf import leaf_bytes, leaf_hash
from permits_engine.store.log.signed_note import Signer
from permits_engine.store.log.signing_keys import SigningKeys
from permits_engine.store.log.tiles import WIDTH, seal

from .conftest import Store, kinds, of_kind

PAYLOAD = b'{"forged":true}'


def forge_leaf(run: Any, position: int, level_above: bool = False) -> None:
    """Put the leaf of the event as it now is into its tile, and on demand its tile's root above it."""
    (row,) = run(
        "SELECT position, stream, version, name, recorded_at, payload FROM events WHERE position = :p",
        {"p": position},
    )
    number, at = divmod(position - 1, WIDTH)
    payload = row[5].encode() if isinstance(row[5], str) else bytes(row[5])
    leaf = leaf_hash(leaf_bytes(*row[:5], payload))
    tile = put(run, 0, number, at, leaf)
    if level_above and len(tile) == WIDTH * 32:
        root = merkle.fold([tile[start : start + 32] for start in range(0, len(tile), 32)])
        put(run, 1, number // WIDTH, number % WIDTH, root)


def put(run: Any, level: int, number: int, at: int, value: bytes) -> bytes:
    """Put a hash into a tile."""
    ((tile,),) = run(
        "SELECT hashes FROM tiles WHERE level = :level AND number = :number",
        {"level": level, "number": number},
    )
    tile = bytes(tile)[: at * 32] + value + bytes(tile)[(at + 1) * 32 :]
    run(
        "UPDATE tiles SET hashes = :tile WHERE level = :level AND number = :number",
        {"tile": tile, "level": level, "number": number},
    )
    return tile


def renumber(run: Any, after: int, by: int) -> None:
    """Move every event after a position; by way of places that nobody has."""
    run("UPDATE events SET position = position + 1000000 WHERE position > :after", {"after": after})
    run(
        "UPDATE events SET position = position - 1000000 + :by WHERE position > 1000000",
        {"by": by},
    )
    run("UPDATE head SET position = position + :by", {"by": by})


# --- the events alone -------------------------------------------------------------------------------------


def test_an_untouched_history_is_consistent_with_itself_and_no_more(store: Store) -> None:
    """Without a checkpoint from outside nothing more is said; the unsealed events are counted, then sealed."""
    report = store.verify()
    assert (report.intact, report.statement) == (True, "consistent with itself")
    assert (report.events, report.sealed, report.unsealed, report.sealed_now) == (700, 650, 50, 50)
    assert (report.checkpoints, report.checkpoint, report.signatures) == (2, 600, True)
    assert store.verify().unsealed == 0


@pytest.mark.parametrize("position", [1, 256, 257, 301, 600])
def test_an_altered_payload_is_named(store: Store, position: int) -> None:
    """Its tile is intact, so that the one event is named, with the checkpoint that proves it."""
    store.attack("UPDATE events SET payload = :payload WHERE position = :p", payload=PAYLOAD, p=position)
    report = store.verify()
    assert kinds(report) == [("altered", position, position)]
    found = of_kind(report, "altered")
    at = position - 1
    assert (found.stream, found.version, found.name) == (f"s{at % 7}", at // 7 + 1, "permit.noted@1")
    assert found.vouched_by == 600
    assert report.sealed_now == 0


def test_what_is_sealed_but_in_no_checkpoint_is_named_without_proof(store: Store) -> None:
    """Between the last checkpoint and the seal, event and sealed hash differ: which is right nobody signed."""
    store.attack("UPDATE events SET payload = :payload WHERE position = 620", payload=PAYLOAD)
    found = of_kind(store.verify(), "altered")
    assert (found.first, found.vouched_by) == (620, None)
    assert "no checkpoint proves it" in found.message


def test_what_is_not_sealed_is_not_protected(store: Store) -> None:
    """What was never sealed can be changed unseen: the report says how many events that are."""
    store.attack("UPDATE events SET payload = :payload WHERE position = 660", payload=PAYLOAD)
    report = store.verify()
    assert report.intact
    assert report.unsealed == 50


@pytest.mark.parametrize(
    ("change", "also"),
    [
        ("recorded_at = recorded_at + 1", []),
        ("recorded_at = 0", []),
        ("recorded_at = recorded_at + 1000000", []),
        ("name = 'permit.other@1'", []),
        ("version = 9999", ["version"]),
        ("stream = 'other'", ["version"]),
    ],
)
def test_every_stored_field_is_sealed(store: Store, change: str, also: list[str]) -> None:
    """Time, name, version and stream as much as the payload; the streams' own order tells more of some."""
    store.attack(f"UPDATE events SET {change} WHERE position = 290")
    found = [each.kind for each in store.verify().findings if each.first == 290]
    assert sorted(found) == sorted(["altered", *also])


@pytest.mark.parametrize(("one", "other"), [(100, 101), (250, 260), (10, 590)])
@pytest.mark.parametrize("times", ["moved", "kept"])
def test_two_exchanged_events_are_named(store: Store, one: int, other: int, times: str) -> None:
    """Each is found at the other's place, near or far, whether their times went with them or not."""

    def swap(run: Any) -> None:
        times_of = {
            position: run("SELECT recorded_at FROM events WHERE position = :p", {"p": position})[0][0]
            for position in (one, other)
        }
        run("UPDATE events SET position = 1000000 WHERE position = :p", {"p": one})
        run("UPDATE events SET position = :one WHERE position = :other", {"one": one, "other": other})
        run("UPDATE events SET position = :other WHERE position = 1000000", {"other": other})
        if times == "kept":
            for position, time in times_of.items():
                run(
                    "UPDATE events SET recorded_at = :time WHERE position = :p", {"time": time, "p": position}
                )

    store.bypass(swap)
    moved = [each for each in store.verify().findings if each.kind == "moved"]
    assert [(each.first, each.moved_from) for each in moved] == [(one, other), (other, one)]
    assert {each.vouched_by for each in moved} == {600}


def test_an_event_put_in_is_named(store: Store) -> None:
    """All that came after it was moved by one place to make room, and that is said too."""

    def insert(run: Any) -> None:
        renumber(run, 199, 1)
        run(
            "INSERT INTO events (position, stream, version, name, recorded_at, payload)"
            " SELECT 200, 'forged', 1, name, recorded_at, payload FROM events WHERE position = 199"
        )

    store.bypass(insert)
    report = store.verify()
    found = of_kind(report, "inserted")
    assert (found.first, found.stream, found.version, found.vouched_by) == (200, "forged", 1, 600)
    moved = of_kind(report, "moved")
    assert (moved.first, moved.last, moved.moved_from) == (201, 650, 200)
    assert len(report.findings) == 2


def test_an_event_taken_out_is_named(store: Store) -> None:
    """Its place is empty; its stream tells which version of what it was."""
    store.attack("DELETE FROM events WHERE position = 200")
    report = store.verify()
    assert [(each.kind, each.first, each.stream, each.version) for each in report.findings] == [
        ("missing", 200, None, None),
        ("version", 207, "s3", 30),
    ]
    assert of_kind(report, "missing").vouched_by == 600


@pytest.mark.parametrize("count", [1, 2, 300])
def test_events_taken_out_and_the_gap_closed_are_named(store: Store, count: int) -> None:
    """Renumbering hides a gap, not what is gone: the others are found at the places that they had."""

    def delete(run: Any) -> None:
        run("DELETE FROM events WHERE position BETWEEN 100 AND :last", {"last": 99 + count})
        renumber(run, 99 + count, -count)

    store.bypass(delete)
    report = store.verify()
    found = of_kind(report, "missing")
    assert (found.first, found.last, found.vouched_by) == (100, 99 + count, 600)
    moved = of_kind(report, "moved")
    assert (moved.first, moved.last, moved.moved_from) == (100, 650 - count, 100 + count)
    assert {each.kind for each in report.findings} == {"missing", "moved", "version"}


def test_several_attacks_are_told_apart(store: Store) -> None:
    """Each is named by itself, also in the same tile."""
    store.attack(
        "UPDATE events SET payload = :payload WHERE position IN (20, 40, 599)",
        "DELETE FROM events WHERE position = 30",
        payload=PAYLOAD,
    )
    report = store.verify()
    assert [each[:2] for each in kinds(report) if each[0] != "version"] == [
        ("altered", 20),
        ("missing", 30),
        ("altered", 40),
        ("altered", 599),
    ]


def test_a_history_altered_as_a_whole_is_told_in_bounds(store: Store) -> None:
    """A hundred findings are listed, the others counted."""
    store.attack("UPDATE events SET payload = :payload", payload=PAYLOAD)
    report = store.verify()
    assert {each.kind for each in report.findings} == {"altered"}
    assert len(report.findings) + report.more == 650
    assert len(report.findings) == 100


def test_what_no_event_can_hold_is_named_and_stops_nothing(store: Store) -> None:
    """A negative time is no leaf; the event is named, the rest is verified."""
    store.attack("UPDATE events SET recorded_at = -5 WHERE position IN (33, 680)")
    report = store.verify()
    assert {(each.kind, each.first) for each in report.findings} == {("altered", 33), ("recorded_at", 680)}


# --- order, where there is no seal yet ----------------------------------------------------------------------


def test_a_gap_behind_the_seal_is_named(store: Store) -> None:
    """Positions have no gaps: an unsealed event that was taken out of the middle shows."""
    store.attack("DELETE FROM events WHERE position BETWEEN 670 AND 671")
    assert ("missing", 670, 671) in kinds(store.verify())
    with pytest.raises(PermitsError, match=r"integrity\.broken.*not whole"):
        store.checkpoint()


def test_a_time_that_goes_back_is_named(store: Store) -> None:
    """Recorded time never goes back, sealed or not."""
    store.attack("UPDATE events SET recorded_at = 5 WHERE position = 690")
    assert kinds(store.verify()) == [("recorded_at", 690, 690)]


def test_versions_out_of_order_are_named(store: Store) -> None:
    """A stream's versions stand in the order of their places."""
    store.attack(
        "UPDATE events SET version = 5000 WHERE position = 680",
        "UPDATE events SET version = 98 WHERE position = 687",
        "UPDATE events SET version = 99 WHERE position = 680",
    )
    assert kinds(store.verify()) == [("version", 680, 680)]


@pytest.mark.parametrize(
    "change", ["position = position - 1", "position = position + 5", "recorded_at = recorded_at + 1"]
)
def test_a_head_that_does_not_fit_is_named(store: Store, change: str) -> None:
    """The head says where the history ends and when."""
    store.attack(f"UPDATE head SET {change}")
    assert kinds(store.verify()) == [("head", 700, 700)]


def test_an_event_without_a_place_is_counted(store: Store) -> None:
    """Put in with the trigger gone, it would be part of its stream, and of no order."""
    place = "-3" if store.database.dialect == "sqlite" else "NULL"
    store.attack(
        "INSERT INTO events (position, stream, version, name, recorded_at, payload)"
        f" SELECT {place}, 'forged', 1, name, recorded_at, payload FROM events WHERE position = 1"
    )
    assert [each.kind for each in store.verify().findings if each.kind != "version"] == ["unplaced"]


def test_a_place_as_far_out_as_it_may_be_is_named_at_once(store: Store) -> None:
    """An event, and a tile, at the end of all numbers: neither takes the verification there step by step."""
    far = 2**62
    store.attack(
        "INSERT INTO events (position, stream, version, name, recorded_at, payload)"
        " SELECT :far, 'forged', 1, name, recorded_at, payload FROM events WHERE position = 700",
        far=far,
    )
    assert kinds(store.verify()) == [("missing", 701, far - 1), ("head", far, far)]
    store.attack(
        "INSERT INTO tiles (level, number, hashes) VALUES (0, :far, :hashes)", far=2**50, hashes=bytes(32)
    )
    store.attack("DELETE FROM events WHERE position > 700")
    report = store.verify()
    assert {each.kind for each in report.findings} == {"tile"}
    assert report.checkpoint == 600


def test_a_store_without_its_head_is_broken(store: Store) -> None:
    """Nothing can be said of a history whose name and end are gone, but that they are."""
    store.attack("DELETE FROM head")
    with pytest.raises(PermitsError, match=r"integrity\.broken.*head is gone"):
        store.verify()


def test_damaged_text_stops_nothing(sqlite_url: str) -> None:
    """SQLite keeps any bytes as text: the event is named, and so is its stream."""
    from permits_engine.store.database import upgrade

    database = Database.open(sqlite_url, create_ok=True)
    upgrade.initialise(database, now=0)
    store = Store(sqlite_url, database)
    store.append(20)
    store.checkpoint()
    store.attack(
        "UPDATE events SET name = CAST(x'ff80' AS TEXT) WHERE position = 3",
        "UPDATE events SET stream = CAST(x'c3' AS TEXT) WHERE position = 20",
        "UPDATE checkpoints SET note = CAST(x'ff' AS TEXT)",
    )
    report = store.verify()
    assert [(each.kind, each.first) for each in report.findings] == [
        ("altered", 3),
        ("altered", 20),
        ("version", 20),
        ("checkpoint", None),
    ]
    with pytest.raises(PermitsError, match=r"integrity\.broken.*damaged text"), database.read() as tx:
        history.stream(tx, "s2")
    database.close()


# --- the tail -----------------------------------------------------------------------------------------------


def cut(run: Any, last: int, *, seals: bool) -> None:
    """Take the tail off, as if it had never been."""
    run("DELETE FROM events WHERE position > :last", {"last": last})
    run(
        "UPDATE head SET position = :last, recorded_at = (SELECT max(recorded_at) FROM events)",
        {"last": last},
    )
    if seals:
        run("DELETE FROM checkpoints WHERE size > :last", {"last": last})
        run("DELETE FROM tiles")


def test_a_tail_cut_off_is_missing_where_its_seals_remain(store: Store) -> None:
    """Sealed hashes and checkpoints speak of events that are no longer there."""
    store.bypass(lambda run: cut(run, 500, seals=False))
    report = store.verify()
    assert kinds(report) == [("missing", 501, 650)]
    assert "proves it" in report.findings[0].message
    with pytest.raises(PermitsError, match=r"integrity\.broken.*650 events are sealed.*ends at 500"):
        store.checkpoint()


def test_a_tail_cut_off_with_its_tiles_is_missing_where_a_checkpoint_remains(store: Store) -> None:
    """A kept checkpoint of more events than there are is enough."""
    store.bypass(lambda run: [cut(run, 500, seals=False), run("DELETE FROM tiles")])
    found = of_kind(store.verify(), "missing")
    assert (found.first, found.last, found.vouched_by) == (501, 600, 600)


def test_a_tail_cut_off_with_all_its_seals_shows_from_outside_only(store: Store) -> None:
    """Without a checkpoint kept outside it is consistent with itself; with one the missing events are counted."""
    kept = store.checkpoint()
    store.bypass(lambda run: cut(run, 500, seals=True))
    report = store.verify(seal_after=False)
    assert report.statement == "consistent with itself"
    report = store.verify(kept)
    assert kinds(report) == [("missing", 501, 700)]
    assert "a cut tail, or a backup restored" in report.findings[0].message


def test_a_history_that_goes_on_meets_the_checkpoints_kept_outside(store: Store) -> None:
    """Every checkpoint ever given out still holds, and the statement names the largest."""
    first, second = store.checkpoint(), store.checkpoint()
    assert first == second
    store.append(5)
    report = store.verify(first, store.checkpoint())
    assert report.statement == "consistent with the checkpoint of 705 events, and with itself"
    assert report.outside == [700, 705]


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
    """The tile's root in the level above is proved by a checkpoint: the break is in this tile's events."""

    def forge(run: Any) -> None:
        run("UPDATE events SET payload = :payload WHERE position = 100", {"payload": PAYLOAD})
        forge_leaf(run, 100)

    store.bypass(forge)
    report = store.verify()
    assert kinds(report) == [("range", 1, 256)]
    assert report.findings[0].vouched_by == 600


def test_a_checkpoint_within_a_rewritten_tile_narrows_its_range(store: Store) -> None:
    """Events 257 to 300 come before the checkpoint of 300, 301 to 512 after it."""
    for position, expected in ((290, (257, 300)), (310, (301, 512))):

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
        ("level = 0 AND number = 1", ("range", 257, 300)),
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


# --- checkpoints ----------------------------------------------------------------------------------------------


def test_a_rewritten_checkpoint_does_not_count(store: Store) -> None:
    """Its signature does not hold; the others still vouch, and prove what else was altered."""
    store.attack(
        "UPDATE checkpoints SET note = replace(note, '600', '601') WHERE size = 600",
        "UPDATE events SET payload = :payload WHERE position = 100",
        payload=PAYLOAD,
    )
    report = store.verify()
    assert sorted(kinds(report), key=str) == [("altered", 100, 100), ("checkpoint", None, None)]
    assert of_kind(report, "altered").vouched_by == 300


def test_a_checkpoint_that_cannot_be_read_does_not_count(store: Store) -> None:
    """Whatever stands in its row, nothing ends in a traceback."""
    store.attack("UPDATE checkpoints SET note = 'nothing' WHERE size = 600")
    assert [each.kind for each in store.verify().findings] == ["checkpoint"]
    with pytest.raises(PermitsError, match=r"integrity\.broken.*last checkpoint.*cannot be read"):
        store.checkpoint()


def test_everything_rewritten_under_another_key_shows(store: Store) -> None:
    """Without the signing key the forged checkpoints are not believed."""

    def forge(run: Any) -> None:
        run("UPDATE events SET payload = :payload WHERE position = 100", {"payload": PAYLOAD})
        run("DELETE FROM tiles")
        run("DELETE FROM checkpoints")

    store.bypass(forge)
    checkpoints.take(store.database, SigningKeys(None, in_memory=True), now=0)
    report = store.verify()
    assert kinds(report) == [("checkpoint", None, None)]
    assert "not signed by" in report.findings[0].message


def test_everything_rewritten_with_the_signing_key_shows_from_outside(store: Store) -> None:
    """Whoever has the key can make a history consistent with itself, but not with what was given away before."""
    kept = [store.checkpoint()]
    store.append(20)
    kept.append(store.checkpoint())

    def forge(run: Any) -> None:
        run("UPDATE events SET payload = :payload WHERE position = 710", {"payload": PAYLOAD})
        run("DELETE FROM tiles")
        run("DELETE FROM checkpoints")

    store.bypass(forge)
    store.checkpoint()
    assert store.verify().statement == "consistent with itself"
    assert kinds(store.verify(*kept)) == [("diverged", 701, 720)]


def test_nothing_is_signed_that_contradicts_the_last_checkpoint(store: Store) -> None:
    """A log never signs two histories: with its tiles rewritten there is no next checkpoint."""
    store.bypass(lambda run: put(run, 0, 2, 70, bytes(32)))
    with pytest.raises(PermitsError, match=r"integrity\.broken.*last checkpoint, of 600.*is not met"):
        store.checkpoint()


def test_a_checkpoint_from_outside_is_looked_at_before_it_is_used(store: Store) -> None:
    """Another store's, an altered one, or none at all: refused by name."""
    kept = store.checkpoint()
    other = Signer.new("permits-engine/other").sign("permits-engine/other\n3\n" + "A" * 43 + "=\n")
    altered = kept.note.replace("700", "701")
    for note, code in (
        ("nothing", "input.invalid"),
        (other, "input.invalid"),
        (altered, "integrity.broken"),
    ):
        with pytest.raises(PermitsError) as caught:
            store.verify(kept._replace(note=note))
        assert caught.value.code == code
        assert "checkpoint 700" in caught.value.message


def test_without_a_key_signatures_are_not_checked_and_that_is_said(store: Store) -> None:
    """Whoever has no key still sees whether the history meets its checkpoints."""
    report = store.verify(keys=[])
    assert (report.intact, report.signatures) == (True, False)
    store.attack("UPDATE events SET payload = :payload WHERE position = 290", payload=PAYLOAD)
    assert kinds(store.verify(keys=[])) == [("altered", 290, 290)]


def test_a_retired_key_is_believed_while_it_is_named(store: Store) -> None:
    """After a change of keys the old checkpoints need the old public key."""
    old = store.signing
    store.signing = SigningKeys(None, in_memory=True)
    store.append(1)
    store.checkpoint()
    origin = store.checkpoint().origin
    assert [each.kind for each in store.verify().findings] == ["checkpoint", "checkpoint"]
    both = [*store.signing.verifiers(origin), *old.verifiers(origin)]
    assert store.verify(keys=both).intact


# --- above 65,536 events ----------------------------------------------------------------------------------------


def test_a_third_level_is_sealed_and_verified(sqlite_url: str) -> None:
    """Two levels rewritten, the third proves the range; a hash of the third altered alone is named."""
    from permits_engine.store.database import upgrade

    database = Database.open(sqlite_url, create_ok=True)
    upgrade.initialise(database, now=0)
    store, count = Store(sqlite_url, database), 2 * WIDTH**2 + 700

    def fill(run: Any) -> None:
        run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
            " INSERT INTO events SELECT i, 's', i, 'n@1', i, '{}' FROM n",
            {"count": count},
        )
        run("UPDATE head SET position = :count, recorded_at = :count", {"count": count})

    store.bypass(fill)
    store.checkpoint()
    assert store.verify().intact
    store.attack("UPDATE events SET payload = 'x' WHERE position = 70000")
    assert [(each.kind, each.vouched_by) for each in store.verify().findings] == [("altered", count)]
    store.bypass(lambda run: forge_leaf(run, 70000, level_above=True))
    report = store.verify()
    assert kinds(report) == [("range", WIDTH**2 + 1, 2 * WIDTH**2)]
    assert (report.findings[0].vouched_by, report.checkpoint) == (count, count)
    store.attack("UPDATE events SET payload = '{}' WHERE position = 70000")
    store.bypass(lambda run: forge_leaf(run, 70000, level_above=True))
    assert store.verify().intact
    store.bypass(lambda run: put(run, 2, 0, 1, bytes(32)))
    assert kinds(store.verify()) == [("tile", WIDTH**2 + 1, 2 * WIDTH**2)]
    database.close()


def test_a_large_history_takes_no_more_memory_than_a_small_one(sqlite_url: str) -> None:
    """Verifying fifty thousand events allocates at its peak what verifying ten thousand does."""
    import tracemalloc

    from permits_engine.store.database import upgrade

    database = Database.open(sqlite_url, create_ok=True)
    upgrade.initialise(database, now=0)
    store = Store(sqlite_url, database)
    peaks = []
    for first, last in ((1, 10_000), (10_001, 50_000)):

        def fill(run: Any, first: int = first, last: int = last) -> None:
            run(
                "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)"
                " INSERT INTO events SELECT i, 's' || (i % 1000), (i - 1) / 1000 + 1, 'n@1', i, hex(randomblob(200))"
                " FROM n",
                {"first": first, "last": last},
            )
            run("UPDATE head SET position = :last, recorded_at = :last", {"last": last})

        store.bypass(fill)
        seal(database)
        store.checkpoint()
        tracemalloc.start()
        report = store.verify()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert {each.kind for each in report.findings} <= {"version"}
    assert peaks[1] < peaks[0] * 1.25
    database.close()
