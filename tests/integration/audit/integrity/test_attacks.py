"""Attacks on events of a live database, the program bypassed and its triggers dropped: each is found, and located.

Each test says what the attacker could write: the less, the more exactly the break is named.
"""

from typing import Any

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.store.events.recorder import TransactionRecorder
from tests.integration.audit.integrity.forging import PAYLOAD, renumber
from tests.integration.conftest import OnDisk

from .conftest import Store, kinds, of_kind

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
    """Between the last checkpoint and the seal, event and sealed hash differ: which is right no one signed."""
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
    """Near each other and with their own times they are found at the other's place; else each counts as altered."""

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
    found = [each for each in store.verify().findings if each.kind in {"moved", "altered"}]
    assert [each.first for each in found] == [one, other]
    if times == "moved":
        assert [each.moved_from for each in found] == [other, one]
    else:
        assert {each.kind for each in found} == {"altered"}
    assert {each.vouched_by for each in found} == {600}


def test_an_event_put_in_is_named(store: Store) -> None:
    """It is not what was sealed there, and all that came after it was moved by one place to make room."""

    def insert(run: Any) -> None:
        renumber(run, 199, 1)
        run(
            "INSERT INTO events (position, stream, version, name, recorded_at, payload)"
            " SELECT 200, 'forged', 1, name, recorded_at, payload FROM events WHERE position = 199"
        )

    store.bypass(insert)
    report = store.verify()
    found = of_kind(report, "altered")
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
def test_events_taken_out_and_the_gap_closed_show_from_the_first_place(store: Store, count: int) -> None:
    """Renumbering hides a gap, not what is gone: from there on the others are found at the places that they had."""

    def delete(run: Any) -> None:
        run("DELETE FROM events WHERE position BETWEEN 100 AND :last", {"last": 99 + count})
        renumber(run, 99 + count, -count)

    store.bypass(delete)
    report = store.verify()
    moved = of_kind(report, "moved")
    assert (moved.first, moved.last, moved.moved_from) == (100, 650 - count, 100 + count)
    # What was not sealed has come after them: no hash identifies it.
    last = min(650, 700 - count)
    assert (moved.unclear_to, moved.vouched_by) == (last, 600)
    missing = [("missing", last + 1, 650)] if last < 650 else []
    assert [each for each in kinds(report) if each[0] not in {"moved", "version"}] == missing


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
    """A stream's versions are in the order of their places."""
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


def test_damaged_text_stops_nothing(on_sqlite: OnDisk) -> None:
    """SQLite keeps any bytes as text: the event is named, and so is its stream."""

    sqlite_url, database = on_sqlite
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
        TransactionRecorder(tx).select_events("s2")
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
