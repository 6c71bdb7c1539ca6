"""What runs for years: one process ticks and passes, others stand by, all of them may be killed.

Nothing here decides anything: a tick that is missed, a process that dies or a setting that changes only moves
the moment at which a pass finds what is due.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from traceback import extract_tb
from typing import Any, Protocol

from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.daemon import checkpoint_post
from permits_engine.scheduler.daemon.heartbeat import beat
from permits_engine.scheduler.daemon.lease import Lease, taken, uptime
from permits_engine.scheduler.daemon.metrics import Metrics
from permits_engine.scheduler.daemon.ticker import Ticker
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.passes.reconciler import Pass
from permits_engine.scheduler.passes.run import run_pass

STALLED = 600.0
"""Seconds without progress after which a pass no longer keeps others from taking over."""
BEAT = 0.5
QUIET = 2
"""Values of a pass that did nothing worth a line."""


class Log(Protocol):
    """Where the daemon tells what it does: an event's name with plain values, none of them personal."""

    def info(self, event: str, **values: Any) -> Any:
        """Something happened as it should."""

    def warning(self, event: str, **values: Any) -> Any:
        """Something to look at."""

    def error(self, event: str, **values: Any) -> Any:
        """Something to do."""


@dataclass(frozen=True)
class Setup:
    """What the settings ask of a daemon; ``interval`` and ``lease`` in seconds."""

    routes: Routes
    interval: float
    lease: float
    brake: int | None
    heartbeat: str | None = None
    """A file or an address that gets a sign of life after each pass that went well."""
    checkpoints: str | None = None
    """A folder or an address that gets a signed checkpoint when one is due."""
    checkpoint_every: float = 86_400
    """Seconds between checkpoints."""


