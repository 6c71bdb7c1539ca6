"""The demo's days, one after the other: commands of the day, then a pass of the scheduler."""

from __future__ import annotations

import hashlib
import math
import resource
import sys
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from permits_engine.demo.people import APPLICATIONS, applicants
from permits_engine.demo.story import Diary
from permits_engine.demo.telling import tell
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.engine import Engine
from permits_engine.scheduler.delivery.channel import Channel, Letter
from permits_engine.scheduler.delivery.counter import CounterChannel
from permits_engine.scheduler.delivery.folder import FolderChannel
from permits_engine.scheduler.outbox import Routes
from permits_engine.scheduler.passes import run_pass
from permits_engine.testing.clock import FakeClock

FIRST, LAST = date(2014, 1, 2), date(2018, 12, 31)
MARKER = ".permits-demo"


class Post(Routes):
    """Reminders and lapses become letters, the rest is served at the counter; the story reads along."""

    def __init__(self, mail: Path, diary: Diary) -> None:
        self.folder = FolderChannel(mail, "prefecture@example.org", fsync=False)
        counter = CounterChannel()
        super().__init__(counter, counter, {"renewal_reminder": self.folder, "title_lapsed": self.folder})
        self.diary = diary
        self.today = FIRST
        self.letters = 0

    def channel(self, row: Any) -> Channel:
        """The channel of a message; a reminder is noted in the diary."""
        if row["kind"] == "renewal_reminder" and row["recipient"] == "holder":
            self.diary.letter(row["permit_id"], self.today)
        if row["kind"] in self.kinds:
            self.letters += 1
        return super().channel(row)


def run_demo(*, scale: float = 0.1, seed: int = 2014, out: Path) -> dict[str, Any]:
    """Replay the operation into a fresh folder and tell what happened; gives the account."""
    _check(scale, seed, out)
    started = time.perf_counter()
    clock = FakeClock()
    clock.at(FIRST - timedelta(days=1))
    store = f"sqlite:///{out / 'permits.db'}"
    random = Random(seed)
    with Engine.initialise(
        store,
        clock=clock,
        simulated=True,
        operator="demo",
        random=random.randbytes,
        keys=out / "permits.keys",
    ) as engine:
        account = _replay(engine, clock, scale, seed, out)
        account["seconds"] = round(time.perf_counter() - started, 1)
        account["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        account["told"] = tell(engine, account, out)
    return account


def _check(scale: float, seed: int, out: Path) -> None:
    if not math.isfinite(scale) or not 0 < scale <= 10:
        raise invalid("--scale", "is not a number above 0 and up to 10; 1 is the published size")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise invalid("--out", f"{out} has files in it; name a new or empty folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / MARKER).write_text(
            "made by permits demo; make demo may replace this folder\n", encoding="utf-8"
        )
    except OSError as problem:
        raise invalid("--out", f"{out}: {problem.strerror}") from None


def _replay(engine: Engine, clock: FakeClock, scale: float, seed: int, out: Path) -> dict[str, Any]:
    diary = Diary(seed)
    people = list(applicants(scale, seed))
    for who in people:
        diary.open_file(who, seed)
    post = Post(out / "mail", diary)
    tally: Counter[str] = Counter()
    weeks: Counter[str] = Counter()
    show = _progress()
    for day in diary.days(FIRST, LAST):
        clock.at(day)
        post.today = day
        page = diary.page(day)
        for result in engine.execute_many(page):
            if isinstance(result, PermitsError):
                tally[f"refused: {result.code}"] += 1
            else:
                tally["commands"] += 1
                tally["events"] += len(result.events)
                for name in result.events:
                    tally[name] += 1
                    if name == "permit.renewal_requested":
                        weeks[_week(day)] += 1
        report = run_pass(engine, post, on=day)
        for name, count in report.acts.items():
            tally[name] += count
            tally["events"] += count
        for name, count in report.notices.items():
            tally[f"notice.{name}"] += count
        show(day)
    show(None)
    return {
        "scale": scale,
        "seed": seed,
        "applications": len(people),
        "published": APPLICATIONS,
        "tally": dict(sorted(tally.items())),
        "renewals_by_week": dict(sorted(weeks.items())),
        "letters": post.letters,
        "fingerprint": fingerprint(engine),
    }


def fingerprint(engine: Engine) -> str:
    """SHA-256 over what the history says in clear, in order: equal for equal seeds (sealed fields differ)."""
    from permits_engine.store import codec, history

    digest = hashlib.sha256()
    position = 0
    while True:
        with engine.database.read() as unit:
            records = history.after(unit, position, 1000)
        if not records:
            return digest.hexdigest()
        for record in records:
            event = codec.decode(record.name, record.payload)
            fields = [getattr(event, n) for n in event.__struct_fields__ if n not in {"sealed", "text"}]
            digest.update(
                f"{record.position} {record.stream} {record.version} {record.name} {fields}".encode()
            )
        position = records[-1].position


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def _progress() -> Any:
    if not sys.stderr.isatty():
        return lambda day: None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.start()
    task = bar.add_task("2014", total=(LAST - FIRST).days)

    def show(day: date | None) -> None:
        if day is None:
            bar.stop()
        else:
            bar.update(task, completed=(day - FIRST).days, description=f"{day:%B %Y}")

    return show


__all__ = ["Letter", "run_demo"]
