"""The history for other tools, the annual account, and the dossier of one permit."""

from __future__ import annotations

from typing import Annotated

import msgspec

from permits_engine.audit.dossier import page
from permits_engine.audit.exports import output_files
from permits_engine.cli import output
from permits_engine.cli.command import Answer, Purpose, answer, command
from permits_engine.cli.options import LANGUAGES, OutFile, PermitId, flag, one_of, option
from permits_engine.cli.session import Session
from permits_engine.engine import Engine
from permits_engine.reader import Reader

WithPersonalData = Annotated[
    bool,
    flag(
        "--with-personal-data",
        "Names, numbers and free text too; every holder's history will say so. Needs --purpose.",
    ),
]
Force = Annotated[bool, flag("--force", "Replace what an earlier run left there.")]


@command(
    "export",
    "permits export --format parquet --out history",
    "permits export --format cloudevents,csv,xes --out for-others",
    'permits export --format csv --out court.csv --with-personal-data --purpose "order 94/2015"',
)
def export(
    session: Session,
    formats: Annotated[str, option("--format", "F,…", "One or more of: cloudevents, csv, parquet, xes.")],
    out: Annotated[
        str, option("--out", "PATH", "A new folder; or, for one format, a new .jsonl, .csv or .xes file.")
    ],
    with_personal_data: WithPersonalData = False,
    purpose: Purpose = None,
    force: Force = False,
) -> Answer:
    """Export the whole history for other tools.

    Personal data are left out unless they are asked for. PATH never holds a half-written export.
    """
    with session.open(decrypt=with_personal_data) as engine, output.bar("exporting") as progress:
        made = session.operator.ask(
            engine,
            lambda reader: reader.audit.export(
                out, formats, with_personal_data=with_personal_data, force=force, progress=progress
            ),
            purpose,
        )
    personal = "with personal data" if made.personal_data else "without personal data"
    lines = [f"{made.events} events up to position {made.position}, {personal}: {output.safe(made.out)}"]
    for family, count in made.families.items():
        lines.append(f"  {family.ljust(7)} {count['streams']} streams, {count['events']} events")
    return answer(made, *lines)


@command(
    "report",
    "permits report --out account.html",
    "permits report --year 2014 --language fr --out bilan.html",
    decrypt=False,
    progress="counting",
)
def report(
    engine: Engine,
    progress: output.Progress,
    out: Annotated[str, option("--out", "FILE.html", "The page to write.")],
    year: Annotated[
        int | None, option("--year", "Y", "Of one year only [the whole history].", min=1900, max=9999)
    ] = None,
    language: Annotated[str, option("--language", "L", "Of the page: en, fr or ar.")] = "en",
    force: Force = False,
) -> Answer:
    """Write the annual account as one page.

    Applications, delays against their limits, appeals, reminders, lapses, and published figures where they
    differ. The page needs no network and names no person. With --json the counts are printed too.
    """
    found = engine.audit.report(out, year=year, language=language, force=force, progress=progress)
    outcomes = found.outcomes
    granted = outcomes["granted"] + outcomes["granted_on_appeal"]
    return answer(
        {"out": out, **msgspec.to_builtins(found)},
        f"{output.safe(out)}: {sum(outcomes.values())} applications, {granted} of them granted.",
    )


@command(
    "dossier",
    "permits dossier 0190… --out dossier.html",
    'permits dossier 0190… --language ar --with-personal-data --purpose "order 94/2015" --out dossier.html',
    purpose=True,
)
def dossier(
    reader: Reader,
    permit_id: PermitId,
    language: Annotated[str, one_of("--language", "L", "Of the page: fr, ar or en.", *LANGUAGES)] = "fr",
    out: OutFile = None,
    with_personal_data: WithPersonalData = False,
    force: Force = False,
) -> Answer:
    """Print everything about one permit, for a court.

    A page that prints: what happened, each decision with its reasons and legal bases, deadlines, messages with
    the evidence of their delivery, and a proof of each event.
    """
    if out is not None:
        output_files.may_replace(out, force=force, folder=False)
    found = reader.audit.dossier(permit_id, with_personal_data=with_personal_data)
    if out is not None:
        with output_files.whole_file(out, force=force) as part:
            part.write_text(page.html(found, language), encoding="utf-8")
    return Answer(
        found.as_dict(), lambda: output.exact("" if out is not None else page.html(found, language))
    )
