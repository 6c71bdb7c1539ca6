"""Permits: commands carried out, one file read, many listed and counted."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import (
    After,
    Json,
    Limit,
    PermitId,
    Purpose,
    day_of,
    id_of,
    instant_of,
    office_of,
    open_engine,
    operator_now,
    settings_now,
)


def execute(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON Lines of commands; - is standard input.")
    ] = "-",
    json: Annotated[bool, typer.Option("--json", help="Outcomes are JSON Lines with or without it.")] = False,
) -> int:
    """Carry out commands from JSON Lines.

    One outcome line each; a refused line stops nothing. After all lines the exit code is 2 where one could
    not be read, else 1 where one was refused.
    """
    from permits_engine.cli.daemon_setup import mail_folder
    from permits_engine.cli.execute_lines import execute_lines

    with open_engine() as engine:
        code = execute_lines(engine, file, operator_now())
        if engine.privacy.unfinished_erasures():  # where a line erased somebody
            engine.privacy.finish_erasures(letters=mail_folder(settings_now()))
        return code


def show(
    permit_id: PermitId,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="D", help="The legal date asked about; it may lie ahead [today]."),
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", metavar="T", help="Only what was recorded and published by then [now]."),
    ] = None,
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """One permit on a date, with its deadlines."""
    from permits_engine.cli import views

    day, instant, wanted = day_of(as_of, "--as-of"), instant_of(known_at, "--known-at"), id_of(permit_id)
    with open_engine() as engine:
        view = operator_now().ask(
            engine, lambda reader: reader.permit(wanted, as_of=day, known_at=instant).as_dict(), purpose
        )
    if not output.result(view, machine=json):
        views.permit(view)


def history(
    permit_id: PermitId,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="D", help="Only events with a legal date until then.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="T", help="Only events recorded by then.")
    ] = None,
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """Every event of a permit, in order."""
    from permits_engine.cli import views

    day, instant, wanted = day_of(as_of, "--as-of"), instant_of(known_at, "--known-at"), id_of(permit_id)
    with open_engine() as engine:
        events = operator_now().ask(
            engine, lambda reader: reader.history(wanted, as_of=day, known_at=instant), purpose
        )
    if not output.result(events, machine=json):
        views.history(events)


def explain(
    permit_id: PermitId,
    version: Annotated[
        int | None,
        typer.Option("--version", metavar="N", min=1, help="Which event of the history [the last]."),
    ] = None,
    language: Annotated[
        str, typer.Option("--language", metavar="L", help="Of how it was counted and judged: fr, ar or en.")
    ] = "en",
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """Why an event was allowed.

    Who did it, by which rules as they then stood, and how each clock was counted.
    """
    from permits_engine.cli import views
    from permits_engine.documents.language import checked_language

    wanted, used = id_of(permit_id), checked_language(language)
    with open_engine() as engine:
        told = operator_now().ask(
            engine, lambda reader: reader.explain(wanted, version, language=used), purpose
        )
    if not output.result(told, machine=json):
        views.explanation(told)


def list_(
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="S", help="Of the title (active, expired, …) or the application."),
    ] = None,
    prefecture: Annotated[
        str | None, typer.Option("--prefecture", metavar="P", help="The office's code, such as MA-RAB.")
    ] = None,
    expiring_before: Annotated[
        str | None,
        typer.Option("--expiring-before", metavar="D", help="Titles in force that end before that date."),
    ] = None,
    limit: Limit = 100,
    after: After = None,
    json: Json = False,
) -> None:
    """Permits from the read model, nearest expiry first."""
    day, code = day_of(expiring_before, "--expiring-before"), office_of(prefecture)
    with open_engine() as engine:
        rows = operator_now().ask(
            engine,
            lambda reader: reader.find(
                status=status, prefecture=code, expiring_before=day, limit=limit, after=after
            ),
        )
    if not output.result(rows, machine=json):
        output.table(rows)
    _more(rows)


def find(
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="WORDS", help="Words of the name, in any order; - reads them."),
    ] = None,
    birth_date: Annotated[str | None, typer.Option("--birth-date", metavar="D", help="With --name.")] = None,
    file_number: Annotated[
        str | None, typer.Option("--file-number", metavar="N", help="As the office wrote it on the file.")
    ] = None,
    card_number: Annotated[
        str | None, typer.Option("--card-number", metavar="N", help="Of any card that the file has had.")
    ] = None,
    limit: Limit = 100,
    after: After = None,
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """A person by name and birth date, or a file by its number.

    Every look at somebody is noted in their history, once a day. A name that is read from standard input (--name -)
    stands in no list of processes and no shell's memory.
    """
    from permits_engine.domain.errors import invalid

    if name == "-":
        name = sys.stdin.readline().strip()
    born = day_of(birth_date, "--birth-date")
    if name is None and born is None and file_number is None and card_number is None:
        raise invalid("--name", "is missing: give --name and --birth-date, --file-number or --card-number")
    with open_engine() as engine:
        rows = operator_now().ask(
            engine,
            lambda reader: reader.find(
                name=name,
                birth_date=born,
                file_number=file_number,
                card_number=card_number,
                limit=limit,
                after=after,
            ),
            purpose,
        )
    if not output.result(rows, machine=json):
        output.table(rows, _FOUND)
    _more(rows)


_FOUND = [
    *("family_name", "given_names", "birth_date", "permit_id", "prefecture", "category"),
    *("title_status", "application_status", "valid_until", "holder_id"),
]


def _more(rows: Any) -> None:
    if rows.next is not None:
        output.say(f"{len(rows)} shown; --limit shows more, --after {rows.next} the next ones")


def caseload(
    on: Annotated[str | None, typer.Option("--on", metavar="D", help="The day counted [today].")] = None,
    json: Json = False,
) -> None:
    """Requests open, filed and decided, by office."""
    day = day_of(on, "--on")
    with open_engine() as engine:
        rows = engine.queries.caseload(day)
    if not output.result(rows, machine=json):
        output.table(rows)


def results(
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="A,B,…",
            help="Any of nationality, sex, prefecture, category, outcome, criterion, with commas.",
        ),
    ] = "outcome",
    category: Annotated[
        str | None, typer.Option("--category", metavar="C", help="Of one category only.")
    ] = None,
    json: Json = False,
) -> None:
    """The account of a campaign: first applications counted."""
    with open_engine() as engine:
        rows = engine.queries.results(tuple(name.strip() for name in by.split(",") if name.strip()), category)
    if not output.result(rows, machine=json):
        output.table(rows)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    line = """'{"command": "lodge_application", "on": "2016-12-20", "actor": {"id": …}, …}'"""
    app.command(
        "execute", epilog=examples("permits execute filing.jsonl", f"echo {line} | permits execute -")
    )(execute)
    app.command(
        "show",
        epilog=examples(
            "permits show ID --as-of 2017-06-01", "permits show ID --known-at 2017-01-31T09:00:00Z --json"
        ),
    )(show)
    app.command("history", epilog=examples("permits history ID --json"))(history)
    app.command(
        "explain", epilog=examples("permits explain ID --version 4", "permits explain ID --language fr")
    )(explain)
    app.command(
        "list",
        epilog=examples("permits list --status active --prefecture MA-RAB --expiring-before 2018-03-01"),
    )(list_)
    app.command(
        "find",
        epilog=examples(
            'permits find --name "aminata diallo" --birth-date 1990-04-01',
            "permits find --card-number L-1001",
        ),
    )(find)
    app.command("caseload", epilog=examples("permits caseload --on 2014-06-30"))(caseload)
    app.command(
        "results", epilog=examples("permits results --by nationality,outcome --category regularisation-2014")
    )(results)
