"""The daemon: one process holds the lease and runs the duties, others wait for it, any of them may be killed.

It decides nothing: a missed run, a dead process or a changed setting only moves the moment at which a duty finds
what there is to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from traceback import extract_tb

from structlog.typing import FilteringBoundLogger

from permits_engine.application.context import Context
from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.daemon import outside
from permits_engine.scheduler.daemon.jobs import Duty, Jobs
from permits_engine.scheduler.daemon.lease import Lease, taken, uptime
from permits_engine.scheduler.daemon.metrics import Metrics
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.limits import Limits
from permits_engine.scheduler.passes.reconciler import Pass
from permits_engine.scheduler.passes.run import run_pass, send_digests, send_open

STALLED = 600.0
"""Seconds without progress after which a duty no longer keeps others from taking over."""
TURN = 0.5
"""Seconds between two turns of the main thread, at most."""
SOON = 30.0
"""Seconds after which open notices are tried again, at most."""
LIMITED = ("pass", "delivery", "retry", "digest")
"""The duties under the brakes."""


@dataclass(frozen=True)
class Setup:
    """The settings of a daemon; ``interval``, ``lease`` and ``checkpoint_every`` in seconds.

    ``heartbeat`` is a file or address that gets a sign of life, ``checkpoints`` a folder or address that gets signed
    checkpoints.
    """

    routes: Routes
    interval: float
    lease: float
    brake: int | None
    heartbeat: str | None = None
    checkpoints: str | None = None
    checkpoint_every: float = 86_400


class Daemon:
    """Runs the duties while it holds the lease, and waits while another process does.

    ``configure`` reads the settings, at the start and at each ``reload``.
    """

    def __init__(
        self,
        context: Context,
        configure: Callable[[], Setup],
        log: FilteringBoundLogger,
        *,
        holder: str,
        release: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        self.context = context
        self.log = log
        self.setup = configure()
        self.lease = Lease(context.database, holder, self.setup.lease)
        self.last: Pass | None = None
        self.trouble: str | None = None
        """Why passes do not run, if they do not."""
        self.metrics = metrics
        self.on_turn: Callable[[], None] = lambda: None
        """Called at each turn of the main thread."""
        self._configure = configure
        self._released = set(LIMITED) if release else set()
        self._jobs = Jobs(self._duties())
        self._stop, self._reload, self._yield = threading.Event(), threading.Event(), threading.Event()
        self._passed_first = threading.Event()
        self._progress = self._renewed = uptime()
        self._not_before = 0.0
        self._standing_by = False
        self._unposted: outside.Posted | None = None

    def stop(self) -> None:
        """End after the letter that is being sent; safe to call from a signal handler."""
        self._stop.set()

    def reload(self) -> None:
        """Read the settings again before the next duty; safe to call from a signal handler."""
        self._reload.set()

    def run(self) -> None:
        """Work until ``stop``."""
        self.log.info("daemon.started", holder=self.lease.holder, interval=self.setup.interval)
        self._jobs.start()
        try:
            while not self._stop.is_set():
                self._turn()
                self._stop.wait(min(TURN, self.setup.lease / 6))
        finally:
            self.log.info("daemon.stopping", busy=self._jobs.busy)
            self._jobs.pause()
            while self._jobs.busy:
                self._keep_lease()
                threading.Event().wait(0.05)
            self._jobs.stop()
            self._release()
            self.log.info("daemon.stopped")

    # --- on the main thread: settings, lease, clock ---

    def _turn(self) -> None:
        self.on_turn()
        if self.metrics is not None:
            self.metrics.leader.set(self.lease.held)
        if self._reload.is_set():
            self._reload.clear()
            self._read_settings()
        if self._yield.is_set():
            self._yield.clear()
            self._release()
            self._not_before = uptime() + self.setup.interval
        if self._passed_first.is_set():
            self._passed_first.clear()
            self._jobs.run_now()
        self._keep_lease()
        late = self._jobs.catch_up()
        if late:
            self.log.warning("clock.set_back", jobs=late)

    def _keep_lease(self) -> None:
        now = uptime()
        try:
            if self.lease.epoch:
                if now - self._renewed >= self.setup.lease / 3 and not self._stalled(now):
                    self._renewed = now
                    if not self.lease.renew(self._jobs.listed()):
                        self.log.warning("lease.lost", epoch=self.lease.epoch)
                        self.lease.release()
            elif now >= self._not_before and not self._stop.is_set() and not self._jobs.busy:
                self._not_before = now + min(1.0, self.setup.lease / 3)
                self._acquire()
        except PermitsError as problem:
            self.log.error("lease.failed", code=problem.code, reason=problem.message)

    def _acquire(self) -> None:
        if not self.lease.acquire():
            if not self._standing_by:
                self._standing_by = True
                self.log.info("lease.standby")
            return
        self._standing_by, self.last = False, None
        self._progress = uptime()
        self.log.info("lease.acquired", epoch=self.lease.epoch)
        self._jobs.run_now("pass")
        self._renewed = self._progress - self.setup.lease  # the next turn writes the list of jobs

    def _stalled(self, now: float) -> bool:
        """Return whether a duty hangs: then the lease runs out, and another process takes over."""
        if not self._jobs.busy or now - self._progress < STALLED:
            return False
        self.log.error("pass.stalled", seconds=round(now - self._progress))
        return True

    def _release(self) -> None:
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
        self._jobs.change(self._duties())
        self.log.info("settings.reloaded", interval=self.setup.interval)

    # --- on the worker thread: duties ---

    def _duties(self) -> dict[str, Duty]:
        setup, soon = self.setup, min(self.setup.interval, SOON)
        duties = {
            "pass": Duty(setup.interval, self._pass),
            "delivery": Duty(soon, partial(self._send, "delivery", ("due", "sending"))),
            "retry": Duty(soon, partial(self._send, "retry", ("failed",))),
        }
        if setup.routes.digests and setup.routes.offices:
            duties["digest"] = Duty(setup.interval, self._digest)
        if setup.heartbeat is not None:
            duties["heartbeat"] = Duty(setup.interval, self._heartbeat)
        if setup.checkpoints is not None:
            duties["checkpoint"] = Duty(min(setup.interval, setup.checkpoint_every), self._checkpoint)
        return {name: duty._replace(do=partial(self._run, name, duty.do)) for name, duty in duties.items()}

    def _run(self, name: str, do: Callable[[], None]) -> None:
        """Run a duty if this process holds the lease; all but the pass need a pass that went well before."""
        if not self._may_continue() or (name != "pass" and (self.last is None or self.trouble)):
            return
        try:
            do()
        except PermitsError as problem:
            self._refused(name, problem)
        except Exception as problem:
            frames = extract_tb(problem.__traceback__)
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
            # The error's own text may be personal; type and place are enough to find it.
            self._failed(name, "crashed", f"{type(problem).__name__} at {place}")
            self.log.error(f"{name}.crashed", error=type(problem).__name__, place=place)
        else:
            self._released.discard(name)

    def _pass(self) -> None:
        started = uptime()
        report = run_pass(self.context, self.setup.routes, limits=self._limits("pass"), digests=False)
        seconds = round(uptime() - started, 3)
        first, plain = self.last is None, report.to_dict()
        if report.unavailable or report.parked:
            self.log.warning("pass.done", seconds=seconds, **plain)
        elif plain.keys() > {"on", "files"} or first or self.trouble:
            self.log.info("pass.done", seconds=seconds, **plain)
        self.last, self.trouble = report, None
        if first:
            self._passed_first.set()
        if self.metrics is not None:
            self.metrics.passed(report, seconds)

    def _send(self, name: str, states: Sequence[str]) -> None:
        """Send notices that became ready since the last pass, which sends those in any state."""
        report = send_open(self.context, self.setup.routes, states, self._limits(name))
        if report.notices:
            self.log.info(f"{name}.done", **report.to_dict())
        if self.metrics is not None:
            self.metrics.sent(report)

    def _digest(self) -> None:
        result = send_digests(self.context, self.setup.routes, self._limits("digest"))
        if result.failed:
            self.log.warning("digest.done", digests=result.sent, undigested=result.failed)
        elif result.sent:
            self.log.info("digest.done", digests=result.sent)

    def _heartbeat(self) -> None:
        assert self.setup.heartbeat is not None
        missed = outside.beat(self.setup.heartbeat)
        if missed is not None:
            self.log.warning("heartbeat.missed", reason=missed)

    def _checkpoint(self) -> None:
        """Sign and post a checkpoint when one is due; one that was not received is posted again."""
        where = self.setup.checkpoints
        assert where is not None
        try:
            if self._unposted is not None:
                posted = outside.post_checkpoint(where, self._unposted.size, self._unposted.note)
            elif outside.checkpoint_due(self.context, self.setup.checkpoint_every):
                posted = outside.take_checkpoint(self.context, where, self._may_continue)
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

    def _refused(self, name: str, problem: PermitsError) -> None:
        self._failed(name, problem.code.partition(".")[2], problem.message)
        if problem.code == "scheduler.braked":
            self.log.error(f"{name}.braked", reason=problem.details.get("reason"), message=problem.message)
            # A process with a better clock, or a human with --release, must be able to take the lease.
            self._yield.set()
        elif problem.code == "scheduler.lease_lost":
            self.log.warning("lease.lost", epoch=self.lease.epoch)
        else:
            self.log.error(f"{name}.failed", code=problem.code)

    def _failed(self, name: str, result: str, trouble: str) -> None:
        self.trouble = trouble
        if self.metrics is not None and name == "pass":
            self.metrics.failed(result)

    def _limits(self, name: str) -> Limits:
        return Limits(self.lease.write, self._may_continue, self.setup.brake, name in self._released)

    def _may_continue(self) -> bool:
        self._progress = uptime()
        return not self._stop.is_set() and self.lease.held


def once(
    context: Context,
    setup: Setup,
    *,
    holder: str,
    on: date | None = None,
    release: bool = False,
    stop: threading.Event | None = None,
) -> Pass:
    """Run one pass under the lease.

    Raises ``scheduler.busy`` where a daemon runs, ``scheduler.braked`` unless released.
    """
    stopping = stop or threading.Event()
    with _renewed(taken(context.database, holder, setup.lease)) as lease:
        limits = Limits(
            lease.write, lambda: not stopping.is_set() and lease.held, setup.brake, released=release
        )
        return run_pass(context, setup.routes, on=on, limits=limits)


@contextmanager
def _renewed(lease: Lease) -> Iterator[Lease]:
    """Yield the lease, renew it on another thread meanwhile, and release it after."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(lease.seconds / 3):
            try:
                if not lease.renew():
                    return
            except PermitsError:
                continue  # the pass itself meets the same error and reports it

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
