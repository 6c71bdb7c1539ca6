"""The annual account."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from permits_engine.cli import output
from permits_engine.cli.exports import Force, open_without_keys
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json


def report(
    out: Annotated[str, typer.Option("--out", metavar="FILE.html", help="The page to write.")],
    year: Annotated[
        int | None,
        typer.Option("--year", metavar="Y", min=1900, max=9999, help="Of one year only [the whole history]."),
    ] = None,
    language: Annotated[
        str, typer.Option("--language", metavar="L", help="Of the page: en, fr or ar.")
    ] = "en",
    force: Force = False,
    json: Json = False,
) -> None:
    """The annual account as one page.

    Applications, delays against their limits, appeals, reminders, lapses, and published figures where they
    differ. The page needs no network; nobody is named in it. With --json the counts are printed too.
    """
    from permits_engine.cli.output import bar

    with open_without_keys() as engine, bar("counting") as progress:
        found = engine.audit.report(out, year=year, language=language, force=force, progress=progress)
    if output.result({"out": out, **msgspec.to_builtins(found)}, machine=json):
        return
    outcomes = found.outcomes
    granted = outcomes["granted"] + outcomes["granted_on_appeal"]
    output.out(f"{output.safe(out)}: {sum(outcomes.values())} applications, {granted} of them granted.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "report",
        epilog=examples(
            "permits report --out account.html", "permits report --year 2014 --language fr --out bilan.html"
        ),
    )(report)
