"""Eight short seeds of the simulated world, one seed run twice, and the faults that the world must find."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from permits_engine.application import idempotency
from permits_engine.scheduler.notices import outbox
from permits_engine.scheduler.passes import run
from tests.simulation.running import live


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_invariant_holds_on_every_day(seed: int) -> None:
    """A year of three offices with crashes, lost and repeated commands, wrong clocks, rivals and bad mail.

    ``make simulate-many`` runs a thousand seeds.
    """
    lived = live(seed)
    assert lived.failure is None, lived.failure


def _run(seed: int, hashes: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--days", "60", "--holders", "4"],
        env={**os.environ, "PYTHONHASHSEED": hashes},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_same_seed_is_the_same_run_to_the_byte() -> None:
    """History, letters and trace have one digest, whatever the order of sets in the process; others have others."""
    first, again, other = _run(3, "1"), _run(3, "77"), _run(4, "1")
    assert "digest: " in first
    assert first == again
    assert first != other


def _told_anyway(*given: Any) -> dict[str, bool]:
    return {each.notice_id: True for each in given[2]}


def _never_known(*given: Any) -> None:
    return None


def _rash(*given: Any) -> bool:
    return False


@pytest.mark.parametrize(
    ("where", "name", "fault", "found"),
    [
        (outbox, "still_due", _told_anyway, "a reminder by"),
        (idempotency, "replayed", _never_known, "twice|concurrency.conflict|repeated"),
        (run.brake, "check", _rash, "believed|wrong clock"),
    ],
    ids=["letters without a second look", "no memory of commands", "no brake"],
)
def test_a_planted_fault_is_found(where: Any, name: str, fault: Callable[..., Any], found: str) -> None:
    """The invariants are no decoration: within a few seeds each of these breaks one, and the report says how to see
    it again."""
    with mock.patch.object(where, name, fault):
        lived = next((each for each in (live(seed) for seed in range(1, 31)) if each.failure), None)
    assert lived is not None and lived.failure is not None
    assert any(word in lived.failure for word in found.split("|")), lived.failure
    assert f"make simulate SEED={lived.seed} " in lived.failure


def test_a_rival_without_a_lease_is_found() -> None:
    """Two daemons at once would be seen: here the second is not turned away."""
    with mock.patch("permits_engine.scheduler.daemon.lease.fcntl.flock", lambda *given: None):
        failures = (each.failure for each in (live(seed) for seed in range(1, 31)) if each.failure)
        assert any("two daemons ran at once" in each for each in failures)
