"""An old register taken over."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json, open_engine

SHOWN = 20
"""Groups of people who look the same, for a person to read; JSON has them all."""


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE.csv", help="The register.")],
    rejects: Annotated[
        str | None,
        typer.Option(
            "--rejects", metavar="FILE", help="Where bad rows go [FILE.rejects.csv beside the register]."
        ),
    ] = None,
    jurisdiction: Annotated[
        str | None,
        typer.Option(
            "--jurisdiction", metavar="J", help="The country whose register it is [the home country]."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Take an old register over.

    CSV with a header in French or English. Bad rows go to the rejects file, the others go in. Run again, also
    after an interruption, it adds nothing twice.
    """
    from permits_engine.cli.output import bar

    with open_engine("administrator") as engine, bar("importing") as progress:
        report = engine.store.import_register(
            file, rejects=rejects, jurisdiction=jurisdiction, progress=progress
        )
    result = msgspec.to_builtins(report)
    if not output.result(result, machine=json):
        _tell(result)


def _tell(result: dict[str, Any]) -> None:
    rows = "row" if result["read"] == 1 else "rows"
    output.out(
        f"{result['read']} {rows} read: {result['imported']} imported, {result['unchanged']} unchanged, "
        f"{result['rejected']} rejected."
    )
    if result["rejects"]:
        codes = ", ".join(f"{code} {count}" for code, count in sorted(result["codes"].items()))
        output.out(f"The rejected rows are in {output.cell(result['rejects'])}: {codes}.")
    if result["ignored_columns"]:
        names = ", ".join(map(output.cell, result["ignored_columns"]))
        output.out(f"Columns that mean nothing here: {names}.")
    alike = result["look_alikes"]
    if not alike:
        return
    what = "group of people looks" if len(alike) == 1 else "groups of people look"
    output.out(f"{len(alike)} {what} the same (name and birth date); nothing was merged:")
    for group in alike[:SHOWN]:
        lines, more = group["lines"][:SHOWN], len(group["lines"]) - SHOWN
        said = f"lines {', '.join(map(str, lines))}"
        output.out(f"  {said} and {more} more" if more > 0 else f"  {said}")
    if len(alike) > SHOWN:
        output.out(f"  and {len(alike) - SHOWN} more: --json shows them all")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    lines = ("permits import register.csv", "permits import register.csv --rejects bad-rows.csv --json")
    app.command("import", epilog=examples(*lines))(import_)
