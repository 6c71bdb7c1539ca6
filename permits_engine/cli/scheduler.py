"""What time brings about: previewed, carried out, and the messages that go out."""

from __future__ import annotations

from typing import Annotated

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, day_of, id_of, open_engine, operator_of, settings_now
from permits_engine.domain.errors import invalid

notices_app = typer.Typer(invoke_without_command=True, help="Messages to holders and offices.")


def due(on: Annotated[str | None, typer.Option("--on", metavar="D")] = None, json: Json = False) -> None:
    """What the scheduler would do on a date, doing nothing."""
    from permits_engine.scheduler.passes import preview

    day = day_of(on, "--on")
    with open_engine() as engine:
        rows = preview(engine, day)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows, ["permit_id", "does", "kind", "tier", "on", "due_on", "to"])


def daemon(
    once: Annotated[bool, typer.Option("--once", help="One pass, then end.")] = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="The pass of that day, at 09:00.")
    ] = None,
    json: Json = False,
) -> None:
    """The scheduler: clocks kept, messages sent."""
    from permits_engine.cli.daemon import one_pass

    if not once:
        raise invalid("--once", "is needed: run one pass from cron or a timer")
    settings = settings_now()
    with open_engine() as engine:
        report = one_pass(engine, settings, day_of(on, "--on"))
    if json:
        output.out(output.as_json(report))
    else:
        output.pairs(report)


@notices_app.callback()
def notices(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option("--state", metavar="S", help="due, sent, failed, parked, …")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N")] = 100,
    json: Json = False,
) -> None:
    """Messages, by state."""
    if context.invoked_subcommand is not None:
        return
    with open_engine() as engine:
        rows = engine.notices(state=state, limit=limit)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


@notices_app.command("retry")
def notices_retry(notice_id: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Let the next pass try a parked or failed message again."""
    settings = settings_now()
    with open_engine() as engine:
        row = engine.retry_notice(id_of(notice_id), by=operator_of(settings))
    output.out(
        output.as_json(row) if json else f"{row['notice_id']} is {row['state']}; the next pass tries it"
    )


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("due")(due)
    app.command("daemon")(daemon)
    app.add_typer(notices_app, name="notices")
