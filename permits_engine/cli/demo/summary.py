"""What the demo prints: what happened beside what was published, the cliff, and what to try next."""

from __future__ import annotations

import shlex
from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from permits_engine.cli.demo import applicants as p
from permits_engine.cli.demo import families
from permits_engine.cli.demo.applicants import APPLICATIONS

if TYPE_CHECKING:
    from permits_engine.engine import Engine

WIDTH = 40
LANGUAGES = {"ar": "Arabic", "en": "English", "es": "Spanish", "fr": "French"}


def tell(engine: Engine, account: Account, folder: Path, lives: families.Years) -> list[str]:
    """The account in lines for a person; a copy of it stays in the folder."""
    lines = [
        f"The Moroccan operation of 2014 at {account.scale:g} of its published size, seed {account.seed}. "
        "People are synthetic, totals are not.",
        *_totals(engine, account),
        *_series(account),
        *_nationalities(engine),
        *_offices(engine),
        *_instances(account),
        *_clock(account),
        *_letters(account),
        *_cliff(account),
        *_speed(account),
        *families.told(lives),
        *_next(engine, folder),
        *families.to_try(lives, shlex.quote(f"sqlite:///{(folder / families.STORE).absolute()}")),
    ]
    (folder / "account.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def _totals(engine: Engine, account: Account) -> list[str]:
    share = account.applications / account.published
    counts = _counted(engine, "sex")
    cards = sum(granted for _, granted in counts.values())
    women = counts.get("F", (0, 0))
    rows = [
        ("applications", account.applications, p.APPLICATIONS),
        ("cards given", cards, p.REGULARISED),
        ("applications of women", women[0], p.WOMEN),
        ("cards given to women", women[1], p.WOMEN),
        ("appeals dismissed", _rulings(account, "dismissed"), p.DISMISSED),
    ]
    lines = ["", f"{'':28}{'here':>9}{'published':>12}{'to scale':>11}"]
    lines += [f"{name:28}{here:>9,}{there:>12,}{there * share:>11,.0f}" for name, here, there in rows]
    rate = 100 * cards / account.applications
    return [
        *lines,
        f"{rate:.2f}% of applicants got a card. The sources differ: 23,096 of 27,649 (83.53%, 2016), to which all",
        "published breakdowns belong and which is replayed, and 23,609 (85.39%, the ministry, 2017).",
    ]


def _series(account: Account) -> list[str]:
    share = account.applications / account.published
    head = f"{'by':12}{'filed':>9}{'to scale':>10}{'favourable':>14}{'to scale':>10}"
    lines = ["", "As it went on", head]
    for row in p.figures("campaign-2014-totals"):
        day, filed, favourable = row["as_of"], int(row["applications"]), row["favourable"]
        # Of March 2014 the sources say: about 3,000 examined, 300 to 350 of them favourable.
        there = int(favourable) if favourable else p.FAVOURABLE_BY_MID_MARCH
        lines.append(
            f"{day:12}{_until(account.filed, day):>9,}{filed * share:>10,.0f}"
            f"{_until(account.favourable, day):>14,}{there * share:>10,.0f}"
        )
    return lines


def _nationalities(engine: Engine) -> list[str]:
    applied, given = (
        p.shares(f"campaign-2014-{name}-by-nationality", "iso3") for name in ("applicants", "regularised")
    )
    names = {row["iso3"]: row["nationality"] for row in p.figures("campaign-2014-regularised-by-nationality")}
    counts = _counted(engine, "nationality")
    lines = [
        "",
        "By nationality, in percent",
        f"{'':26}{'applicants':>10}{'published':>11}{'cards':>8}{'published':>11}",
    ]
    for code, name in names.items():
        lines.append(_shares(name, counts, [code], applied.get(code), given.get(code)))
    others = [code for code in counts if code not in names]
    lines.append(_shares("others (116 nationalities)", counts, others, None, None))
    return [
        *lines,
        f"The published shares of applicants name seven nationalities and add up to {sum(applied.values()):.2f};",
        f"those of cards name sixteen and add up to {sum(given.values()):.0f}. The others share out the rest.",
    ]


def _offices(engine: Engine) -> list[str]:
    published = p.shares("campaign-2014-regularised-by-prefecture", "prefecture")
    counts = _counted(engine, "prefecture")
    lines = ["", "By office, in percent", f"{'':36}{'cards':>8}{'published':>11}"]
    whole = max(1, sum(granted for _, granted in counts.values()))
    for name, share in published.items():
        here = counts.get(p.OFFICES[name], (0, 0))[1]
        lines.append(f"{name:36}{100 * here / whole:>8.1f}{share:>11.0f}")
    return [
        *lines,
        f"The thirteen published shares add up to {sum(published.values()):.0f}, although 83 offices took",
        "applications: the other seventy get none here. The sources give the region of Rabat, Sale and Kenitra 34%,",
        "and its three prefectures 38%.",
    ]


def _instances(account: Account) -> list[str]:
    upheld, dismissed = _rulings(account, "upheld"), _rulings(account, "dismissed")
    ruled = max(1, upheld + dismissed)
    return [
        "",
        "First instance and appeals",
        f"  refused by the offices{account.tally.get('permit.refused', 0):>24,}",
        f"  appeals to the national commission{account.tally.get('permit.appealed', 0):>12,}",
        f"  upheld, dismissed{upheld:>29,} and {dismissed:,}: {100 * upheld / ruled:.0f}% upheld",
        "Published: 92% upheld and 1,809 dismissed. Together they would mean 22,600 appeals, more than the 8,644",
        "files that had been refused by October 2015; the cards given and the 1,809 are kept here, the 92% is not.",
    ]


def _clock(account: Account) -> list[str]:
    tally = account.tally
    asked = sum(account.renewals.values())
    three = sum(n for day, n in account.renewals.items() if day >= p.THREE_YEARS)
    rows = [
        ("cards given", tally.get("permit.issued", 0)),
        ("receipts extended by three months", tally.get("permit.receipt_extended", 0)),
        ("renewed for a year on request, before the carry-over was announced", asked - three),
        ("carried over for a year by themselves, 2015 and 2016", tally.get("permit.renewed", 0) - asked),
        ("renewed for three years on request, 2017", three),
        ("came too late (window.closed)", account.refused.get("window.closed", 0)),
        ("lapsed", tally.get("permit.lapsed", 0)),
    ]
    lines = [f"  {name:68}{count:>9,}" for name, count in rows]
    others = sorted((code, n) for code, n in account.refused.items() if code != "window.closed")
    lines += [f"  refused with {code:55}{count:>9,}" for code, count in others]
    return ["", "What the offices and the clock did", *lines]


def _letters(account: Account) -> list[str]:
    by_language: Counter[str] = Counter()
    by_kind: Counter[str] = Counter()
    for name, count in account.letters.items():
        kind, _, language = name.partition("/")
        by_language[LANGUAGES.get(language, language)] += count
        by_kind[kind.replace("_", " ")] += count
    counter = account.tally.get("notice.sent", 0) - by_kind.total()
    return [
        "",
        "Letters, each in the holder's language",
        *(f"  {name:30}{count:>9,}" for name, count in by_language.most_common()),
        *(f"  {name:30}{count:>9,}" for name, count in by_kind.most_common()),
        f"  {'served at the counter instead':30}{counter:>9,}",
    ]


def _cliff(account: Account) -> list[str]:
    weeks: Counter[tuple[int, int]] = Counter()
    for day, count in account.requests.items():
        year, week, _ = date.fromisoformat(day).isocalendar()
        weeks[year, week] += count
    most = max(weeks.values(), default=1)
    return [
        "",
        "The renewal cliff: requests by week",
        *(
            f"  {year}-W{week:02}{count:>8,}  {'█' * max(1, round(WIDTH * count / most))}"
            for (year, week), count in sorted(weeks.items())
        ),
    ]


def _speed(account: Account) -> list[str]:
    rate = account.commands / max(account.seconds, 0.1)
    return [
        "",
        f"{account.commands:,} commands, {account.events:,} events of permits and holders and {account.messages:,} "
        f"messages in {account.seconds:.1f} s:",
        f"{rate:,.0f} commands a second with all that follows from them, peak memory {account.peak_mb} MB.",
    ]


def _next(engine: Engine, folder: Path) -> list[str]:
    store = shlex.quote(f"sqlite:///{folder.absolute() / 'permits.db'}")
    active = engine.find(status="active", limit=1)
    lapsed = engine.find(status="expired", limit=1)
    lines = ["", "Try next:", f"  export PERMITS_STORE={store}", "  permits status"]
    lines += ["  permits results --by sex,outcome", "  permits list --prefecture MA-RAB --limit 5"]
    for row in active:
        permit_id = row["permit_id"]
        lines += [
            f"  permits show {permit_id} --as-of 2016-01-01",
            f"  permits history {permit_id}",
            f"  permits explain {permit_id}",
        ]
    lines += [f"  permits show {row['permit_id']}    # this one lapsed" for row in lapsed]
    lines += ["  permits rebuild --check", f"  ls {shlex.quote(str(folder.absolute() / 'mail'))} | head -3"]
    return lines


def _shares(
    name: str,
    counts: dict[str, tuple[int, int]],
    codes: list[str],
    applied: float | None,
    given: float | None,
) -> str:
    filed, granted = (max(1, sum(each[n] for each in counts.values())) for n in (0, 1))
    here = [sum(counts.get(code, (0, 0))[n] for code in codes) for n in (0, 1)]
    first = f"{100 * here[0] / filed:>10.2f}{'-' if applied is None else f'{applied:.2f}':>11}"
    second = f"{100 * here[1] / granted:>8.1f}{'-' if given is None else f'{given:.0f}':>11}"
    return f"{name:26}{first}{second}"


def _counted(engine: Engine, group: str) -> dict[str, tuple[int, int]]:
    """Applications and cards by one of the coarse attributes."""
    counts: dict[str, tuple[int, int]] = {}
    for row in engine.queries.results((group, "outcome")):
        filed, granted = counts.get(row[group], (0, 0))
        more: int = row["applications"]
        counts[row[group]] = filed + more, granted + (more if row["outcome"] == "granted" else 0)
    return counts


def _rulings(account: Account, outcome: str) -> int:
    return account.rulings.get(outcome, 0)


def _until(days: dict[str, int], last: str) -> int:
    return sum(count for day, count in days.items() if day <= last)


__all__ = ["tell"]


class Account(msgspec.Struct):
    """What happened in a run; days are ISO texts, ``peak_mb`` is the process's largest resident size."""

    scale: float
    seed: int
    applications: int
    published: int = APPLICATIONS
    commands: int = 0
    events: int = 0
    messages: int = 0
    tally: dict[str, int] = msgspec.field(default_factory=dict)
    rulings: dict[str, int] = msgspec.field(default_factory=dict)
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    filed: dict[str, int] = msgspec.field(default_factory=dict)
    favourable: dict[str, int] = msgspec.field(default_factory=dict)
    requests: dict[str, int] = msgspec.field(default_factory=dict)
    renewals: dict[str, int] = msgspec.field(default_factory=dict)
    letters: dict[str, int] = msgspec.field(default_factory=dict)
    seconds: float = 0.0
    peak_mb: int = 0
