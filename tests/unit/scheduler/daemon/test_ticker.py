"""Ticks come whatever happens to the machine's clock; one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

import apscheduler.schedulers.base
import apscheduler.triggers.interval
import pytest

from permits_engine.scheduler.daemon import ticker as room
from permits_engine.scheduler.daemon.ticker import Ticker


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
    for module in (apscheduler.schedulers.base, apscheduler.triggers.interval, room):
        monkeypatch.setattr(module, "datetime", SetClock)
    return SetClock


class Ticks:
    """Counts ticks, and how many ran at the same time at most."""

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

    def reach(self, number: int, seconds: float = 5.0) -> bool:
        """Whether so many ticks come in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.count >= number:
                return True
            time.sleep(0.005)
        return False


@pytest.fixture
def started() -> Iterator[Any]:
    """Starts tickers and stops them at the end."""
    running: list[Ticker] = []

    def start(seconds: float, ticks: Ticks) -> Ticker:
        ticker = Ticker(seconds, ticks)
        running.append(ticker)
        ticker.start()
        return ticker

    yield start
    for each in running:
        each.stop()


def test_the_first_tick_comes_at_once_and_the_others_in_their_time(started: Any) -> None:
    """With an interval of an hour there is one tick now; with a short one there are many."""
    slow, quick = Ticks(), Ticks()
    started(3600, slow)
    started(0.05, quick)
    assert slow.reach(1)
    assert quick.reach(5)
    assert slow.count == 1


def test_one_tick_at_a_time(started: Any) -> None:
    """A tick that takes longer than the interval is not overtaken by the next."""
    ticks = Ticks(takes=0.12)
    started(0.05, ticks)
    assert ticks.reach(4)
    assert ticks.most == 1


def test_a_tick_asked_for_during_a_tick_comes_right_after_it(started: Any) -> None:
    """Nothing that happened while a pass was running waits for the next interval."""
    ticks = Ticks(takes=0.2)
    ticker = started(3600, ticks)
    assert ticks.reach(1)
    assert ticker.busy
    ticker.now()
    ticker.now()
    assert ticks.reach(2)
    time.sleep(0.3)
    assert (ticks.count, ticks.most) == (2, 1)
    ticker.now()
    assert ticks.reach(3)


def test_a_clock_set_back_by_a_year_stops_nothing(started: Any, clock: type[SetClock]) -> None:
    """Left alone the next tick would come in a year; whoever watches makes up for it within seconds."""
    ticks = Ticks()
    ticker = started(0.3, ticks)
    assert ticks.reach(2)
    clock.offset = timedelta(days=-365)
    time.sleep(0.5)  # a tick that was under way comes as it was
    seen = ticks.count
    time.sleep(1.0)
    assert ticks.count == seen
    end = time.monotonic() + 5
    while not ticker.watch():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert ticks.reach(seen + 4)


def test_a_clock_set_ahead_by_a_century_makes_one_tick(started: Any, clock: type[SetClock]) -> None:
    """The ticks of the years that were leapt over are one tick, and nobody counts them one by one."""
    ticks = Ticks()
    started(0.2, ticks)
    assert ticks.reach(1)
    clock.offset = timedelta(days=36_525)
    leapt = time.monotonic()
    assert ticks.reach(4, seconds=3)
    assert time.monotonic() - leapt < 3
    assert ticks.count <= 8


def test_another_pace_holds_from_now_on(started: Any) -> None:
    """An interval that was an hour and becomes a moment ticks at once."""
    ticks = Ticks()
    ticker = started(3600, ticks)
    assert ticks.reach(1)
    ticker.change(0.05)
    assert ticks.reach(4)


def test_hushed_the_running_tick_ends_and_none_follows(started: Any) -> None:
    """What a graceful stop needs."""
    ticks = Ticks(takes=0.2)
    ticker = started(0.05, ticks)
    assert ticks.reach(1)
    ticker.hush()
    while ticker.busy:
        time.sleep(0.01)
    seen = ticks.count
    time.sleep(0.2)
    assert ticks.count == seen <= 2
