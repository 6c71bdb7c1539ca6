"""The demo's days, one after the other: the commands of the day, then a pass of the scheduler."""

from __future__ import annotations

import gc
import math
import resource
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Annotated, Any

from permits_engine.audit.sums import tally as count_one
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.demo import families
from permits_engine.cli.demo.applicants import applicants
from permits_engine.cli.demo.calendar import Diary, days
from permits_engine.cli.demo.summary import Account, summarise
from permits_engine.cli.options import option
from permits_engine.cli.output import bar
from permits_engine.commands import (
    Command,
    DecideAppeal,
    LodgeApplication,
    RecordOpinion,
    RenewPermit,
    RequestRenewal,
)
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.engine import Engine
from permits_engine.policies.loading import compile_text, packaged
from permits_engine.scheduler.delivery.channel import Channel, CounterChannel
from permits_engine.scheduler.delivery.folder import FolderChannel
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.clock import FakeClock

FIRST, LAST = date(2014, 1, 2), date(2018, 3, 31)
MARKER = ".permits-demo"
MOST = 10
"""The largest scale."""


class DemoRoutes(Routes):
    """Reminders and lapses become letters, which holders read; other messages are served at the counter."""

    def __init__(self, mail: Path, diary: Diary, letters: Counter[str]) -> None:
        # The letters are synthetic: losing the last ones to a power cut does no harm.
        folder = FolderChannel(mail, "prefecture@example.org", fsync=False)
        counter = CounterChannel()
        super().__init__(counter, counter, {"renewal_reminder": folder, "title_lapsed": folder})
        self.diary = diary
        self.today = FIRST
        self.letters = letters

    def channel(self, row: Any) -> Channel:
        """Return the channel of a message; tell the diary of a reminder, which the holder reads."""
        if row["kind"] == "renewal_reminder":
            self.diary.letter(row["permit_id"], row["due_on"], self.today)
        if row["kind"] in self.kinds:
            self.letters[f"{row['kind']}/{row['language']}"] += 1
        return super().channel(row)


def run_demo(*, scale: float = 0.1, seed: int = 2014, out: Path) -> tuple[Account, list[str]]:
    """Replay the operation into a new folder; return the account, and its lines for people.

    Raises ``input.invalid`` for a scale, a seed or a folder that cannot be used.
    """
    _check(scale, seed, out)
    started = time.perf_counter()
    clock = FakeClock(time_zone=families.TIME_ZONE)
    clock.at(FIRST - timedelta(days=1))
    with Engine.initialise(
        f"sqlite:///{out / 'permits.db'}",
        clock=clock,
        simulated=True,
        operator="demo",
        random=Random(seed).randbytes,
        keys=out / "permits.keys",
    ) as engine:
        # What is loaded by now stays: the collector need not visit it again.
        gc.freeze()
        account = replay(engine, clock, scale, seed, out / "mail")
        account.seconds = round(time.perf_counter() - started, 1)
        account.peak_mb = _peak()
        return account, summarise(engine, account, out, families.play(out, seed))


def _check(scale: float, seed: int, out: Path) -> None:
    if not math.isfinite(scale) or not 0 < scale <= MOST:
        raise invalid("scale", f"is not a number above 0 and up to {MOST}; 1 is the published size")
    if not 0 <= seed < 2**63:
        raise invalid("seed", "is not a whole number from 0 on; the same seed gives the same history")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise invalid("out", f"{out} has files in it; name a new or empty folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MARKER).write_text(
            "made by permits demo; make demo may replace this folder\n", encoding="utf-8"
        )
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise invalid("out", f"{out}: {reason}") from None


def replay(engine: Engine, clock: FakeClock, scale: float, seed: int, mail: Path) -> Account:
    """Play every day of the operation: what offices and holders do, then a pass of the scheduler."""
    # Its days are the country's working days by the packaged policy, whatever the store adopts later.
    calendar = compile_text(packaged("MA")).calendar
    people = applicants(scale, seed, calendar)
    diary = Diary(people, seed, calendar)
    letters: Counter[str] = Counter()
    routes = DemoRoutes(mail, diary, letters)
    account = Account(scale, seed, len(people))
    tally: Counter[str] = Counter()
    with bar(f"{FIRST:%B %Y} to {LAST:%B %Y}") as progress:
        for day in days(FIRST, LAST):
            clock.at(day)
            routes.today = day
            _office_hours(engine, diary, day, account, tally)
            report = run_pass(engine.context, routes, on=day)
            tally.update(report.acts)
            account.messages += sum(report.notices.values())
            tally.update({f"notice.{name}": count for name, count in report.notices.items()})
            if progress:
                progress((day - FIRST).days, (LAST - FIRST).days)
    account.tally = dict(sorted(tally.items()))
    account.events = sum(n for name, n in tally.items() if not name.startswith("notice."))
    account.letters = dict(sorted(letters.items()))
    return account


def _office_hours(engine: Engine, diary: Diary, day: date, account: Account, tally: Counter[str]) -> None:
    """Give the commands of a day; count what a rule refuses by its code."""
    page = list(diary.page(day))
    for (given, _), outcome in zip(page, engine.execute_many(page), strict=True):
        if isinstance(outcome, PermitsError):
            count_one(account.refused, outcome.code)
            continue
        account.commands += 1
        tally.update(outcome.events)
        _note(account, diary, given, day)


def _note(account: Account, diary: Diary, command: Command, day: date) -> None:
    iso = day.isoformat()
    match command:
        case LodgeApplication():
            count_one(account.filed, iso)
        case RecordOpinion(favourable=True) | DecideAppeal(outcome="upheld"):
            count_one(account.favourable, iso)
        case RequestRenewal():
            count_one(account.requests, iso)
            diary.asked(command.permit_id, day)
        case RenewPermit():
            count_one(account.renewals, iso)
    if isinstance(command, DecideAppeal):
        count_one(account.rulings, command.outcome)


def _peak() -> int:
    """Return the largest resident size so far in megabytes; the system counts in KiB on Linux, in bytes on a Mac."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform != "darwin" else 2**20)


@command("demo", "permits demo", "permits demo --scale 1 --seed 7 --out demo")
def demo(
    scale: Annotated[float, option("--scale", "F", "Share of the published size.", min=0, max=10)] = 0.1,
    seed: Annotated[int, option("--seed", "N", "The same seed gives the same history.")] = 2014,
    out: Annotated[Path, option("--out", "DIR", "A folder that is empty or not there.")] = Path(
        "permits-demo"
    ),
) -> Answer:
    """Replay the operation of 2014 at scale.

    From filing to the three-year card, end to end, into a store of its own.
    """
    account, lines = run_demo(scale=scale, seed=seed, out=out)
    return answer(account, *lines)


__all__ = ["Account", "run_demo"]
