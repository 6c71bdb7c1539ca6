"""What stops a pass until a human has looked, and what does not."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Engine
from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.daemon.daemon import Setup, once
from permits_engine.scheduler.delivery.channel import DeliveryError
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.passes.reconciler import Pass
from permits_engine.testing.clock import FakeClock
from tests.integration.application.conftest import Office
from tests.integration.scheduler.conftest import Post, many_due

TODAY = date(2025, 3, 3)


class Machine:
    """A real store (its time is not simulated) on a machine whose clock a test may set."""

    def __init__(self, engine: Engine, clock: FakeClock) -> None:
        self.engine = engine
        self.clock = clock
        self.post = Post()

    def once(self, *, brake: int | None = 10_000, release: bool = False, digests: bool = False) -> Pass:
        routes = Routes(self.post, self.post, offices={"MA-RAB": "office@example.org"}, digests=digests)
        setup = Setup(routes, 60, 30, brake)
        return once(self.engine.context, setup, holder="test", release=release)

    def position(self) -> int:
        return int(self.engine.queries.status()["head"]["position"])

    def braked(self, **options: Any) -> str:
        """Why a pass stops; nothing was recorded and no letter went out."""
        before = self.position(), len(self.post.letters)
        with pytest.raises(PermitsError, match=r"scheduler\.braked.*--release") as stop:
            self.once(**options)
        assert (self.position(), len(self.post.letters)) == before
        return str(stop.value.details["reason"])


def started(folder: Path, day: date, *, simulated: bool = False) -> Iterator[Machine]:
    clock = FakeClock()
    clock.at(day)
    store = f"sqlite:///{folder / 'store.db'}"
    with Engine.initialise(store, keys=folder / "store.keys", clock=clock, simulated=simulated) as engine:
        yield Machine(engine, clock)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A store of 3 March 2025."""
    yield from started(tmp_path, TODAY)


def test_a_clock_that_is_a_year_ahead_lapses_nothing(machine: Machine) -> None:
    """The pass stops before its first act, says why, and runs once a human has looked."""
    many_due(machine.engine, 3)
    machine.clock.instant += timedelta(days=365)
    assert machine.braked() == "clock_ahead"
    machine.clock.instant -= timedelta(days=365)
    assert machine.once().notices == {"sent": 3}
    machine.clock.instant += timedelta(days=365)
    assert machine.braked() == "clock_ahead"
    assert machine.once(release=True).acts == {"permit.lapsed": 3}


def test_a_released_clock_needs_no_second_release(machine: Machine) -> None:
    """What was recorded under a release is what later days follow from."""
    many_due(machine.engine, 1)
    machine.clock.instant += timedelta(days=30)
    machine.once(release=True)
    machine.clock.instant += timedelta(hours=20)
    machine.once()


def test_ten_quiet_days_need_no_release_while_passes_run(machine: Machine) -> None:
    """Nothing has to be recorded for a clock to be trusted: passes that follow one another are enough."""
    many_due(machine.engine, 1, today=TODAY + timedelta(days=10))
    for _ in range(10):
        machine.once()
        machine.clock.instant += timedelta(hours=24, minutes=3)  # a daily timer is never exact
    assert machine.post.told == [("renewal_reminder", "P60D"), ("renewal_reminder", "P30D")]


def test_a_leap_on_which_nothing_is_due_proves_nothing(machine: Machine) -> None:
    """Such a pass runs, and is noted; but the days after it do not follow from it."""
    many_due(machine.engine, 1)
    machine.once()
    machine.clock.instant += timedelta(days=4)
    assert machine.once().unproven
    assert machine.engine.queries.status()["last_pass"]["summary"]["unproven"]
    machine.clock.instant += timedelta(days=6)  # the next reminder, of 15 days before
    assert machine.braked() == "clock_ahead"


def test_a_clock_that_was_set_back_sends_nothing(machine: Machine) -> None:
    """Letters of a day that the store has left behind would be wrong."""
    many_due(machine.engine, 2)
    machine.clock.instant -= timedelta(days=2)
    assert machine.braked() == "clock_behind"
    assert machine.once(release=True).files == 2


def test_more_letters_than_the_brake_allows_are_not_begun(machine: Machine) -> None:
    """One more than the number stops the pass before its first letter; the very number does not."""
    many_due(machine.engine, 6)
    assert machine.braked(brake=5) == "too_many_letters"
    assert machine.once(brake=6).notices == {"sent": 6}


def test_a_release_is_for_one_pass(machine: Machine) -> None:
    """The next one is braked again."""
    many_due(machine.engine, 3)
    assert machine.once(brake=2, release=True).notices == {"sent": 3}
    many_due(machine.engine, 3)
    assert machine.braked(brake=2) == "too_many_letters"


def test_letters_that_no_count_of_files_foresees_stop_at_the_number(tmp_path: Path) -> None:
    """A file may have several letters: the pass ends at the number, and the rest goes out when released."""
    for machine in started(tmp_path, date(2016, 12, 1)):
        office = Office(machine.engine, machine.clock)
        office.application()
        office.at("2017-03-18")
        office.holder()
        office.at("2017-03-19")
        with pytest.raises(PermitsError, match=r"scheduler\.braked.*more than 1 letters"):
            machine.once(brake=1)
        assert len(machine.post.letters) == 1
        assert machine.engine.notices.list(state="due") != []
        machine.once(release=True)
        assert machine.engine.notices.list(state="due") == []
        assert len({letter.notice_id for letter in machine.post.letters}) == len(machine.post.letters) > 1


def test_a_simulated_store_has_no_brake(tmp_path: Path) -> None:
    """A demonstration leaps over years; it sends nothing to anybody."""
    for machine in started(tmp_path, TODAY, simulated=True):
        many_due(machine.engine, 2)
        machine.clock.instant += timedelta(days=365)
        assert machine.once(brake=1).acts == {"permit.lapsed": 2}


def test_a_machine_and_a_database_that_disagree_about_the_time(postgresql_url: str, tmp_path: Path) -> None:
    """The pass stops where one of the two clocks must be wrong, and says what each of them shows."""
    clock = FakeClock(datetime.now(UTC) + timedelta(hours=3))
    with Engine.initialise(postgresql_url, keys=tmp_path / "store.keys", clock=clock) as engine:
        machine = Machine(engine, clock)
        assert machine.braked() == "clocks_differ"
        clock.instant = datetime.now(UTC)
        machine.once()


def test_a_clock_that_leapt_over_idle_days_sends_no_lists_to_offices(machine: Machine) -> None:
    """Found by the simulated world (seed 4): nothing was due, so the pass ran unproven, and its list of the morning
    would have pinned the wrong day on the history and stopped the passes of all the days before it."""
    many_due(machine.engine, 1)
    machine.post.answer = lambda letter: DeliveryError("550 no such user", permanent=True)
    assert machine.once(digests=False).notices == {"failed": 1, "parked": 1}
    machine.post.answer = lambda letter: None
    before = machine.position()
    machine.clock.instant += timedelta(days=4)
    report = machine.once(digests=True)
    assert (report.unproven, report.digests, machine.position()) == (True, 0, before)
    machine.clock.instant -= timedelta(days=3)
    report = machine.once(digests=True)
    assert (report.unproven, report.digests) == (False, 1)
