"""The annual report as one HTML page without scripts or external resources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from permits_engine.application.context import Context
from permits_engine.audit.exports import output_files
from permits_engine.audit.report import charts
from permits_engine.audit.report.charts import Claim
from permits_engine.audit.report.count import annual_report
from permits_engine.audit.report.sections import Figure, Section, Sections, Sheet
from permits_engine.audit.report.tallies import AnnualReport, Delays, total
from permits_engine.audit.report.wording import Wording
from permits_engine.documents.language import package_yaml
from permits_engine.domain.rules.policy import Office
from permits_engine.store.events import history


class Tile(NamedTuple):
    """A headline number with its label."""

    value: str
    label: str


def write(
    context: Context,
    target: Path,
    *,
    year: int | None,
    language: str,
    force: bool,
    progress: Callable[[int, int], None] | None,
) -> AnnualReport:
    """Count the annual report and write its page; raise ``input.invalid`` before counting."""
    wording = Wording(language)
    output_files.may_replace(target, force=force, folder=False)
    report = annual_report(context, year=year, progress=progress)
    with context.database.read() as tx:
        simulated = history.head(tx).simulated
        policies = context.policies.in_use(tx)
    offices = {code: office for policy in policies for code, office in policy.offices.items()}
    with output_files.whole_file(target, force=force) as part:
        part.write_text(html(report, wording, offices, simulated=simulated), encoding="utf-8")
    return report


def html(
    report: AnnualReport,
    wording: Wording,
    offices: Mapping[str, Office],
    *,
    simulated: bool = False,
) -> str:
    """Return the page of a report; ``offices`` are found by code."""
    sections = Sections(report, wording, offices).all()
    sections.append(_published(report, wording))
    return _template().render(
        report=report,
        wording=wording,
        say=wording.say,
        plain=wording.plain,
        sections=sections,
        tiles=_tiles(report, wording),
        period=_period(report, wording),
        simulated=simulated,
    )


def _period(report: AnnualReport, wording: Wording) -> str:
    last = date.fromisoformat(report.last)
    if report.first is None:
        return wording.say("whole", last=last)
    return wording.say("period", first=date.fromisoformat(report.first), last=last)


def _tiles(report: AnnualReport, wording: Wording) -> list[Tile]:
    outcomes = report.outcomes
    granted = outcomes["granted"] + outcomes["granted_on_appeal"]
    rulings = total(report.appeals.values(), ("upheld", "pending"))
    ruled = sum(rulings.values()) - rulings["pending"]
    delays = Delays.merged(each for offices in report.delays.values() for each in offices.values())
    lapses = sum(total(report.lapses.values(), ()).values())
    values = {
        "applications": wording.plain(sum(outcomes.values())),
        "granted": wording.share(granted, granted + outcomes["refused"]),
        "appeals": wording.share(rulings["upheld"], ruled),
        "renewals": wording.plain(report.renewals.get("renewed", 0) + report.renewals.get("automatic", 0)),
        "late": wording.share(delays.late, delays.limited),
        "lapses": wording.plain(lapses),
    }
    return [Tile(value, wording.say("tiles", name)) for name, value in values.items()]


# --- published figures ---


def _published(report: AnnualReport, wording: Wording) -> Section:
    questions = package_yaml("audit", "report", "published.yaml")["questions"]
    figures = [_question(each, report, wording) for each in questions]
    title, intro = wording.say("sections", "published"), wording.say("takes", "published")
    return Section("published", title, figures, intro)


def _question(question: dict[str, Any], report: AnnualReport, wording: Wording) -> Figure:
    claims = [
        (each.get("low", each.get("value")), each.get("high", each.get("value")), each)
        for each in question["claims"]
    ]
    spread = max(high for _, high, _ in claims) - min(low for low, _, _ in claims)
    take = wording.say("differ", spread=spread) if spread else wording.say("agree")
    here = _here(question["store"], report)
    rows: list[list[Any]] = []
    drawn = []
    for low, high, each in claims:
        value = wording.plain(low) if low == high else f"{wording.plain(low)}–{wording.plain(high)}"
        text = wording.say("claim", value=value, source=each["source"], as_of=each["as_of"])
        drawn.append(Claim(low, high, text))
        rows.append([each["source"], value, wording.plain(each["as_of"])])
    notes = (wording.say("here", count=here),) if here else ()
    sheet = Sheet([wording.say("source"), wording.say("number"), wording.say("date")], rows)
    title = question["says"][wording.language]
    return Figure(question["id"], title, take, charts.claims(drawn), [], sheet, notes)


def _here(store: dict[str, str] | None, report: AnnualReport) -> int:
    """Return the same count in this store, or 0 without one or in the report of a single year."""
    if store is None or report.first is not None:
        return 0
    return report.operations.get(store["category"], {}).get(store["of"], {}).get(store["what"], 0)


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
