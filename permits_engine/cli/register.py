"""The register that an office has kept so far, imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from permits_engine.application.register.importer import ImportReport
from permits_engine.application.register.rows import NOTES
from permits_engine.cli import output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import argument, flag, option
from permits_engine.engine import Engine

SHOWN = 20
"""Groups of people who look the same that are printed for people; JSON has them all."""


@command(
    "import",
    "permits import register.csv",
    "permits import register.csv --rejects bad-rows.csv --allow-rejects --json",
    roles=["administrator"],
    progress="importing",
)
def import_(
    engine: Engine,
    progress: output.Progress,
    file: Annotated[str, argument("FILE", "The register: CSV, or a workbook (.xlsx).")],
    rejects: Annotated[
        str | None, option("--rejects", "FILE", "Where bad rows go [FILE.rejects.csv beside the register].")
    ] = None,
    jurisdiction: Annotated[
        str | None, option("--jurisdiction", "J", "The country whose register it is [the home country].")
    ] = None,
    encoding: Annotated[
        str | None, option("--encoding", "NAME", "The file's encoding, such as windows-1256 [found out].")
    ] = None,
    allow_rejects: Annotated[bool, flag("--allow-rejects", "Exit 0 also where rows were rejected.")] = False,
) -> Answer:
    """Import the register that an office has kept so far.

    CSV or a workbook, with a header in French or English. Bad rows go to the rejects file, the others are imported.
    Run again, also after an interruption, it imports nothing twice. Exit 1 where rows were rejected.
    """
    report = engine.store.import_register(
        file, rejects=rejects, jurisdiction=jurisdiction, encoding=encoding, progress=progress
    )
    return answer(report, *_in_words(report), code=1 if report.rejected and not allow_rejects else 0)


def _in_words(report: ImportReport) -> Iterator[str]:
    yield (
        f"{output.count(report.read, 'row')} read: {report.imported} imported, {report.unchanged} unchanged, "
        f"{report.rejected} rejected."
    )
    if report.rejects:
        codes = ", ".join(f"{code} {count}" for code, count in sorted(report.codes.items()))
        yield f"The rejected rows are in {output.cell(report.rejects)}: {codes}."
    if report.ignored_columns:
        yield f"Columns that are not imported: {', '.join(map(output.cell, report.ignored_columns))}."
    for code, lines in sorted(report.notes.items()):
        shown = ", ".join(map(str, lines[:SHOWN])) + (" …" if len(lines) > SHOWN else "")
        yield f"{output.count(len(lines), 'row')}: {NOTES[code]} (lines {shown})."
    alike = report.look_alikes
    if not alike:
        return
    groups = output.count(len(alike), "group of people looks", "groups of people look")
    yield f"{groups} the same (name and birth date); nothing was merged:"
    for group in alike[:SHOWN]:
        lines, more = group["lines"][:SHOWN], len(group["lines"]) - SHOWN
        also = f" and {more} more" if more > 0 else ""
        yield f"  lines {', '.join(map(str, lines))}{also}"
    if len(alike) > SHOWN:
        yield f"  and {len(alike) - SHOWN} more: --json shows them all"
