"""Permits: one file read, many listed, found and counted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from permits_engine.cli import output, views
from permits_engine.cli.command import Purpose, command
from permits_engine.cli.options import (
    LANGUAGES,
    After,
    AsOf,
    KnownAt,
    Limit,
    PermitId,
    checked,
    day,
    instant,
    office,
    one_of,
    option,
)
from permits_engine.cli.session import Session
from permits_engine.commands import fields
from permits_engine.domain.errors import invalid
from permits_engine.engine import Engine
from permits_engine.projections.listing import Page
from permits_engine.reader import Reader

_FOUND = (
    *("family_name", "given_names", "birth_date", "permit_id", "prefecture", "category"),
    *("title_status", "application_status", "valid_until", "holder_id"),
)


@command(
    "show",
    "permits show ID --as-of 2017-06-01",
    "permits show ID --known-at 2017-01-31T09:00:00Z --json",
    purpose=True,
    show=views.permit,
)
def show(
    reader: Reader, permit_id: PermitId, as_of: AsOf = None, known_at: KnownAt = None
) -> Mapping[str, Any]:
    """Show one permit on a date, with its deadlines."""
    return reader.permit(permit_id, as_of=as_of, known_at=known_at).as_dict()


@command("history", "permits history ID --json", purpose=True, show=views.history)
def history(
    reader: Reader,
    permit_id: PermitId,
    as_of: Annotated[date | None, day("--as-of", "Only events with a legal date until then.")] = None,
    known_at: Annotated[datetime | None, instant("--known-at", "Only events recorded by then.")] = None,
) -> Sequence[Mapping[str, Any]]:
    """Show every event of a permit, in order."""
    return reader.history(permit_id, as_of=as_of, known_at=known_at)


@command(
    "explain",
    "permits explain ID --version 4",
    "permits explain ID --language fr",
    purpose=True,
    show=views.explanation,
)
def explain(
    reader: Reader,
    permit_id: PermitId,
    version: Annotated[
        int | None, option("--version", "N", "Which event of the history [the last].", min=1)
    ] = None,
    language: Annotated[
        str, one_of("--language", "L", "Of the reasons and calculations: fr, ar or en.", *LANGUAGES)
    ] = "en",
) -> Mapping[str, Any]:
    """Explain why an event was allowed.

    Who did it, by which rules as they were then, and how each deadline was calculated.
    """
    return reader.explain(permit_id, version, language=language)


@command(
    "diff",
    "permits diff ID --known-at 2017-07-01T00:00:00Z --known-at 2017-08-01T00:00:00Z --as-of 2017-06-01",
    purpose=True,
    show=views.difference,
)
def diff(
    reader: Reader,
    permit_id: PermitId,
    known_at: Annotated[
        list[datetime], instant("--known-at", "Two moments of knowledge, the earlier first (one: and now).")
    ],
    as_of: AsOf = None,
) -> Mapping[str, Any]:
    """Show what differs between two states of knowledge.

    Field by field on one legal date, each with its cause: an event, an adopted policy or a published rule.
    """
    if len(known_at) > 2:
        raise invalid("--known-at", "give it twice: the earlier moment, then the later one")
    return reader.queries.diff(permit_id, *known_at, as_of=as_of)


@command("list", "permits list --status active --prefecture MA-RAB --expiring-before 2018-03-01")
def list_(
    reader: Reader,
    status: Annotated[
        str | None, option("--status", "S", "Of the title (active, expired, …) or the application.")
    ] = None,
    prefecture: Annotated[str | None, office("The office's code, such as MA-RAB.")] = None,
    expiring_before: Annotated[
        date | None, day("--expiring-before", "Titles in force that end before that date.")
    ] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page[Any]:
    """List permits, nearest expiry first."""
    return reader.find(
        status=status, prefecture=prefecture, expiring_before=expiring_before, limit=limit, after=after
    )


BirthDate = Annotated[
    str | None,
    option(
        "--birth-date",
        "D",
        "With --name: a day, a month (1990-05) or a year (1990).",
        checked(fields.birth_date, "--birth-date"),
    ),
]


@command(
    "find",
    'permits find --name "aminata diallo" --birth-date 1990-04-01',
    "permits find --card-number L-1001",
    show=output.table_of(*_FOUND),
)
def find(
    session: Session,
    engine: Engine,
    name: Annotated[
        str | None,
        option("--name", "WORDS", "Words of the name, in any order; - reads them from standard input."),
    ] = None,
    birth_date: BirthDate = None,
    file_number: Annotated[
        str | None, option("--file-number", "N", "As the office wrote it on the file.")
    ] = None,
    card_number: Annotated[
        str | None, option("--card-number", "N", "Of any card that the file has had.")
    ] = None,
    limit: Limit = 100,
    after: After = None,
    purpose: Purpose = None,
) -> Page[Any]:
    """Find a person by name, or a file by its number.

    A name is given with the birth date. Each look at a person is recorded in their history, once a day. A name that
    is read from standard input (--name -) is in no list of processes and in no shell's history.
    """
    if name is None and birth_date is None and file_number is None and card_number is None:
        raise invalid("--name", "is missing: give --name and --birth-date, --file-number or --card-number")
    words = sys.stdin.readline().strip() if name == "-" else name
    return session.operator.ask(
        engine,
        lambda reader: reader.find(
            name=words,
            birth_date=birth_date,
            file_number=file_number,
            card_number=card_number,
            limit=limit,
            after=after,
        ),
        purpose,
    )


@command("caseload", "permits caseload --on 2014-06-30")
def caseload(
    engine: Engine, on: Annotated[date | None, day("--on", "The day counted [today].")] = None
) -> Sequence[Mapping[str, Any]]:
    """Count requests open, filed and decided, by office."""
    return engine.queries.caseload(on)


@command("results", "permits results --by nationality,outcome --category regularisation-2014")
def results(
    engine: Engine,
    by: Annotated[
        str,
        option(
            "--by", "A,B,…", "Any of nationality, sex, prefecture, category, outcome, criterion, with commas."
        ),
    ] = "outcome",
    category: Annotated[str | None, option("--category", "C", "Of one category only.")] = None,
) -> Sequence[Mapping[str, Any]]:
    """Count the first applications of a campaign."""
    return engine.queries.results(tuple(name.strip() for name in by.split(",") if name.strip()), category)
