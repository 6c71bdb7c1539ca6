"""What the scheduler does: previewed, carried out, held back, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import msgspec

from permits_engine.cli import daemon_setup, output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import argument, checked, day, flag, office, option
from permits_engine.cli.session import Session
from permits_engine.commands import fields
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine

First = Annotated[date, day("--from", "The first day of the period.")]
Last = Annotated[date, day("--to", "The last day of the period.")]
Office = Annotated[str | None, option("--prefecture", "P", "Messages of one office [all].")]


@command(
    "due",
    "permits due",
    "permits due --on 2018-01-01 --json",
    show=output.table_of("permit_id", "does", "kind", "tier", "on", "due_on", "to"),
)
def due(
    engine: Engine,
    on: Annotated[date | None, day("--on", "The day of the pass; it may lie ahead [today].")] = None,
) -> Sequence[Mapping[str, Any]]:
    """Show what the scheduler would do on a date.

    It does nothing.
    """
    return engine.preview(on=on)


@command("daemon", "permits daemon", "permits daemon --once", "permits daemon --once --on 2018-01-02")
def daemon(
    session: Session,
    once: Annotated[bool, flag("--once", "One pass, then end.")] = False,
    on: Annotated[
        date | None, day("--on", "With --once: the pass of that day, at 09:00 local time [now].")
    ] = None,
    release: Annotated[
        bool, flag("--release", "Run the first pass whatever the brakes say: you have looked.")
    ] = False,
    json: Annotated[bool, flag("--json", "Print the result as JSON.")] = False,
) -> Answer | int:
    """Run the scheduler until it is stopped.

    It records what time brings about, and sends messages.
    """
    if on is not None and not once:
        raise invalid("--on", "is for one pass: write permits daemon --once --on D")
    with session.open("scheduler") as engine:
        if once:
            report = daemon_setup.one_pass(engine, session.settings, on, release=release)
            return Answer(report, lambda: output.pairs(report))
        daemon_setup.run(
            engine, session.read_settings, daemon_setup.logger(machine=json or None), release=release
        )
    return 0


@command(
    "pause", "permits pause --prefecture MA-RAB --reason 'office moves'", roles=["scheduler", "administrator"]
)
def pause(
    engine: Engine,
    actor: Actor,
    reason: Annotated[
        str, option("--reason", "R", "Why; it is shown while it lasts.", checked(fields.label, "--reason"))
    ],
    prefecture: Office = None,
) -> Answer:
    """Hold messages back, of all offices or of one.

    Deadlines keep running; messages that are due wait until permits resume.
    """
    engine.notices.pause(prefecture, by=actor.id, reason=reason)
    return answer(
        {"paused": prefecture or "all"},
        f"messages of {prefecture or 'every office'} wait until permits resume",
    )


@command("resume", "permits resume --prefecture MA-RAB", roles=["scheduler", "administrator"])
def resume(engine: Engine, actor: Actor, prefecture: Office = None) -> Answer:
    """Let messages go out again."""
    engine.notices.resume(prefecture, by=actor.id)
    return answer(
        {"resumed": prefecture or "all"},
        f"messages of {prefecture or 'every office'} go out with the next pass",
    )


@command("coverage", "permits coverage --from 2018-01-01 --to 2018-01-31 --json")
def coverage(engine: Engine, first: First, last: Last) -> Answer:
    """Check that everyone due a message in a period got it.

    Lists who was due one, and whether it left, or why not. Exit 3 where nothing in the history explains a message
    that did not leave.
    """
    report = msgspec.to_builtins(engine.notices.coverage(first, last))

    def show() -> None:
        rows = report.pop("rows")
        output.pairs(report)
        if rows:
            output.out()
            output.table(rows)

    unexplained = report["unexplained"] or report["unreadable"]
    return Answer(report, show, output.EXIT["integrity"] if unexplained else 0)


@command("plan", "permits plan --from 2018-01-01 --to 2018-03-31")
def plan(engine: Engine, first: First, last: Last) -> Sequence[Mapping[str, Any]]:
    """List first reminders by day and prefecture.

    The scheduler spreads them over the days.
    """
    return engine.notices.plan(first, last)


@command(
    "digest",
    "permits digest --prefecture MA-RAB",
    "permits digest --json",
    show=output.table_of("office", "days", "what", "due_on", "permit_id", "detail"),
)
def digest(
    engine: Engine,
    prefecture: Annotated[str | None, office("One office [every office].")] = None,
    on: Annotated[date | None, day("--on", "The morning [today].")] = None,
    ahead: Annotated[int, option("--ahead", "N", "Days that count as soon.", min=0, max=366)] = 7,
) -> Sequence[Mapping[str, Any]]:
    """List what waits for an office this morning, worst first."""
    return engine.notices.digest(prefecture, on=on, ahead=ahead)


@command("token verify", "permits token verify TOKEN", show=output.pairs)
def token_verify(
    engine: Engine,
    token: Annotated[str, argument("TOKEN", "The code from the letter.")],
    on: Annotated[date | None, day("--on", "The day on which it is to be used [today].")] = None,
) -> Mapping[str, Any]:
    """Check whether a reminder's code may file its renewal.

    Shows the command that it is good for. Exit 2 for a code that is not this store's, 1 where it has been used or
    its time is over.
    """
    return engine.notices.verify_token(token.strip(), on=on)
