"""The annual account as one page: no script, nothing fetched, fit for paper, telephone and screen reader."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from permits_engine.audit.report import charts
from permits_engine.audit.report.charts import Claim
from permits_engine.audit.report.sections import Figure, Section, Sections, Sheet
from permits_engine.audit.report.tallies import Account
from permits_engine.audit.report.wording import Speech


class Tile(NamedTuple):
    """A number that stands for itself."""

    value: str
    says: str


def html(
    account: Account, speech: Speech, offices: dict[str, dict[str, str]], *, simulated: bool = False
) -> str:
    """The page of an account; ``offices`` holds their names by code and language."""
    sections = Sections(account, speech, offices).all()
    sections.append(_published(account, speech))
    return _template().render(
        account=account,
        speech=speech,
        say=speech.say,
        plain=speech.plain,
        sections=sections,
        tiles=_tiles(account, speech),
        period=_period(account, speech),
        simulated=simulated,
    )


def _period(account: Account, speech: Speech) -> str:
    last = date.fromisoformat(account.last)
    if account.first is None:
        return speech.say("whole", last=last)
    return speech.say("period", first=date.fromisoformat(account.first), last=last)


def _tiles(account: Account, speech: Speech) -> list[Tile]:
    outcomes = account.outcomes
    granted = outcomes["granted"] + outcomes["granted_on_appeal"]
    rulings = list(account.appeals.values())
    upheld = sum(counts.get("upheld", 0) for counts in rulings)
    ruled = sum(sum(counts.values()) - counts.get("pending", 0) for counts in rulings)
    clocks = [each for offices in account.delays.values() for each in offices.values()]
    limited, late = sum(each.limited for each in clocks), sum(each.late for each in clocks)
    lapses = sum(sum(counts.values()) for counts in account.lapses.values())
    values = {
        "applications": speech.plain(sum(outcomes.values())),
        "granted": speech.share(granted, granted + outcomes["refused"]),
        "appeals": speech.share(upheld, ruled),
        "renewals": speech.plain(account.renewals.get("renewed", 0) + account.renewals.get("automatic", 0)),
        "late": speech.share(late, limited),
        "lapses": speech.plain(lapses),
    }
    return [Tile(value, speech.say("tiles", name)) for name, value in values.items()]


# --- what was published ----------------------------------------------------------------------------------


def _published(account: Account, speech: Speech) -> Section:
    figures = [_question(each, account, speech) for each in _questions()]
    return Section(
        "published", speech.say("sections", "published"), figures, speech.say("takes", "published")
    )


def _question(question: dict[str, Any], account: Account, speech: Speech) -> Figure:
    claims = [
        (each.get("low", each.get("value")), each.get("high", each.get("value")), each)
        for each in question["claims"]
    ]
    spread = max(high for _, high, _ in claims) - min(low for low, _, _ in claims)
    take = speech.say("differ", spread=spread) if spread else speech.say("agree")
    here = _here(question["store"], account)
    rows: list[list[Any]] = []
    drawn = []
    for low, high, each in claims:
        value = speech.plain(low) if low == high else f"{speech.plain(low)}–{speech.plain(high)}"
        said = speech.say("claim", value=value, source=each["source"], as_of=each["as_of"])
        drawn.append(Claim(low, high, said))
        rows.append([each["source"], value, speech.plain(each["as_of"])])
    notes = (speech.say("here", count=here),) if here else ()
    sheet = Sheet([speech.say("source"), speech.say("number"), speech.say("date")], rows)
    title = question["says"][speech.language]
    return Figure(question["id"], title, take, charts.claims(drawn), [], sheet, notes)


def _here(store: dict[str, str] | None, account: Account) -> int:
    """The same count in this store; 0 where it holds nothing of the kind, or the account is of one year only."""
    if store is None or account.first is not None:
        return 0
    return account.operations.get(store["category"], {}).get(store["of"], {}).get(store["what"], 0)


@cache
def _questions() -> list[dict[str, Any]]:
    file = resources.files("permits_engine") / "audit" / "report" / "published.yaml"
    found: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


@cache
def _template() -> Template:
    env = Environment(
        loader=PackageLoader("permits_engine.audit.report", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return env.get_template("report.html")
