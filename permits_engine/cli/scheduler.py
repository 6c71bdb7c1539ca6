"""What time brings about: previewed, carried out, and the messages that go out."""

from __future__ import annotations

from typing import Annotated

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, Limit, day_of, id_of, open_engine, operator_of, settings_now
from permits_engine.cli.usage import examples
from permits_engine.domain.errors import invalid

notices_app = typer.Typer(
    invoke_without_command=True,
    help="Messages to holders and offices.",
    epilog=examples("permits notices --state parked", "permits notices retry ID"),
)


def due(
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="The day of the pass; it may lie ahead [today].")
    ] = None,
    json: Json = False,
) -> None:
    """What the scheduler would do on a date, doing nothing."""
    from permits_engine.scheduler.passes import preview

    day = day_of(on, "--on")
    with open_engine() as engine:
        rows = preview(engine, day)
    if not output.result(rows, machine=json):
        output.table(rows, ["permit_id", "does", "kind", "tier", "on", "due_on", "to"])


def daemon(
    once: Annotated[bool, typer.Option("--once", help="One pass, then end.")] = False,
    on: Annotated[
        str | None,
        typer.Option(
            "--on", metavar="D", help="With --once: the pass of that day, at 09:00 local time [now]."
        ),
    ] = None,
    release: Annotated[
        bool,
        typer.Option("--release", help="Run the first pass whatever the brakes say: you have looked."),
    ] = False,
    json: Json = False,
) -> None:
    """The scheduler: clocks kept and messages sent until stopped."""
    from permits_engine.cli import daemon, logs

    day = day_of(on, "--on")
    if not once:
        if day is not None:
            raise invalid("--on", "is for one pass: write permits daemon --once --on D")
        with open_engine("scheduler") as engine:
            daemon.run(engine, settings_now, logs.logger(machine=json or None), release=release)
        return
    settings = settings_now()
    with open_engine("scheduler") as engine:
        report = daemon.one_pass(engine, settings, day, release=release)
    if not output.result(report, machine=json):
        output.pairs(report)


@notices_app.callback()
def notices(
    context: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="S", help="One of due, sent, failed, bounced, parked, suppressed [all]."
        ),
    ] = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Messages to holders and offices, the latest first."""
    if context.invoked_subcommand is not None:
        return
    with open_engine() as engine:
        rows = engine.notices(state=state, limit=limit)
    if not output.result(rows, machine=json):
        output.table(rows)
        output.cut(rows, limit)


@notices_app.command("retry", epilog=examples("permits notices retry ID"))
def notices_retry(
    notice_id: Annotated[
        str, typer.Argument(metavar="ID", help="The notice's id (permits notices shows them).")
    ],
    json: Json = False,
) -> None:
    """Let the next pass try a message again.

    One that is parked, failed or bounced.
    """
    settings, wanted = settings_now(), id_of(notice_id, "permits notices")
    with open_engine("counter", "administrator") as engine:
        row = engine.retry_notice(wanted, by=operator_of(settings))
    if not output.result(row, machine=json):
        output.out(f"{row['notice_id']} is {row['state']}; the next pass tries it")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("due", epilog=examples("permits due", "permits due --on 2018-01-01 --json"))(due)
    app.command(
        "daemon",
        epilog=examples("permits daemon", "permits daemon --once", "permits daemon --once --on 2018-01-02"),
    )(daemon)
    app.add_typer(notices_app, name="notices")
