"""A tick every so many seconds, and no more: nothing is right or wrong for a tick that is missed.

APScheduler counts in UTC, in memory, and makes one tick of those that were missed. It goes by the machine's
clock, which may be set back: ``watch`` notices by a clock that nobody sets that no tick has come, and ticks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from permits_engine.scheduler.daemon.lease import uptime

LATE = 1.0
"""Seconds that a tick may be late before ``watch`` makes up for it."""


class Ticker:
    """Runs a function now and then every ``seconds``, one run at a time, all on one thread.

    The function sees to its own errors.
    """

    def __init__(self, seconds: float, do: Callable[[], None]) -> None:
        self.seconds = seconds
        self._do = do
        self._turn = threading.Lock()
        self._again = threading.Event()
        self._last = uptime()
        self._scheduler: Any = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._job: Any = self._scheduler.add_job(
            self._run, self._every(), next_run_time=datetime.now(UTC), id="pass"
        )

    def start(self) -> None:
        """Begin; the first tick comes at once."""
        self._scheduler.start()

    def now(self) -> None:
        """A tick as soon as the one that runs is over."""
        self._again.set()
        if not self.busy:
            self._job.modify(next_run_time=datetime.now(UTC))

    def change(self, seconds: float) -> None:
        """Tick at another pace from now on."""
        self.seconds = seconds
        self._job.reschedule(self._every())

    def watch(self) -> bool:
        """Tick where none has come in time; says whether that was so."""
        if self.busy or uptime() - self._last <= self.seconds + LATE:
            return False
        self._last = uptime()
        # The trigger itself counts from a moment that the clock may be far away from.
        self._job.reschedule(self._every())
        self._job.modify(next_run_time=datetime.now(UTC))
        return True

    @property
    def busy(self) -> bool:
        """Whether a tick runs at this moment."""
        return self._turn.locked()

    def hush(self) -> None:
        """No further tick; the one that runs goes on."""
        self._scheduler.pause()

    def stop(self) -> None:
        """End, when the tick that runs is over."""
        self._scheduler.shutdown(wait=True)

    def _run(self) -> None:
        with self._turn:
            self._last = uptime()
            self._again.clear()
            self._do()
            while self._again.is_set():
                self._again.clear()
                self._do()
            self._last = uptime()

    def _every(self) -> Any:
        return _Every(seconds=self.seconds, timezone=UTC)


class _Every(IntervalTrigger):  # type: ignore[misc]
    """The plain interval, which does not count out every tick of the years that a clock has leapt over."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next tick: after those that were missed."""
        regular: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        return now + self.interval if regular is None or regular <= now else regular
