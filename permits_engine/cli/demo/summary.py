"""What the demo prints: its figures beside the published ones, requests by week, and commands to try."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined

from permits_engine.cli.demo.applicants import (
    APPLICATIONS,
    DISMISSED,
    FAVOURABLE_BY_MID_MARCH,
    OFFICES,
    REGULARISED,
    THREE_YEARS,
    WOMEN,
    figures,
    shares,
)
from permits_engine.cli.demo.families import Played
from permits_engine.engine import Engine

WIDTH = 40
LANGUAGES = {"ar": "Arabic", "en": "English", "es": "Spanish", "fr": "French"}
Counts = Mapping[str, tuple[int, int]]
"""Applications and cards by one of the coarse attributes."""


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


def summarise(engine: Engine, account: Account, folder: Path, story: Played) -> list[str]:
    """Return the account as lines of text, and leave a copy in the folder."""
    layout = (resources.files(__package__) / "summary.txt.j2").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    text = environment.from_string(layout).render(
        account=account,
        tally=Counter(account.tally),
        **_figures(engine, account),
        acts=list(_acts(account)),
        letters=list(_letters(account)),
        weeks=list(_weeks(account)),
        story=story.in_words(),
        active=engine.find(status="active", limit=1),
        lapsed=engine.find(status="expired", limit=1),
        store=shlex.quote(f"sqlite:///{folder.absolute() / 'permits.db'}"),
        mail=shlex.quote(str(folder.absolute() / "mail")),
        to_try=story.to_try(shlex.quote(f"sqlite:///{story.store.absolute()}")),
    )
    (folder / "account.txt").write_text(text, encoding="utf-8")
    return text.splitlines()


def _figures(engine: Engine, account: Account) -> dict[str, Any]:
    """Return the figures that were published, each beside the run's own."""
    sexes, offices = _counted(engine, "sex"), _counted(engine, "prefecture")
    cards = sum(given for _, given in sexes.values())
    women = sexes.get("F", (0, 0))
    upheld, dismissed = (account.rulings.get(outcome, 0) for outcome in ("upheld", "dismissed"))
    applied, given = (
        shares(f"campaign-2014-{name}-by-nationality", "iso3") for name in ("applicants", "regularised")
    )
    return {
        "share": account.applications / account.published,
        "cards": cards,
        "upheld": upheld,
        "dismissed": dismissed,
        "totals": [
            ("applications", account.applications, APPLICATIONS),
            ("cards given", cards, REGULARISED),
            ("applications of women", women[0], WOMEN),
            ("cards given to women", women[1], WOMEN),
            ("appeals dismissed", dismissed, DISMISSED),
        ],
        "series": list(_series(account)),
        "nationalities": list(_nationalities(_counted(engine, "nationality"), applied, given)),
        "named_applicants": sum(applied.values()),
        "named_cards": sum(given.values()),
        "offices": [
            (name, 100 * offices.get(OFFICES[name], (0, 0))[1] / max(1, cards), share)
            for name, share in shares("campaign-2014-regularised-by-prefecture", "prefecture").items()
        ],
    }


def _series(account: Account) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield what had been filed and found favourable by each published day, here and as published."""
    for row in figures("campaign-2014-totals"):
        day = row["as_of"]
        # Of March 2014 the sources say: about 3,000 examined, 300 to 350 of them favourable.
        favourable = int(row["favourable"] or FAVOURABLE_BY_MID_MARCH)
        yield (
            *(day, _until(account.filed, day), int(row["applications"])),
            *(_until(account.favourable, day), favourable),
        )


def _nationalities(
    counts: Counts, applied: Mapping[str, float], given: Mapping[str, float]
) -> Iterator[tuple[str, float, str, float, str]]:
    """Yield the shares of each named nationality and of the others, here and as published."""
    names = {row["iso3"]: row["nationality"] for row in figures("campaign-2014-regularised-by-nationality")}
    others = [code for code in counts if code not in names]
    groups = [*((name, [code]) for code, name in names.items()), ("others (116 nationalities)", others)]
    filed, granted = (max(1, sum(each[n] for each in counts.values())) for n in (0, 1))
    for name, codes in groups:
        here = [sum(counts.get(code, (0, 0))[n] for code in codes) for n in (0, 1)]
        code = "" if codes is others else codes[0]
        yield (
            *(name, 100 * here[0] / filed, f"{applied[code]:.2f}" if code in applied else "-"),
            *(100 * here[1] / granted, f"{given[code]:.0f}" if code in given else "-"),
        )


def _acts(account: Account) -> Iterator[tuple[str, int]]:
    """Yield how often offices and the clock did what, and what was refused."""
    tally, refused = Counter(account.tally), Counter(account.refused)
    asked = sum(account.renewals.values())
    three = sum(n for day, n in account.renewals.items() if day >= THREE_YEARS)
    yield "cards given", tally["permit.issued"]
    yield "receipts extended by three months", tally["permit.receipt_extended"]
    yield "renewed for a year on request, before the carry-over was announced", asked - three
    yield "carried over for a year by themselves, 2015 and 2016", tally["permit.renewed"] - asked
    yield "renewed for three years on request, 2017", three
    yield "came too late (window.closed)", refused.pop("window.closed", 0)
    yield "lapsed", tally["permit.lapsed"]
    yield from ((f"refused with {code}", count) for code, count in sorted(refused.items()))


def _letters(account: Account) -> Iterator[tuple[str, int]]:
    """Yield the number of letters by language and by kind, and of those served at the counter."""
    by_language: Counter[str] = Counter()
    by_kind: Counter[str] = Counter()
    for name, count in account.letters.items():
        kind, _, language = name.partition("/")
        by_language[LANGUAGES.get(language, language)] += count
        by_kind[kind.replace("_", " ")] += count
    yield from by_language.most_common()
    yield from by_kind.most_common()
    yield "served at the counter instead", account.tally.get("notice.sent", 0) - by_kind.total()


def _weeks(account: Account) -> Iterator[tuple[str, int, str]]:
    """Yield the requests of each week, with a bar."""
    weeks: Counter[tuple[int, int]] = Counter()
    for day, count in account.requests.items():
        year, week, _ = date.fromisoformat(day).isocalendar()
        weeks[year, week] += count
    for (year, week), count in sorted(weeks.items()):
        yield f"{year}-W{week:02}", count, "█" * max(1, round(WIDTH * count / max(weeks.values())))


def _counted(engine: Engine, group: str) -> Counts:
    counts: dict[str, tuple[int, int]] = {}
    for row in engine.queries.results((group, "outcome")):
        filed, granted = counts.get(row[group], (0, 0))
        more: int = row["applications"]
        counts[row[group]] = filed + more, granted + (more if row["outcome"] == "granted" else 0)
    return counts


def _until(days: Mapping[str, int], last: str) -> int:
    return sum(count for day, count in days.items() if day <= last)
