"""Messages to holders and offices: which wait and why, what one says, and what a human does about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import (
    Json,
    Limit,
    Purpose,
    id_of,
    office_of,
    open_engine,
    operator_now,
    operator_of,
    settings_now,
)
from permits_engine.domain.errors import invalid

app = typer.Typer(
    invoke_without_command=True,
    help="Messages to holders and offices.",
    epilog=examples(
        "permits notices --state parked --prefecture MA-RAB",
        "permits notices preview ID --html letter.html",
        "permits notices retry ID",
    ),
)
NoticeId = Annotated[str, typer.Argument(metavar="ID", help="The notice's id (permits notices shows them).")]


@app.callback()
def notices(
    context: typer.Context,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="S", help="One of due, sent, failed, sending, parked, suppressed [all]."
        ),
    ] = None,
    prefecture: Annotated[
        str | None, typer.Option("--prefecture", metavar="P", help="Those of one office [all].")
    ] = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Messages to holders and offices, the latest first.

    The parked ones of a prefecture are its list of tasks.
    """
    if context.invoked_subcommand is not None:
        return
    with open_engine() as engine:
        rows = engine.notices.list(state=state, prefecture=office_of(prefecture), limit=limit)
    if not output.result(rows, machine=json):
        output.table(rows)
        output.cut(rows, limit)


@app.command("show", epilog=examples("permits notices show ID", "permits notices show ID --json"))
def show(notice_id: NoticeId, json: Json = False) -> None:
    """What happened to a message, with the channels' answers."""
    wanted = id_of(notice_id, "permits notices")
    with open_engine() as engine:
        events = operator_now().ask(engine, lambda reader: reader.notices.history(wanted))
    if not output.result(events, machine=json):
        columns = ["version", "name", "recorded_at", "channel", "code", "reason", "response", "template"]
        output.table(events, columns)


@app.command(
    "preview", epilog=examples("permits notices preview ID", "permits notices preview ID --html letter.html")
)
def preview(
    notice_id: NoticeId,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page instead of printing it.")
    ] = None,
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """The letter of a message as the file stands now."""
    from permits_engine.scheduler.delivery.mime import page

    wanted = id_of(notice_id, "permits notices")
    with open_engine() as engine:
        letter = operator_now().ask(engine, lambda reader: reader.notices.letter(wanted), purpose)
    if html is not None:
        try:
            html.write_text(page(letter), encoding="utf-8")
        except OSError as problem:
            raise invalid("--html", f"{html} cannot be written: {problem.strerror}") from None
    shown = {
        "notice_id": letter.notice_id,
        "kind": letter.kind,
        "tier": letter.tier,
        "to": letter.to_name,
        "address": letter.to_address,
        "language": letter.language,
        "direction": letter.direction,
        "template": letter.template,
        "subject": letter.subject,
        "text": letter.text,
        "html": str(html) if html is not None else None,
    }
    if output.result(shown, machine=json):
        return
    if html is not None:
        output.out(f"written to {html}")
        return
    output.pairs({name: shown[name] for name in ("to", "address", "language", "template", "subject")})
    output.out()
    for line in letter.text.split("\n"):
        output.out(output.safe(line))


@app.command("retry", epilog=examples("permits notices retry ID"))
def retry(notice_id: NoticeId, json: Json = False) -> None:
    """Let the next pass try a parked or failed message again."""
    settings, wanted = settings_now(), id_of(notice_id, "permits notices")
    with open_engine("counter", "administrator") as engine:
        row = engine.notices.retry(wanted, by=operator_of(settings))
    if not output.result(row, machine=json):
        output.out(f"{row['notice_id']} is {row['state']}; the next pass tries it")


@app.command("served", epilog=examples("permits notices served ID"))
def served(notice_id: NoticeId, json: Json = False) -> None:
    """A parked or failed message was handed over in person."""
    settings, wanted = settings_now(), id_of(notice_id, "permits notices")
    with open_engine("counter", "administrator") as engine:
        row = engine.notices.served(wanted, by=operator_of(settings))
    if not output.result(row, machine=json):
        output.out(f"{row['notice_id']} is {row['state']}")


@app.command("bounced", epilog=examples("permits notices bounced < notification.eml"))
def bounced(json: Json = False) -> None:
    """A letter came back: its notification on standard input.

    For the mail server to hand over what arrives at the sender's address (RFC 3464);
    the next channel is tried. A notification that reports no
    failure changes nothing.
    """
    from permits_engine.scheduler.notices import bounce as bounces

    bounce = bounces.parse(sys.stdin.buffer.read(bounces.LARGEST + 1))
    with open_engine("administrator", "scheduler") as engine:
        row = engine.notices.bounced(bounce) if bounce.action == "failed" else None
    result = {"notice_id": bounce.notice_id, "action": bounce.action, "code": bounce.code}
    if row is not None:
        result["state"] = row["state"]
    if not output.result(result, machine=json):
        done = f"is {row['state']}; the next pass tries another channel" if row else "stays as it is"
        output.out(f"{bounce.notice_id} ({bounce.action}) {done}")
