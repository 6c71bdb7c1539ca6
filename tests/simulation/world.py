"""A world: three offices, their holders, a mail server, two daemons, one clock, and what goes wrong."""

import hashlib
import heapq
import json
import re
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from permits_engine.application.outcome import Outcome
from permits_engine.commands import parse
from permits_engine.domain.errors import CODES, PermitsError
from permits_engine.domain.events import Actor
from permits_engine.policies.loading import packaged
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.notices.bounce import Bounce
from permits_engine.store.log.signing_keys import SigningKeys
from tests.simulation.chance import Chance
from tests.simulation.invariants import Invariants, require
from tests.simulation.people import OFFICES, Society
from tests.simulation.post import MOODS, Disk, Server
from tests.simulation.scheduling import ZONE, Passes
from tests.simulation.storage import Crash, Locks, Process, new_store

STARTS = tuple(
    date.fromisoformat(day)
    for day in (
        "2014-01-06",
        "2014-09-01",
        "2015-02-02",
        "2016-11-28",
        "2017-03-01",
        "2019-10-07",
        "2020-09-21",
        "2023-05-08",
    )
)
"""Days on which a short world may begin: the law is another one after each."""
KEPT = 14
"""Lines of the trace that a failure shows."""


class World(Passes):
    """One run. ``days`` is how long it lasts, ``holders`` how many people it has."""

    def __init__(
        self, seed: int, folder: Path, *, days: int, holders: int, start: date | None = None
    ) -> None:
        self.chance = Chance(seed)
        self.days = days
        self.start = start or self.chance.one(STARTS)
        self.today = self.start
        self.now = datetime.combine(self.start, time(7, 30), ZONE).astimezone(UTC)
        self.wrong = timedelta()
        """How far the machine's clock is off."""
        self.path = new_store(folder)
        self.folder = folder / "letters"
        self.disk = Disk()
        self.locks = Locks()
        signing = SigningKeys(None, in_memory=True)
        self.portal, self.daemon, self.second = (
            Process(name, self.path, self.clock, self.chance, signing)
            for name in ("portal", "daemon", "second")
        )
        self.trace: deque[str] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self._told = hashlib.sha256()
        self._agenda: list[tuple[date, int, Callable[[], None]]] = []
        self._order = count()
        self._numbers = count(1)
        self._done: list[tuple[Any, Actor, Outcome]] = []
        self._bounced: list[tuple[str, str]] = []
        self._no_pass_until = self.start
        self._mail = Server("smtp", "email", self.chance, self._leaves, idempotent=True)
        self._texts = Server("sms", "phone", self.chance, self._leaves, idempotent=False)
        self.servers = (self._mail, self._texts)
        self.invariants = Invariants(self)
        self.society = Society(self, holders, self.start)
        self._quarter = self.start

    # --- time ---

    def clock(self) -> datetime:
        """What the machine's clock says."""
        return self.now + self.wrong

    def at(self, hour: int, minute: int = 0) -> None:
        """Later on the same day."""
        self.now = max(self.now, datetime.combine(self.today, time(hour, minute), ZONE).astimezone(UTC))

    def later(self, days: int, do: Callable[[], None]) -> None:
        """Put something on the agenda."""
        heapq.heappush(self._agenda, (self.today + timedelta(days=days), next(self._order), do))

    def tell(self, what: str) -> None:
        """Note what happened: it is part of the run's digest."""
        line = f"{self.clock():%Y-%m-%d %H:%M:%S} {what}"
        self.trace.append(line)
        self._told.update(line.encode())

    # --- a run ---

    def run(self) -> str:
        """Live every day; gives the digest of all that was recorded, sent and told."""
        for _ in range(self.days):
            self.day()
        self.now += timedelta(minutes=1)
        self.invariants.all(self._quarter, self.today - timedelta(days=1))
        for row in self.invariants.rows():
            self._told.update(repr(row).encode())
        for server in self.servers:
            self._told.update(repr(server.taken).encode())
        return self._told.hexdigest()

    def close(self) -> None:
        """End every process."""
        for process in (self.portal, self.daemon, self.second):
            process.end()
        self.invariants.eye.close()

    def day(self) -> None:
        """One day: the morning's pass, office hours, what goes wrong, and the look at everything at night."""
        chance = self.chance
        self.now = datetime.combine(self.today, time(7, 30), ZONE).astimezone(UTC)
        for server in self.servers:
            server.mood = chance.weighted(MOODS) if chance.happens(0.5) else MOODS[0][0]
        self.disk.full = chance.happens(0.03)
        if chance.happens(0.004):
            self._no_pass_until = self.today + timedelta(days=chance.between(2, 40))
            self.tell("the daemon's machine is down")
        if chance.happens(0.01):
            self.jump()
        self.at(9, 5)
        if self.today >= self._no_pass_until and self.scheduled():
            self.invariants.receipts()
        self.at(10)
        while self._agenda and self._agenda[0][0] <= self.today:
            self.now += timedelta(seconds=chance.between(5, 300))
            heapq.heappop(self._agenda)[2]()
        if chance.happens(0.15):
            self.society.stray()
        if chance.happens(0.05):
            self.again()
        if chance.happens(0.004):
            self.adopt()
        self.operator()
        if chance.happens(0.1):
            self.at(21)  # quiet hours
            if self.today >= self._no_pass_until:
                self.scheduled()
        self.invariants.day()
        self.counts["days"] += 1
        self.today += timedelta(days=1)
        if (self.today - self._quarter).days >= 91:
            self.invariants.all(self._quarter, self.today - timedelta(days=2))
            self._quarter = self.today - timedelta(days=1)

    # --- officers at the portal ---

    def act(self, name: str, fields: dict[str, Any], actor: Actor) -> Outcome | None:
        """One command as a portal gives it: it may be lost on its way, its answer too, and then it is repeated."""
        chance, head = self.chance, self.invariants.head
        if chance.happens(0.01):
            self.tell(f"{name} was lost on its way")
            return None
        command = parse(name, {**fields, "command_id": f"c-{next(self._numbers)}"})
        faults = self.portal.faults
        faults.doing = "a command"
        if chance.happens(0.03):
            faults.plan(1, after=chance.happens(0.5))
        before, crashed = head(), False
        while True:
            try:
                outcome = self.portal.engine.execute(command, actor=actor)
            except Crash as crash:
                self.portal.end()
                crashed = True
                self.tell(f"{name}: {crash}")
                continue
            except PermitsError as refused:
                faults.clear()
                require(refused.code in CODES and bool(refused.message), f"{refused!r} is not documented")
                require(refused.code not in WRONG, f"{name} by {actor.role}: {refused}")
                require(head() == before, f"{name} was refused and left a trace: {refused}")
                self.counts[f"refused {refused.code}"] += 1
                self.tell(f"{name} by {actor.role}: {refused.code}")
                return None
            break
        faults.clear()
        committed = crashed and head() > before and outcome.replayed
        require(outcome.replayed == committed, f"{name} was carried out twice")
        require(head() >= before + len(outcome.events), f"{name} acknowledged, not recorded")
        self.tell(f"{name} by {actor.role} on {outcome.permit_id or outcome.holder_id}: {outcome.events}")
        self.counts["commands"] += 1
        if len(self._done) < 40 or chance.happens(0.05):
            self._done.append((command, actor, outcome))
        if chance.happens(0.04):
            self.again(-1)
        return outcome

    def again(self, which: int | None = None) -> None:
        """A command comes a second time, long after its first or at once: the same outcome and nothing more."""
        if not self._done:
            return
        command, actor, first = self._done[which] if which is not None else self.chance.one(self._done)
        before = self.invariants.head()
        second = self.portal.engine.execute(command, actor=actor)
        same = (first.permit_id, first.holder_id, first.version, first.events)
        found = (second.permit_id, second.holder_id, second.version, second.events)
        require(second.replayed and found == same, f"{command.name} repeated: {found}, first {same}")
        require(self.invariants.head() == before, f"{command.name} repeated left a trace")
        self.counts["repeated commands"] += 1

    def view(self, permit_id: str) -> Any:
        """The file as an officer sees it."""
        return self.portal.engine.permit(permit_id)

    # --- operators ---

    def adopt(self) -> None:
        """A policy is adopted, with another comment or with one reminder more."""
        text = packaged("MA")
        if self.chance.happens(0.5):
            text = re.sub(r"\[P90D,", "[P120D, P90D,", text, count=1)
        text += f"# edition {self.today}\n"
        faults = self.portal.faults
        faults.doing = "an adoption"
        if self.chance.happens(0.3):
            faults.plan(1, after=self.chance.happens(0.5))
        while True:
            try:
                ((_, digest, new),) = self.portal.engine.policies.adopt(text)
            except Crash:
                self.portal.end()
                continue
            break
        faults.clear()
        self.counts["adoptions"] += 1
        self.tell(f"a policy was adopted: {digest[:12]} {new}")

    def operator(self) -> None:
        """Letters that came back are reported (twice), and parked ones are seen to."""
        for notice_id, identity in self._bounced:
            report = Bounce(notice_id, identity, "failed", "5.1.1", "550 5.1.1 unknown")
            for _ in range(2):
                self._try("a bounce", lambda r=report: self.portal.engine.notices.bounced(r))
        self._bounced.clear()
        if self.chance.happens(0.004):
            office = self.chance.one(OFFICES)
            self._try(
                "a pause", lambda: self.portal.engine.notices.pause(office, by="op", reason="moving house")
            )
            days = self.chance.between(1, 25)
            self.later(
                days,
                lambda: self._try("a resumption", lambda: self.portal.engine.notices.resume(office, by="op")),
            )
            self.counts["pauses of an office"] += 1
        if not self.chance.happens(0.03):
            return
        rows = self.invariants.eye.execute(
            "SELECT notice_id FROM notices WHERE state = 'parked' ORDER BY notice_id"
        ).fetchall()
        for (notice_id,) in rows:
            if self.chance.happens(0.5):
                if self._try("a retry", lambda n=notice_id: self.portal.engine.notices.retry(n, by="op")):
                    for server in self.servers:
                        server.may_repeat[notice_id] += 1
            else:
                self._try("a service", lambda n=notice_id: self.portal.engine.notices.served(n, by="op"))

    def _try(self, what: str, do: Callable[[], Any]) -> bool:
        faults = self.portal.faults
        faults.doing = what
        if self.chance.happens(0.05):
            faults.plan(1, after=self.chance.happens(0.5))
        crashed = False
        for _ in range(2):
            try:
                do()
            except Crash as crash:
                self.portal.end()
                self.tell(f"{what}: {crash}")
                crashed = True
                continue
            except PermitsError as refused:
                twice = refused.code == "input.invalid" and what in {"a pause", "a resumption"}
                require(twice or refused.code == "transition.not_allowed", f"{what}: {refused}")
                faults.clear()
                return crashed  # it was carried out before the crash
            faults.clear()
            self.tell(what)
            return True
        return True

    def _leaves(self, channel: str, letter: Letter) -> None:
        """A letter arrives at a server."""
        self.counts[f"letters by {channel}"] += 1
        self.invariants.letter_leaves(channel, letter)
        if "bounces-later" in (letter.to_address or "") or ".bounces" in (letter.to_address or ""):
            self._bounced.append((letter.notice_id, f"<{letter.notice_id}@example.org>"))

    def summary(self) -> str:
        """What happened, counted."""
        crashes: Counter[str] = Counter()
        for process in (self.portal, self.daemon, self.second):
            crashes += process.faults.crashes
        for server in self.servers:
            self.counts.update({f"letters that {server.name} {mood}": n for mood, n in server.bad.items()})
            server.bad.clear()
        if self.disk.refused:
            self.counts["writes that a full disk refused"] = self.disk.refused
        both = {**self.counts, **{f"crash {k}": v for k, v in crashes.items()}}
        return json.dumps(dict(sorted(both.items())))


WRONG = frozenset({"store.unavailable", "store.not_initialised", "integrity.broken", "concurrency.conflict"})
"""Codes that no portal of this world should ever see."""
