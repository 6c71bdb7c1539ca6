"""Duties run whatever happens to the machine's clock; one at a time."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import apscheduler.schedulers.base
import pytest

from permits_engine.scheduler.daemon import jobs as room
from permits_engine.scheduler.daemon.jobs import Duty, Jobs


class SetClock(datetime):
    """The machine's clock as everybody reads it, which a test may set."""

    offset = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + cls.offset


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[SetClock]:
    """A clock that can be set (the machine's own cannot, in a test)."""
    monkeypatch.setattr(SetClock, "offset", timedelta())
    for module in (apscheduler.schedulers.base, room):
        monkeypatch.setattr(module, "datetime", SetClock)
    return SetClock


class Runs:
    """Counts the runs of a duty, and how many went on at the same time at most."""

    def __init__(self, takes: float = 0.0) -> None:
        self.count = 0
        self.takes = takes
        self.abreast = self.most = 0
        self.lock = threading.Lock()

    def __call__(self) -> None:
        with self.lock:
            self.count += 1
            self.abreast += 1
            self.most = max(self.most, self.abreast)
        time.sleep(self.takes)
        with self.lock:
            self.abreast -= 1

    def reach(self, number: int, seconds: float = 120.0) -> bool:
        """Whether so many runs come in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.count >= number:
                return True
            time.sleep(0.005)
        return False


@pytest.fixture
def started() -> Iterator[Any]:
    """Starts duties and stops them at the end."""
    running: list[Jobs] = []

    def start(**duties: tuple[float, Runs]) -> Jobs:
        jobs = Jobs({name: Duty(*duty) for name, duty in duties.items()})
        running.append(jobs)
        jobs.start()
        return jobs

    yield start
    for each in running:
        each.stop()


def test_the_first_run_comes_at_once_and_the_others_in_their_time(started: Any) -> None:
    """With a period of an hour there is one run now; with a short one there are many; each duty has its own."""
    slow, quick = Runs(), Runs()
    jobs = started(slow=(3600, slow), quick=(0.05, quick))
    assert slow.reach(1)
    assert quick.reach(5)
    assert slow.count == 1
    assert [(each["job"], each["every"]) for each in jobs.listed()] == [("quick", 0.05), ("slow", 3600)]
    assert datetime.fromisoformat(jobs.listed()[1]["next_run"]) > datetime.now(UTC) + timedelta(minutes=59)


def test_one_duty_at_a_time(started: Any) -> None:
    """A run that takes longer than the period is not overtaken, by another run or another duty."""
    runs = Runs(takes=0.12)
    started(one=(0.05, runs), other=(0.05, runs))
    assert runs.reach(4)
    assert runs.most == 1


def test_a_run_asked_for_during_a_run_comes_right_after_it(started: Any) -> None:
    """Nothing that happened while a pass was running waits for the next period."""
    runs = Runs(takes=0.2)
    jobs = started(only=(3600, runs))
    assert runs.reach(1)
    assert jobs.busy
    jobs.run_now()
    jobs.run_now("only")
    assert runs.reach(2)
    time.sleep(0.3)
    assert (runs.count, runs.most) == (2, 1)
    jobs.run_now("only")
    assert runs.reach(3)


def test_a_clock_set_back_by_a_year_stops_nothing(started: Any, clock: type[SetClock]) -> None:
    """Left alone the next run would come in a year; ``catch_up`` runs it within seconds."""
    runs = Runs()
    jobs = started(only=(0.3, runs))
    assert runs.reach(2)
    assert jobs.catch_up() == []
    clock.offset = timedelta(days=-365)
    time.sleep(0.5)  # a run that was under way comes as it was
    seen = runs.count
    time.sleep(1.0)
    assert runs.count == seen
    assert jobs.catch_up() == ["only"]
    assert runs.reach(seen + 4)


def test_a_clock_set_ahead_by_a_century_makes_one_run(started: Any, clock: type[SetClock]) -> None:
    """The runs of the years that were leapt over are one, and they are not counted one by one."""
    runs = Runs()
    started(only=(0.2, runs))
    assert runs.reach(1)
    clock.offset = timedelta(days=36_525)
    before, leapt = runs.count, time.monotonic()
    assert runs.reach(before + 3)
    # One for the leap and one for each period since: not millions.
    assert runs.count - before <= 3 + (time.monotonic() - leapt) / 0.2


def test_another_pace_holds_from_now_on(started: Any) -> None:
    """A period that was an hour and becomes a moment runs at once; a duty that is left out runs no more."""
    runs, dropped = Runs(), Runs()
    jobs = started(only=(3600, runs), dropped=(0.05, dropped))
    assert runs.reach(1)
    jobs.change({"only": Duty(0.05, runs)})
    assert runs.reach(4)
    seen = dropped.count
    time.sleep(0.2)
    assert dropped.count <= seen + 1
    assert [each["job"] for each in jobs.listed()] == ["only"]


def test_paused_the_running_duty_ends_and_none_follows(started: Any) -> None:
    """What a graceful stop needs."""
    runs = Runs(takes=0.2)
    jobs = started(only=(0.05, runs))
    assert runs.reach(1)
    jobs.pause()
    while jobs.busy:
        time.sleep(0.01)
    seen = runs.count
    time.sleep(0.2)
    assert runs.count == seen <= 2
