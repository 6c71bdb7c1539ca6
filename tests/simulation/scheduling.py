"""Two daemons, their passes, what comes between a commit and a letter, and clocks that are set wrong."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from permits_engine.domain import legal_time
from permits_engine.domain.errors import PermitsError
from permits_engine.scheduler.daemon.daemon import Setup, once
from permits_engine.scheduler.delivery.folder import FolderChannel
from permits_engine.scheduler.delivery.routing import Routes
from tests.simulation.chance import Chance
from tests.simulation.invariants import Invariants, require
from tests.simulation.people import OFFICES, Society
from tests.simulation.post import SENDER, Server
from tests.simulation.storage import Crash, Locks, Process

if TYPE_CHECKING:
    from collections.abc import Callable

ZONE = legal_time.zone("Africa/Casablanca")


class Passes:
    """The part of a world in which daemons work."""

    chance: Chance
    path: Path
    folder: Path
    today: date
    now: datetime
    wrong: timedelta
    daemon: Process
    second: Process
    locks: Locks
    servers: tuple[Server, ...]
    invariants: Invariants
    society: Society
    counts: Counter[str]
    clock: Callable[[], datetime]
    at: Callable[..., None]
    tell: Callable[[str], None]
    _mail: Server
    _texts: Server
    _braked = False
    _came = False
    """Whether someone came to the counter during the pass: then the day is proved."""

    def setup(self, brake: int | None = None) -> Setup:
        """What the daemon's settings say."""
        offices = {code: f"{code.lower()}@example.org" for code in OFFICES}
        channel = FolderChannel(self.folder, SENDER, fsync=False)
        routes = Routes((self._mail, self._texts), channel, offices=offices, digests=True)
        return Setup(routes, interval=60.0, lease=30.0, brake=brake)

    def scheduled(self) -> bool:
        """The passes of a morning, as often as it takes after crashes; whether one came to its end."""
        chance, faults = self.chance, self.daemon.faults
        if chance.happens(0.06):
            faults.plan(chance.between(1, 6), after=chance.happens(0.5))
        if chance.happens(0.1):
            faults.then = self._meanwhile
        if chance.happens(0.06):
            self._mail.meanwhile = self._rival
        for attempt in range(6):
            done = self.one_pass(self.daemon, released=attempt > 0 and self._braked)
            if done:
                faults.clear()
                self._mail.meanwhile = None
                return True
            self.now += timedelta(minutes=7)
            if chance.happens(0.1):
                break  # no one restarts it today
        faults.clear()
        self._mail.meanwhile = None
        return False

    def one_pass(self, process: Process, *, released: bool = False, brake: int | None = None) -> bool:
        """One pass by a daemon; its crash is the end of that process."""
        process.faults.doing = "a pass"
        for server in self.servers:
            server.crash = process.faults.crash
        before, self._braked = self.invariants.head(), False
        self._came = False
        ahead = self._machine_day() > self._known() + timedelta(days=1)
        taken = [len(server.taken) for server in self.servers]
        outer, self.locks.owner = self.locks.owner, process.name
        try:
            report = once(process.engine.context, self.setup(brake), holder="daemon", release=released)
        except Crash as crash:
            self._died(process, taken)
            self.tell(f"a pass: {crash}")
            return False
        except PermitsError as refused:
            self.tell(f"a pass: {refused.code} {refused.details.get('reason', '')}")
            self.counts[f"pass {refused.code} {refused.details.get('reason', '')}".strip()] += 1
            if refused.code == "scheduler.braked":
                require(not released, f"a released pass was braked: {refused}")
                self._reason(refused.details["reason"])
                self._braked = True
            else:
                require(refused.code in {"scheduler.lease_lost", "scheduler.busy"}, f"a pass: {refused}")
                self._unrecorded(taken)
            return False
        finally:
            self.locks.owner = outer
        self.counts["passes"] += 1
        if report.unproven:
            require(
                self.invariants.head() == before,
                "a pass under a clock that nothing proves recorded something",
            )
            return not self.wrong
        require(not ahead or released or self._came, "a pass under a clock that leapt was believed")
        told = {k: v for k, v in {**report.acts, **report.notices, "parked": report.parked}.items() if v}
        if told:
            self.tell(f"a pass: {told}")
        require(report.parked == 0, "a pass has set a file aside")
        return True

    def _machine_day(self) -> date:
        return self.clock().astimezone(ZONE).date()

    def _known(self) -> date:
        """The last day on which something was recorded, or a pass came to its end."""
        return datetime.fromtimestamp(self.invariants.known() / 1e6, UTC).astimezone(ZONE).date()

    def _reason(self, reason: str) -> None:
        """The brake holds for what is wrong, and for nothing else."""
        known, day = self._known(), self._machine_day()
        ahead, behind = day > known + timedelta(days=1), day < known
        require(
            (reason == "clock_ahead" and ahead) or (reason == "clock_behind" and behind),
            f"braked for {reason} on {day}, known until {known}",
        )

    def _died(self, process: Process, taken: list[int]) -> None:
        process.end()
        self.locks.end(process.name)
        self._unrecorded(taken)
        if self.chance.happens(0.5):
            Path(f"{self.path}-daemon").touch(mode=0o600)  # killed, a process leaves its lock's file behind

    def _unrecorded(self, taken: list[int]) -> None:
        """Letters whose outcome a pass did not record go out again, under their own names."""
        for server, first in zip(self.servers, taken, strict=True):
            for notice_id in sorted({notice_id for notice_id, _, _ in server.taken[first:]}):
                if server.idempotent and not self.invariants.sent(notice_id):
                    server.may_repeat[notice_id] += 1

    def _meanwhile(self) -> None:
        """Between the commit that claims a reminder and its letter its holder comes to the counter and asks."""
        open_ones = self.invariants.eye.execute(
            "SELECT permit_id FROM notices WHERE kind = 'renewal_reminder' AND state = 'due' ORDER BY permit_id"
        ).fetchall()
        file = self.society.files.get(open_ones[0][0]) if open_ones else None
        if file is None:
            self.daemon.faults.then = self._meanwhile  # not yet: at the next commit
            return
        self.counts["renewals between claim and letter"] += 1
        self._came = True
        self.society.renew(file, 0)

    def _rival(self) -> None:
        """While a letter is on its way another daemon starts, or takes over because the lock's file was removed."""
        stolen = self.chance.happens(0.4)
        if stolen:
            Path(f"{self.path}-daemon").unlink(missing_ok=True)
            for (notice_id,) in self.invariants.eye.execute(
                "SELECT notice_id FROM notices WHERE state <> 'sent'"
            ):
                self._mail.may_repeat[notice_id] += 1
        self.counts["rivals that took over" if stolen else "rivals turned away"] += 1
        began = self.one_pass(self.second)
        require(not began or stolen, "two daemons ran at once")

    def jump(self) -> None:
        """The machine's clock is set wrong, by days or years, until someone sees it."""
        days = self.chance.one((3, 40, 400, 3000, -2, -30, -400))
        self.wrong = timedelta(days=days)
        self.counts["clock jumps"] += 1
        self.at(8, 30)
        self.tell(f"the clock is off by {days} days")
        before, plausible = self.invariants.head(), 0 <= (self._machine_day() - self._known()).days <= 1
        self.one_pass(self.daemon)
        self.wrong = timedelta()
        require(plausible or self.invariants.head() == before, "under a wrong clock something was recorded")
