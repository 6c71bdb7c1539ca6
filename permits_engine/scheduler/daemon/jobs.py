"""The daemon's duties as jobs of APScheduler: each with its own period, all on one worker thread.

A duty finds out for itself what there is to do, so a run that is missed or doubled does no harm. APScheduler goes by
the machine's clock, which may be set: ``Every`` copes with a clock set ahead, ``catch_up`` with one set back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from permits_engine.store.events.timestamps import iso, micros

LATE = timedelta(seconds=1)
"""How much later than its period a job may run before ``catch_up`` runs it."""


class Duty(NamedTuple):
    """A function that the daemon calls every so many seconds; it handles its own errors."""

    seconds: float
    do: Callable[[], None]


class Every(BaseTrigger):  # type: ignore[misc]
    """Fires after each period, and once for all runs that were missed.

    APScheduler's ``IntervalTrigger`` counts through all missed runs: after a clock was set ahead by years it would do
    nothing else for minutes.
    """

    def __init__(self, seconds: float) -> None:
        self.period = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return one period after the previous run, or after now where that has passed."""
        following = (previous_fire_time or now) + self.period
        return following if following > now else now + self.period


class Jobs:
    """Runs duties, one at a time; the first run of each is at the start."""

    def __init__(self, duties: Mapping[str, Duty]) -> None:
        self._turn = threading.Lock()
        self._quiet = False
        # Two instances: the one that runs, and the one that was asked for meanwhile and follows it.
        options = {"coalesce": True, "misfire_grace_time": None, "max_instances": 2}
        executors = {"default": ThreadPoolExecutor(1)}
        self._scheduler: Any = BackgroundScheduler(timezone=UTC, executors=executors, job_defaults=options)
        self.change(duties)

    def start(self) -> None:
        """Start to run duties."""
        self._scheduler.start()

    def change(self, duties: Mapping[str, Duty]) -> None:
        """Run these duties from now on instead of those before."""
        for job in self._scheduler.get_jobs():
            if job.id not in duties:
                job.remove()
        for name, duty in duties.items():
            self._scheduler.add_job(
                self._run,
                Every(duty.seconds),
                args=(duty.do,),
                id=name,
                next_run_time=datetime.now(UTC),
                replace_existing=True,
            )

    def run_now(self, *names: str) -> None:
        """Run some duties (default: all) as soon as the one that runs is over."""
        for job in self._scheduler.get_jobs():
            if not names or job.id in names:
                job.modify(next_run_time=datetime.now(UTC))

    def catch_up(self) -> list[str]:
        """Run and name the jobs that would run later than their period from now: the clock was set back."""
        now = datetime.now(UTC)
        late = [
            job.id
            for job in self._scheduler.get_jobs()
            if job.next_run_time - now > job.trigger.period + LATE
        ]
        if late:
            self.run_now(*late)
        return late

    def listed(self) -> list[dict[str, Any]]:
        """Return each job with its period in seconds and its next run, the next one first."""
        return [
            {
                "job": job.id,
                "every": job.trigger.period.total_seconds(),
                "next_run": iso(micros(job.next_run_time)),
            }
            for job in sorted(self._scheduler.get_jobs(), key=lambda each: each.next_run_time)
        ]

    @property
    def busy(self) -> bool:
        """Whether a duty is running."""
        return self._turn.locked()

    def pause(self) -> None:
        """Run no further duty; the one that runs goes on."""
        self._quiet = True
        self._scheduler.pause()

    def stop(self) -> None:
        """Wait until the running duty ends, and stop."""
        self._scheduler.shutdown(wait=True)

    def _run(self, do: Callable[[], None]) -> None:
        with self._turn:
            if not self._quiet:
                do()
