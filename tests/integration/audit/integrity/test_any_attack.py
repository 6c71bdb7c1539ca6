"""Attacks at random on small histories with small tiles, so that there are many levels and edges.

Whatever was done to events, hashes and checkpoints: what changed under a checkpoint is found where it is, and
nothing is said of an event that is not so.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from permits_engine.audit.integrity import diagnosis, sealed_tree, verification
from permits_engine.audit.integrity.findings import Finding, VerificationReport
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.store.log import checkpoints, merkle, tiles
from permits_engine.store.log.leaf import leaf_bytes, leaf_hash
from permits_engine.store.log.signing_keys import SigningKeys

HEIGHT, WIDTH = 2, 4
COUNT = 90
SEALED = 85
CHECKPOINTS = (7, 16, 17, 41, 64, 80)

Row = tuple[str, int, str, int, bytes]


class Original(NamedTuple):
    """A database's bytes and the key that signed its checkpoints."""

    data: bytes
    signing: SigningKeys

    def __repr__(self) -> str:
        return "<original>"


@pytest.fixture(autouse=True, scope="module")
def _small_tiles() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (tiles, sealed_tree, diagnosis, verification):
            for name, value in (("HEIGHT", HEIGHT), ("WIDTH", WIDTH), ("CHUNK", 4 * WIDTH), ("REACH", WIDTH)):
                if hasattr(module, name):
                    patch.setattr(module, name, value)
        patch.setattr(tiles, "BATCH", 3 * WIDTH)
        yield


