"""The demo's days, one after the other: commands of the day, then a pass of the scheduler."""

from __future__ import annotations

import gc
import math
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any, Protocol

import msgspec

from permits_engine.cli.demo import families
from permits_engine.cli.demo.applicants import applicants
from permits_engine.cli.demo.calendar import Diary, days
from permits_engine.cli.demo.summary import Account, tell
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
from permits_engine.scheduler.delivery.channel import Channel
from permits_engine.scheduler.delivery.counter import CounterChannel
from permits_engine.scheduler.delivery.folder import FolderChannel
from permits_engine.scheduler.delivery.routing import Routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.clock import FakeClock

FIRST, LAST = date(2014, 1, 2), date(2018, 3, 31)
MARKER = ".permits-demo"
MOST = 10
"""Ten times the published size is as much as anyone needs to try."""


class Post(Routes):
    """Reminders and lapses become letters, the rest is served at the counter; the story reads along."""

    def __init__(self, mail: Path, diary: Diary, letters: Counter[str]) -> None:
        # What is sent is synthetic: losing the last letters to a power cut loses nothing.
        folder = FolderChannel(mail, "prefecture@example.org", fsync=False)
        counter = CounterChannel()
        super().__init__(counter, counter, {"renewal_reminder": folder, "title_lapsed": folder})
        self.diary = diary
        self.today = FIRST
        self.letters = letters

    def channel(self, row: Any) -> Channel:
        """The channel of a message that goes out; the holder reads a reminder."""
        if row["kind"] == "renewal_reminder":
            self.diary.letter(row["permit_id"], row["due_on"], self.today)
        if row["kind"] in self.kinds:
            self.letters[f"{row['kind']}/{row['language']}"] += 1
        return super().channel(row)


def run_demo(*, scale: float = 0.1, seed: int = 2014, out: Path) -> dict[str, Any]:
    """Replay the operation into a fresh folder and tell what happened; gives the account and its lines.

    Raises ``input.invalid`` for a scale, a seed or a folder that cannot be used.
    """
    _check(scale, seed, out)
    started = time.perf_counter()
    clock = FakeClock()
    clock.at(FIRST - timedelta(days=1))
    with Engine.initialise(
        f"sqlite:///{out / 'permits.db'}",
        clock=clock,
        simulated=True,
        operator="demo",
        random=Random(seed).randbytes,
        keys=out / "permits.keys",
    ) as engine:
        # What is loaded by now stays: the collector need not look at it again and again.
        gc.freeze()
        account = replay(engine, clock, scale, seed, out / "mail")
        account.seconds = round(time.perf_counter() - started, 1)
        account.peak_mb = _peak()
        told = tell(engine, account, out, families.live(out, seed))
    plain: dict[str, Any] = msgspec.to_builtins(account)
    return plain | {"told": told}


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
    """Every day of the operation: what offices and holders do, then a pass of the scheduler."""
    # The story is written for the country's working days, whatever texts the store adopts later.
    calendar = compile_text(packaged("MA")).calendar
    people = applicants(scale, seed, calendar)
    diary = Diary(people, seed, calendar)
    letters: Counter[str] = Counter()
    post = Post(mail, diary, letters)
    account = Account(scale, seed, len(people))
    tally: Counter[str] = Counter()
    with _progress() as show:
        for day in days(FIRST, LAST):
            clock.at(day)
            post.today = day
            _office_hours(engine, diary, day, account, tally)
            report = run_pass(engine.context, post, on=day)
            tally.update(report.acts)
            account.messages += sum(report.notices.values())
            tally.update({f"notice.{name}": count for name, count in report.notices.items()})
            show(day)
    account.tally = dict(sorted(tally.items()))
    account.events = sum(n for name, n in tally.items() if not name.startswith("notice."))
    account.letters = dict(sorted(letters.items()))
    return account


def _office_hours(engine: Engine, diary: Diary, day: date, account: Account, tally: Counter[str]) -> None:
    """The commands of a day; what a rule refuses is counted by its code."""
    page = list(diary.page(day))
    for (command, _), answer in zip(page, engine.execute_many(page), strict=True):
        if isinstance(answer, PermitsError):
            _add(account.refused, answer.code)
            continue
        account.commands += 1
        tally.update(answer.events)
        _note(account, diary, command, day)


def _note(account: Account, diary: Diary, command: Command, day: date) -> None:
    iso = day.isoformat()
    match command:
        case LodgeApplication():
            _add(account.filed, iso)
        case RecordOpinion(favourable=True) | DecideAppeal(outcome="upheld"):
            _add(account.favourable, iso)
        case RequestRenewal():
            _add(account.requests, iso)
            diary.asked(command.permit_id, day)
        case RenewPermit():
            _add(account.renewals, iso)
    if isinstance(command, DecideAppeal):
        _add(account.rulings, command.outcome)


def _add(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _peak() -> int:
    """The largest resident size so far in megabytes; kilobytes on Linux, bytes on a Mac."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform != "darwin" else 2**20)


class _Show(Protocol):
    def __call__(self, day: date, /) -> None: ...


@contextmanager
def _progress() -> Iterator[_Show]:
    """A bar on a terminal, nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda day: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>14}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{FIRST:%B %Y}", total=(LAST - FIRST).days)
        yield lambda day: progress.update(task, completed=(day - FIRST).days, description=f"{day:%B %Y}")


__all__ = ["Account", "run_demo"]
