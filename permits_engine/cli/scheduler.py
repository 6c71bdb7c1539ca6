"""What time brings about: previewed, carried out, and the messages that go out."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from permits_engine.cli import notices, output
from permits_engine.cli.help import examples
from permits_engine.cli.options import (
    Json,
    day_of,
    office_of,
    open_engine,
    operator_of,
    required_day,
    settings_now,
)
from permits_engine.domain.errors import invalid

token_app = typer.Typer(
    no_args_is_help=True,
    help="The codes in reminders that file a renewal.",
    epilog=examples("permits token verify TOKEN"),
)


def due(
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="The day of the pass; it may lie ahead [today].")
    ] = None,
    json: Json = False,
) -> None:
    """What the scheduler would do on a date, doing nothing."""
    day = day_of(on, "--on")
    with open_engine() as engine:
        rows = engine.preview(on=day)
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
    from permits_engine.cli import daemon_setup, logs

    day = day_of(on, "--on")
    if not once:
        if day is not None:
            raise invalid("--on", "is for one pass: write permits daemon --once --on D")
        with open_engine("scheduler") as engine:
            daemon_setup.run(engine, settings_now, logs.logger(machine=json or None), release=release)
        return
    settings = settings_now()
    with open_engine("scheduler") as engine:
        report = daemon_setup.one_pass(engine, settings, day, release=release)
    if not output.result(report, machine=json):
        output.pairs(report)


def pause(
    reason: Annotated[str, typer.Option("--reason", metavar="R", help="Why; it is shown while it lasts.")],
    prefecture: Annotated[
        str | None, typer.Option("--prefecture", metavar="P", help="Messages of one office [all].")
    ] = None,
    json: Json = False,
) -> None:
    """Hold messages back, of all offices or of one.

    Clocks go on; what is due waits until the pause is resumed.
    """
    settings = settings_now()
    with open_engine("scheduler", "administrator") as engine:
        engine.notices.pause(prefecture, by=operator_of(settings), reason=_reason(reason))
    if not output.result({"paused": prefecture or "all"}, machine=json):
        output.out(f"messages of {prefecture or 'every office'} wait until permits resume")


def resume(
    prefecture: Annotated[
        str | None, typer.Option("--prefecture", metavar="P", help="Messages of one office [all].")
    ] = None,
    json: Json = False,
) -> None:
    """Let messages go out again."""
    settings = settings_now()
    with open_engine("scheduler", "administrator") as engine:
        engine.notices.resume(prefecture, by=operator_of(settings))
    if not output.result({"resumed": prefecture or "all"}, machine=json):
        output.out(f"messages of {prefecture or 'every office'} go out with the next pass")


def coverage(
    first: Annotated[str, typer.Option("--from", metavar="D", help="The first day of the period.")],
    last: Annotated[str, typer.Option("--to", metavar="D", help="The last day of the period.")],
    json: Json = False,
) -> int:
    """Who should have been told in a period, and was, or why not.

    Exit 3 where nothing in the history explains a message that did not leave.
    """
    days = required_day(first, "--from"), required_day(last, "--to")
    with open_engine() as engine:
        report = msgspec.to_builtins(engine.notices.coverage(*days))
    if not output.result(report, machine=json):
        rows = report.pop("rows")
        output.pairs(report)
        if rows:
            output.out()
            output.table(rows)
    return 3 if report["unexplained"] or report["unreadable"] else 0


def plan(
    first: Annotated[str, typer.Option("--from", metavar="D", help="The first day of the period.")],
    last: Annotated[str, typer.Option("--to", metavar="D", help="The last day of the period.")],
    json: Json = False,
) -> None:
    """First reminders by day and prefecture, as they are spread."""
    days = required_day(first, "--from"), required_day(last, "--to")
    with open_engine() as engine:
        rows = engine.notices.plan(*days)
    if not output.result(rows, machine=json):
        output.table(rows)


def digest(
    prefecture: Annotated[
        str | None, typer.Option("--prefecture", metavar="P", help="One office [every office].")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="D", help="The morning [today].")] = None,
    ahead: Annotated[
        int, typer.Option("--ahead", metavar="N", min=0, max=366, help="Days that count as soon.")
    ] = 7,
    json: Json = False,
) -> None:
    """What waits for an office this morning, worst first."""
    day = day_of(on, "--on")
    with open_engine() as engine:
        rows = engine.notices.digest(office_of(prefecture), on=day, ahead=ahead)
    if not output.result(rows, machine=json):
        output.table(rows, ["office", "days", "what", "due_on", "permit_id", "detail"])


@token_app.command("verify", epilog=examples("permits token verify TOKEN"))
def token_verify(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The code from the letter.")],
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="The day on which it is to be used [today].")
    ] = None,
    json: Json = False,
) -> None:
    """Whether a reminder's code may file its renewal.

    Shows the command that it is good for. Exit 2 for a code that is not this store's,
    1 where it has been used or its time is over.
    """
    day = day_of(on, "--on")
    with open_engine() as engine:
        found = engine.notices.verify_token(token.strip(), on=day)
    if not output.result(found, machine=json):
        output.pairs(found)


def _reason(text: str) -> str:
    from permits_engine.commands.fields import label

    try:
        return label(text)
    except ValueError as problem:
        raise invalid("--reason", str(problem)) from None


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("due", epilog=examples("permits due", "permits due --on 2018-01-01 --json"))(due)
    app.command(
        "daemon",
        epilog=examples("permits daemon", "permits daemon --once", "permits daemon --once --on 2018-01-02"),
    )(daemon)
    app.command("pause", epilog=examples("permits pause --prefecture MA-RAB --reason 'office moves'"))(pause)
    app.command("resume", epilog=examples("permits resume --prefecture MA-RAB"))(resume)
    app.command("coverage", epilog=examples("permits coverage --from 2018-01-01 --to 2018-01-31 --json"))(
        coverage
    )
    app.command("plan", epilog=examples("permits plan --from 2018-01-01 --to 2018-03-31"))(plan)
    app.command("digest", epilog=examples("permits digest --prefecture MA-RAB", "permits digest --json"))(
        digest
    )
    app.add_typer(notices.app, name="notices")
    app.add_typer(token_app, name="token")