@pytest.fixture(scope="module")
def original(_small_tiles: None) -> Original:
    """A history of 90 events, sealed to 85, with six checkpoints: the bytes of its database."""
    database = Database.open("sqlite://")
    upgrade.initialise(database, now=0)
    signing = SigningKeys(None, in_memory=True)
    done = 0
    for size in (*CHECKPOINTS, SEALED, COUNT):
        with database.write() as tx:
            records = [
                StoredEvent(f"s{at % 5}", at // 5 + 1, "n@1", b'{"at":%d}' % at) for at in range(done, size)
            ]
            TransactionRecorder(tx).insert_events(records, now=1000 + size)
        done = size
        if size in CHECKPOINTS:
            checkpoints.take(database, signing, now=0)
        elif size == SEALED:
            tiles.seal(database)
    with database.bare() as driver:
        data: bytes = driver.serialize()
    database.close()
    return Original(data, signing)


class Attacker:
    """Works on the database of a fresh copy."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self.run = driver.execute
        for (name,) in self.run("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            self.run(f"DROP TRIGGER {name}")

    def alter(self, position: int, how: int) -> None:
        change = (
            "payload = x'00'",
            "recorded_at = recorded_at + 1",
            "name = 'm@1'",
            "stream = stream || 'x'",
        )[how]
        self.run(f"UPDATE OR IGNORE events SET {change} WHERE position = ?", (position,))

    def delete(self, position: int, how: int) -> None:
        self.run("DELETE FROM events WHERE position = ?", (position,))
        if how % 2:
            self._move(position, -1)

    def insert(self, position: int, how: int) -> None:
        self._move(position - 1, 1)
        (version,) = self.run("SELECT count(*) FROM events WHERE stream = 'forged'").fetchone()
        self.run(
            "INSERT OR IGNORE INTO events VALUES (?, 'forged', ?, 'n@1', ?, x'')",
            (position, version + 1, how),
        )

    def swap(self, position: int, how: int) -> None:
        other = position + (1, 3, 20, -30)[how]
        self.run("UPDATE events SET position = 1000 WHERE position = ?", (position,))
        self.run("UPDATE events SET position = ? WHERE position = ?", (position, other))
        self.run("UPDATE events SET position = ? WHERE position = 1000", (other,))

    def cut(self, position: int, how: int) -> None:
        self.run("DELETE FROM events WHERE position > ?", (position,))
        self.run("UPDATE head SET position = ?", (position,))

    def reseal(self, position: int, how: int) -> None:
        """Make the tiles over an event those of the events as they are, up to a level."""
        number = (position - 1) // WIDTH
        rows = self.run("SELECT * FROM events WHERE position > ? LIMIT ?", (number * WIDTH, WIDTH)).fetchall()
        try:
            hashes = [leaf_hash(leaf_bytes(*row[:5], bytes(row[5]))) for row in rows]
        except OverflowError:
            return
        for level in range(how + 1):
            number = (position - 1) // WIDTH ** (level + 1)
            width = len(self._tile(level, number)) // 32
            if level:
                tile = self._tile(level, number)
                at = (position - 1) // WIDTH**level % WIDTH
                tile = tile[: at * 32] + merkle.fold(hashes) + tile[(at + 1) * 32 :]
                hashes = [tile[start : start + 32] for start in range(0, len(tile), 32)]
            self._put(level, number, b"".join(hashes[:width]))
            if len(hashes) < WIDTH or width < WIDTH:
                return

    def damage(self, position: int, how: int) -> None:
        level = how % 3
        number, at = divmod((position - 1) // WIDTH**level, WIDTH)
        tile = self._tile(level, number)
        if len(tile) > at * 32:
            self._put(level, number, tile[: at * 32] + bytes(32) + tile[(at + 1) * 32 :])

    def drop(self, position: int, how: int) -> None:
        if how == 3:
            self.run("DELETE FROM checkpoints WHERE size >= ?", (position,))
        else:
            number = (position - 1) // WIDTH ** (how + 1)
            self.run("DELETE FROM tiles WHERE level = ? AND number = ?", (how, number))

    def _move(self, after: int, by: int) -> None:
        self.run("UPDATE events SET position = position + 1000 WHERE position > ?", (after,))
        self.run("UPDATE events SET position = position - 1000 + ? WHERE position > 1000", (by,))
        self.run("UPDATE head SET position = position + ?", (by,))

    def _tile(self, level: int, number: int) -> bytes:
        row = self.run("SELECT hashes FROM tiles WHERE level = ? AND number = ?", (level, number)).fetchone()
        return bytes(row[0]) if row else b""

    def _put(self, level: int, number: int, hashes: bytes) -> None:
        self.run("UPDATE tiles SET hashes = ? WHERE level = ? AND number = ?", (hashes, level, number))


def rows_of(driver: sqlite3.Connection) -> dict[int, Row]:
    found = driver.execute("SELECT position, stream, version, name, recorded_at, payload FROM events")
    return {row[0]: tuple(row[1:]) for row in found}


def attacked(data: bytes, signing: SigningKeys, steps: list[tuple[str, int, int]]) -> Any:
    """The rows before and after, what remains to vouch, and the report."""
    database = Database.open("sqlite://")
    with database.bare() as driver:
        driver.deserialize(data)
        before = rows_of(driver)
        hand = Attacker(driver)
        for name, position, how in steps:
            getattr(hand, name)(position, how)
        after = rows_of(driver)
        (vouched,) = driver.execute("SELECT coalesce(max(size), 0) FROM checkpoints").fetchone()
    report = verification.verify(database, signing, seal_after=False)
    database.close()
    return before, after, vouched, report


def covers(found: Finding, position: int) -> bool:
    """Whether a finding is about an event: where it is, where it was, or that nothing can be said of it."""
    first, last = found.first, found.last
    if first is None or last is None:
        return False
    moved = found.moved_from is not None and 0 <= position - found.moved_from <= last - first
    return moved or first <= position <= (found.unclear_to or last)


def check(
    before: dict[int, Row],
    after: dict[int, Row],
    vouched: int,
    report: VerificationReport,
    *,
    damaged: bool = False,
) -> None:
    """Everything under a checkpoint that changed is covered; what is said of single events is true."""
    changed = {position for position in before if before[position] != after.get(position)}
    for position in sorted(changed):
        if position <= vouched:
            assert any(covers(found, position) for found in report.findings), (position, report.findings)
    for found in report.findings:
        if found.vouched_by is None or found.first is None or found.last is None:
            continue
        places = set(range(found.first, found.last + 1))
        if found.kind in {"altered", "missing"}:
            assert places <= changed | (places - before.keys()), (found, changed)
        elif found.kind == "moved":
            assert found.moved_from is not None
            for shift, position in enumerate(sorted(places)):
                was, now = before[found.moved_from + shift], after[position]
                assert (was[:3], was[4]) == (now[:3], now[4]), found
        elif found.kind == "range" and not damaged:
            assert places & changed, (found, changed)


position = st.integers(1, COUNT)
on_events = st.tuples(st.sampled_from(["alter", "delete", "insert", "swap"]), position, st.integers(0, 3))
on_seals = st.tuples(st.sampled_from(["reseal", "damage", "drop"]), position, st.integers(0, 3))


def test_the_untouched_history_is_intact(original: Original) -> None:
    """There are five levels of tiles, and nothing to find."""
    _, _, _, report = attacked(*original, [])
    assert report.intact
    assert (report.checkpoints, report.checkpoint, report.sealed) == (6, 80, SEALED)


@settings(max_examples=60)
@given(step=on_events)
def test_any_single_change_of_an_event_is_named(original: Original, step: Any) -> None:
    """With the seals left alone it is not a range that is told, but the event."""
    before, after, vouched, report = attacked(*original, [step])
    check(before, after, vouched, report)
    assert not {found.kind for found in report.findings} & {"range", "tile", "checkpoint"}
    if before != after and step[1] <= SEALED and not (step[0] == "swap" and step[1] > 55):
        assert {found.kind for found in report.findings} & {"altered", "missing", "moved"}


@settings(max_examples=60)
@given(steps=st.lists(on_events, min_size=2, max_size=4))
def test_several_changes_of_events_are_found(original: Original, steps: Any) -> None:
    """One does not hide the other."""
    before, after, vouched, report = attacked(*original, steps)
    check(before, after, vouched, report)


@settings(max_examples=120)
@given(step=on_events, seals=st.lists(on_seals, max_size=3))
def test_a_change_with_its_seals_rewritten_is_found(original: Original, step: Any, seals: Any) -> None:
    """Tiles made to fit, damaged or taken away, checkpoints taken away: what a checkpoint covers is found."""
    steps = [step, *((name, step[1] if name == "reseal" else at, how) for name, at, how in seals)]
    before, after, vouched, report = attacked(*original, steps)
    check(before, after, vouched, report, damaged=any(name == "damage" for name, _, _ in seals))


@settings(max_examples=60)
@given(seals=st.lists(on_seals.filter(lambda step: step[0] != "reseal"), min_size=1, max_size=3))
def test_damaged_seals_accuse_no_event(original: Original, seals: Any) -> None:
    """Where only hashes were changed, no event is said to be another one than was signed."""
    _, _, _, report = attacked(*original, seals)
    for found in report.findings:
        assert found.kind == "tile" or (found.kind == "altered" and found.vouched_by is None), found


@settings(max_examples=60)
@given(last=st.integers(0, COUNT), seals=st.lists(on_seals, max_size=2))
def test_any_cut_under_a_kept_checkpoint_is_found(original: Original, last: int, seals: Any) -> None:
    """As long as one checkpoint speaks of more events than there are."""
    before, after, vouched, report = attacked(*original, [("cut", last, 0), *seals])
    check(before, after, vouched, report, damaged=True)
    if last < vouched:
        assert any(
            found.kind in {"missing", "range"} and covers(found, last + 1) for found in report.findings
        )
