"""Rights: what a permit opens, an attestation of it, and decisions that depart from the law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec

from permits_engine.application.queries.departures import counted
from permits_engine.cli import output, views
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.files import write
from permits_engine.cli.options import KnownAt, PermitId, day, flag, option
from permits_engine.engine import Engine
from permits_engine.reader import Reader


@command("rights", "permits rights ID --on 2018-03-01", show=views.rights)
def rights(
    reader: Reader,
    permit_id: PermitId,
    on: Annotated[date | None, day("--on", "The day asked about [today].")] = None,
    known_at: KnownAt = None,
) -> Sequence[Mapping[str, Any]]:
    """Show what a permit opens on a day.

    Stay, work, school, health and the rest, each with its basis.
    """
    return reader.queries.rights(permit_id, on=on, known_at=known_at)


@command(
    "attestation", "permits attestation ID --language ar --format html --out attestation.html", purpose=True
)
def attestation(
    reader: Reader,
    permit_id: PermitId,
    on: Annotated[date | None, day("--on", "The day attested [today].")] = None,
    language: Annotated[str | None, option("--language", "L", "fr, ar or en [the holder's].")] = None,
    form: Annotated[str, option("--format", "F", "text, or html: one page to print.")] = "text",
    out: Annotated[Path | None, option("--out", "FILE", "Write it there instead of printing it.")] = None,
) -> Answer:
    """Print an attestation of rights.

    What is open to the holder on a day, with its basis, for the counter that refuses it.
    """
    paper = reader.documents.attestation(permit_id, on=on, language=language, form=form)
    plain = msgspec.to_builtins(paper)
    if out is None:
        return Answer(plain, lambda: output.exact(paper.content))
    write(out, paper.content)
    del plain["content"]
    return answer(
        plain | {"out": str(out)},
        f"The attestation of {permit_id} on {paper.on} ({paper.language}) is in {out}.",
    )


@command("departures", "permits departures --from 2015-01-01 --to 2015-12-31 --count")
def departures(
    engine: Engine,
    first: Annotated[date | None, day("--from", "Decisions from that day on.")] = None,
    last: Annotated[date | None, day("--to", "Decisions up to that day.")] = None,
    prefecture: Annotated[
        str | None, option("--prefecture", "P", "Of one office only, such as MA-RAB.")
    ] = None,
    count: Annotated[bool, flag("--count", "Count by office and norm instead.")] = False,
) -> Answer:
    """List decisions that depart from a rule of law.

    They were recorded, since they happened; each names the rule that gives more.
    """
    rows = engine.queries.departures(first=first, last=last, prefecture=prefecture)
    if count:
        numbers = counted(rows)
        return Answer(numbers, lambda: output.table(numbers))
    columns = ("on", "permit_id", "version", "event", "prefecture", "says")
    return Answer(rows, lambda: output.table(rows, columns))
