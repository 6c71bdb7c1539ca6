"""Rights: what a permit opens, an attestation of it, and decisions that depart from the law."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from permits_engine.cli import output, views
from permits_engine.cli.help import examples
from permits_engine.cli.options import (
    Json,
    PermitId,
    Purpose,
    day_of,
    id_of,
    instant_of,
    open_engine,
    operator_now,
)
from permits_engine.domain.errors import invalid


def rights(
    permit_id: PermitId,
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="The day asked about (default: today).")
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", metavar="T", help="Only what was recorded and published by then [now]."),
    ] = None,
    json: Json = False,
) -> None:
    """What the permit opens on a day.

    Stay, work, school, health and the rest, each with its basis.
    """
    day, instant = day_of(on, "--on"), instant_of(known_at, "--known-at")
    with open_engine() as engine:
        rows = operator_now().ask(
            engine, lambda reader: reader.queries.rights(id_of(permit_id), on=day, known_at=instant)
        )
    if not output.result(rows, machine=json):
        views.rights(rows)


def attestation(
    permit_id: PermitId,
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="The day attested (default: today).")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", metavar="L", help="fr, ar or en (default: the holder's).")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="F", help="text, or html: one page to print.")
    ] = "text",
    to: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Write it there instead of printing it.")
    ] = None,
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """A printable attestation of rights.

    What is open to the holder on a day, with its basis, for the counter that refuses it.
    """
    day, wanted = day_of(on, "--on"), id_of(permit_id)
    with open_engine() as engine:
        paper = operator_now().ask(
            engine,
            lambda reader: reader.documents.attestation(wanted, on=day, language=language, form=form),
            purpose,
        )
    plain = msgspec.to_builtins(paper)
    if to is None:
        if not output.result(plain, machine=json):
            output.exact(paper.content)
        return
    try:
        Path(to).write_text(paper.content, encoding="utf-8")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise invalid("--out", f"{to}: {reason}") from None
    del plain["content"]
    if not output.result(plain | {"out": to}, machine=json):
        output.out(f"The attestation of {wanted} on {paper.on} ({paper.language}) is in {to}.")


def departures(
    first: Annotated[
        str | None, typer.Option("--from", metavar="D", help="Decisions from that day on.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="D", help="Decisions up to that day.")] = None,
    prefecture: Annotated[
        str | None, typer.Option("--prefecture", metavar="P", help="Of one office only, such as MA-RAB.")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Count by office and norm instead.")] = False,
    json: Json = False,
) -> None:
    """Decisions that depart from a rule of law.

    They were recorded, since they happened; each names the rule that gives more.
    """
    from permits_engine.application.queries.departures import counted

    since, until = day_of(first, "--from"), day_of(last, "--to")
    with open_engine() as engine:
        rows = engine.queries.departures(first=since, last=until, prefecture=prefecture)
    rows = counted(rows) if count else rows
    if not output.result(rows, machine=json):
        columns = ["on", "permit_id", "version", "event", "prefecture", "says"]
        output.table(rows, None if count else columns)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("rights", epilog=examples("permits rights ID --on 2018-03-01"))(rights)
    line = "permits attestation ID --language ar --format html --out attestation.html"
    app.command("attestation", epilog=examples(line))(attestation)
    app.command(
        "departures", epilog=examples("permits departures --from 2015-01-01 --to 2015-12-31 --count")
    )(departures)
