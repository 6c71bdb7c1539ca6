"""Attacks on checkpoints, and on the levels above 65,536 events."""

from typing import Any

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.store.log import checkpoints
from permits_engine.store.log.signed_note import Signer
from permits_engine.store.log.signing_keys import SigningKeys
from permits_engine.store.log.tiles import WIDTH, seal
from tests.integration.audit.integrity.forging import PAYLOAD, forge_leaf, put
from tests.integration.conftest import OnDisk

from .conftest import Store, kinds, of_kind

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
    """Whatever is in its row, nothing ends in a traceback."""
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
    """A holder of the key can make a history consistent with itself, but not with what was given away before."""
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
    """A reader without the key still sees whether the history meets its checkpoints."""
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


def test_a_third_level_is_sealed_and_verified(on_sqlite: OnDisk) -> None:
    """Two levels rewritten: the third contradicts them; a hash of the third altered alone is named."""

    sqlite_url, database = on_sqlite
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
    assert kinds(report) == [("range", 1, count), ("tile", WIDTH**2 + 1, 2 * WIDTH**2)]
    assert (report.findings[0].vouched_by, report.checkpoint) == (count, None)
    store.attack("UPDATE events SET payload = '{}' WHERE position = 70000")
    store.bypass(lambda run: forge_leaf(run, 70000, level_above=True))
    assert store.verify().intact
    store.bypass(lambda run: put(run, 2, 0, 1, bytes(32)))
    assert kinds(store.verify()) == [("tile", WIDTH**2 + 1, 2 * WIDTH**2)]


def test_a_large_history_takes_no_more_memory_than_a_small_one(on_sqlite: OnDisk) -> None:
    """Verifying fifty thousand events allocates at its peak what verifying ten thousand does."""
    import tracemalloc

    sqlite_url, database = on_sqlite
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