class Daemon:
    """Runs passes for as long as it holds the lease, and stands by while another does.

    ``configure`` reads the settings, at the beginning and at each ``reload``.
    """

    def __init__(
        self,
        engine: Any,
        configure: Callable[[], Setup],
        log: Log,
        *,
        holder: str,
        release: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        self.engine = engine
        self.log = log
        self.setup = configure()
        self.lease = Lease(engine.database, holder, self.setup.lease)
        self.last: Pass | None = None
        self.trouble: str | None = None
        """What keeps passes from running, if anything does."""
        self.metrics = metrics
        self.beat: Callable[[], None] = lambda: None
        """Called at each turn of the main thread."""
        self._configure = configure
        self._released = release
        self._ticker = Ticker(self.setup.interval, self._tick)
        self._stop, self._reload, self._yield = threading.Event(), threading.Event(), threading.Event()
        self._progress = self._renewed = uptime()
        self._not_before = 0.0
        self._standing_by = False
        self._unposted: checkpoint_post.Posted | None = None

    def stop(self) -> None:
        """End after the letter that is being handed over; safe to call from a signal's handler."""
        self._stop.set()

    def reload(self) -> None:
        """Read the settings again before the next pass; safe to call from a signal's handler."""
        self._reload.set()

    def run(self) -> None:
        """Work until ``stop``."""
        self.log.info("daemon.started", holder=self.lease.holder, interval=self.setup.interval)
        self._ticker.start()
        try:
            while not self._stop.is_set():
                self._keep()
                self._stop.wait(min(BEAT, self.setup.lease / 6))
        finally:
            self.log.info("daemon.stopping", busy=self._ticker.busy)
            self._ticker.hush()
            while self._ticker.busy:
                self._keep_lease()
                threading.Event().wait(0.05)
            self._ticker.stop()
            self._give_up()
            self.log.info("daemon.stopped")

    # --- on the main thread: settings, lease, ticks ---

    def _keep(self) -> None:
        self.beat()
        if self.metrics is not None:
            self.metrics.leader.set(self.lease.held)
        if self._reload.is_set():
            self._reload.clear()
            self._read_settings()
        if self._yield.is_set():
            self._yield.clear()
            self._give_up()
            self._not_before = uptime() + self.setup.interval
        self._keep_lease()
        if self._ticker.watch():
            self.log.warning("tick.late")

    def _keep_lease(self) -> None:
        now = uptime()
        try:
            if self.lease.epoch:
                if now - self._renewed >= self.setup.lease / 3 and not self._stalled(now):
                    self._renewed = now
                    if not self.lease.renew():
                        self.log.warning("lease.lost", epoch=self.lease.epoch)
                        self.lease.release()
            elif now >= self._not_before and not self._stop.is_set() and not self._ticker.busy:
                self._not_before = now + min(1.0, self.setup.lease / 3)
                self._try()
        except PermitsError as problem:
            self.log.error("lease.failed", code=problem.code, reason=problem.message)

    def _try(self) -> None:
        if not self.lease.acquire():
            if not self._standing_by:
                self._standing_by = True
                self.log.info("lease.standby")
            return
        self._standing_by, self.last = False, None
        self._renewed = self._progress = uptime()
        self.log.info("lease.acquired", epoch=self.lease.epoch)
        self._ticker.now()

    def _stalled(self, now: float) -> bool:
        """Whether a pass hangs: then the lease runs out, and somebody else takes over."""
        if not self._ticker.busy or now - self._progress < STALLED:
            return False
        self.log.error("pass.stalled", seconds=round(now - self._progress))
        return True

    def _give_up(self) -> None:
        try:
            self.lease.release()
        except PermitsError as problem:
            self.log.error("lease.failed", code=problem.code, reason=problem.message)

    def _read_settings(self) -> None:
        try:
            self.setup = self._configure()
        except PermitsError as problem:
            self.log.error("settings.refused", code=problem.code, reason=problem.message)
            return
        self.lease.seconds = self.setup.lease
        self._ticker.change(self.setup.interval)
        self._ticker.now()
        self.log.info("settings.reloaded", interval=self.setup.interval)

    # --- on the ticker's thread: passes ---

    def _tick(self) -> None:
        if not self._going():
            return
        limits = Limits(self.lease.write, self._going, self.setup.brake, self._released)
        started = uptime()
        try:
            report = run_pass(self.engine, self.setup.routes, limits=limits)
        except PermitsError as problem:
            self._refused(problem)
        except Exception as problem:
            frames = extract_tb(problem.__traceback__)
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
            # Its own words may quote what is personal: type and place are enough to find it.
            self._ended("crashed", f"{type(problem).__name__} at {place}")
            self.log.error("pass.crashed", error=type(problem).__name__, place=place)
        else:
            self._released = False
            news = told(report)
            if report.away or report.undigested or report.parked:
                self.log.warning("pass.done", seconds=round(uptime() - started, 3), **news)
            elif len(news) > QUIET or self.last is None or self.trouble:
                self.log.info("pass.done", seconds=round(uptime() - started, 3), **news)
            self.last, self.trouble = report, None
            self._well(report, uptime() - started)
            self._checkpoint()

    def _well(self, report: Pass, seconds: float) -> None:
        if self.metrics is not None:
            self.metrics.passed(report, seconds)
        if self.setup.heartbeat is not None:
            missed = beat(self.setup.heartbeat)
            if missed is not None:
                self.log.warning("heartbeat.missed", reason=missed)

    def _checkpoint(self) -> None:
        """Sign what there is when it is time, and hand it over; what did not arrive goes out after the next pass."""
        where = self.setup.checkpoints
        if where is None:
            return
        try:
            if self._unposted is not None:
                size, note, _ = self._unposted
                posted = checkpoint_post.Posted(size, note, checkpoint_post.post(where, size, note))
            elif checkpoint_post.due(self.engine, self.setup.checkpoint_every):
                posted = checkpoint_post.take(self.engine, where, self._going)
            else:
                return
        except PermitsError as problem:
            self.log.error("checkpoint.failed", code=problem.code, reason=problem.message)
            return
        self._unposted = posted if posted.missed else None
        if posted.missed:
            self.log.warning("checkpoint.missed", size=posted.size, reason=posted.missed)
        else:
            self.log.info("checkpoint.posted", size=posted.size)

    def _ended(self, result: str, trouble: str) -> None:
        self.trouble = trouble
        if self.metrics is not None:
            self.metrics.failed(result)

    def _refused(self, problem: PermitsError) -> None:
        self._ended(problem.code.partition(".")[2], problem.message)
        if problem.code == "scheduler.braked":
            self.log.error("pass.braked", reason=problem.details.get("reason"), message=problem.message)
            # Somebody with a better clock, or a human with --release, is to have the lease.
            self._yield.set()
        elif problem.code == "scheduler.lease_lost":
            self.log.warning("lease.lost", epoch=self.lease.epoch)
        else:
            self.log.error("pass.failed", code=problem.code)

    def _going(self) -> bool:
        self._progress = uptime()
        return not self._stop.is_set() and self.lease.held


def told(report: Pass) -> dict[str, Any]:
    """A pass as it is logged."""
    plain: dict[str, Any] = {"on": report.on.isoformat(), "files": report.files}
    assert len(plain) == QUIET
    for name in ("acts", "notices", "parked", "held", "away", "digests", "undigested", "stopped", "unproven"):
        value = getattr(report, name)
        if value:
            plain[name] = value
    return plain


def once(
    engine: Any,
    setup: Setup,
    *,
    holder: str,
    on: date | None = None,
    release: bool = False,
    stop: threading.Event | None = None,
) -> Pass:
    """One pass under the lease.

    Raises ``scheduler.busy`` where a daemon runs, ``scheduler.braked`` unless released.
    """
    stopping = stop or threading.Event()
    with _kept(taken(engine.database, holder, setup.lease)) as lease:
        limits = Limits(
            lease.write, lambda: not stopping.is_set() and lease.held, setup.brake, released=release
        )
        return run_pass(engine, setup.routes, on=on, limits=limits)


@contextmanager
def _kept(lease: Lease) -> Iterator[Lease]:
    """The lease, renewed beside the pass and given back after it."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(lease.seconds / 3):
            try:
                if not lease.renew():
                    return
            except PermitsError:
                continue  # the pass itself will meet the same store and say so

    keeper = threading.Thread(target=renew, name="lease", daemon=True)
    if lease.database.dialect == "postgresql":
        keeper.start()
    try:
        yield lease
    finally:
        over.set()
        if keeper.is_alive():
            keeper.join()
        lease.release()
