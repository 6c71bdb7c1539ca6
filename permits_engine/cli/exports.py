"""The history for other tools."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json, open_engine, operator_now, operator_of, settings_now

WithPersonalData = Annotated[
    bool,
    typer.Option(
        "--with-personal-data",
        help="Names, numbers and free text too; every holder's history will say so. Needs --purpose.",
    ),
]
Purpose = Annotated[
    str | None, typer.Option("--purpose", metavar="TEXT", help="What the personal data are for.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier run left there.")]


def export(
    formats: Annotated[
        str,
        typer.Option("--format", metavar="F,…", help="One or more of: cloudevents, csv, parquet, xes."),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out", metavar="PATH", help="A new folder; or, for one format, a new .jsonl, .csv or .xes file."
        ),
    ],
    with_personal_data: WithPersonalData = False,
    purpose: Purpose = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """The whole history for other tools.

    Personal data stay out unless they are asked for. Nothing half-written is ever left at PATH.
    """
    from permits_engine.cli.output import bar

    opened = open_engine() if with_personal_data else open_without_keys()
    with opened as engine, bar("exporting") as progress:
        made = operator_now().ask(
            engine,
            lambda reader: reader.audit.export(
                out, formats, with_personal_data=with_personal_data, force=force, progress=progress
            ),
            purpose,
        )
    result = msgspec.to_builtins(made)
    if output.result(result, machine=json):
        return
    personal = "with personal data" if made.personal_data else "without personal data"
    output.out(f"{made.events} events up to position {made.position}, {personal}: {output.safe(made.out)}")
    for family, count in made.families.items():
        output.out(f"  {family.ljust(7)} {count['streams']} streams, {count['events']} events")


def open_without_keys() -> Any:
    """The store for what opens nothing personal: no master key is needed."""
    from permits_engine.engine import Engine
    from permits_engine.store.keys.keyring import MasterKeys

    settings = settings_now()
    return Engine.open(settings.store, keys=MasterKeys.in_memory(), operator=operator_of(settings))


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "export",
        epilog=examples(
            "permits export --format parquet --out history",
            "permits export --format cloudevents,csv,xes --out for-others",
            'permits export --format csv --out court.csv --with-personal-data --purpose "order 94/2015"',
        ),
    )(export)
