"""Messages to holders and offices: which wait and why, what one says, and what a person does about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from permits_engine.cli import output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.files import write
from permits_engine.cli.options import Limit, id_argument, office, option
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.reader import Reader
from permits_engine.scheduler.delivery.mime import page
from permits_engine.scheduler.notices import bounce as bounces

NoticeId = Annotated[str, id_argument("The notice's id (permits notices shows them).", "permits notices")]
ROLES = ["counter", "administrator"]


@command(
    "notices",
    "permits notices --state parked --prefecture MA-RAB",
    "permits notices preview ID --html letter.html",
    "permits notices retry ID",
)
def notices(
    engine: Engine,
    state: Annotated[
        str | None, option("--state", "S", "One of due, sent, failed, sending, parked, suppressed [all].")
    ] = None,
    prefecture: Annotated[str | None, office("Those of one office [all].")] = None,
    limit: Limit = 100,
) -> Answer:
    """List messages to holders and offices, the latest first.

    The parked ones of a prefecture are its list of tasks.
    """
    rows = engine.notices.list(state=state, prefecture=prefecture, limit=limit)

    def show() -> None:
        output.table(rows)
        if len(rows) == limit:
            output.say(f"{limit} shown; --limit shows more")

    return Answer(rows, show)


@command(
    "notices show",
    "permits notices show ID",
    "permits notices show ID --json",
    show=output.table_of(
        "version", "name", "recorded_at", "channel", "code", "reason", "response", "template"
    ),
)
def show(reader: Reader, notice_id: NoticeId) -> list[dict[str, Any]]:
    """Show what happened to a message.

    With the answers of the channels.
    """
    return reader.notices.history(notice_id)


@command(
    "notices preview",
    "permits notices preview ID",
    "permits notices preview ID --html letter.html",
    purpose=True,
)
def preview(
    reader: Reader,
    notice_id: NoticeId,
    html: Annotated[
        Path | None, option("--html", "FILE", "Write it as a page instead of printing it.")
    ] = None,
) -> Answer:
    """Print the letter of a message as the file is now."""
    letter = reader.notices.letter(notice_id)
    result = {
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
    if html is not None:
        write(html, page(letter), "--html")
        return answer(result, f"written to {html}")

    def show() -> None:
        output.pairs({name: result[name] for name in ("to", "address", "language", "template", "subject")})
        output.out()
        for line in letter.text.split("\n"):
            output.out(output.safe(line))

    return Answer(result, show)


@command("notices retry", "permits notices retry ID", roles=ROLES)
def retry(engine: Engine, actor: Actor, notice_id: NoticeId) -> Answer:
    """Let the next pass send a parked or failed message."""
    row = engine.notices.retry(notice_id, by=actor.id)
    return answer(row, f"{row['notice_id']} is {row['state']}; the next pass tries it")


@command("notices served", "permits notices served ID", roles=ROLES)
def served(engine: Engine, actor: Actor, notice_id: NoticeId) -> Answer:
    """Record that a message was handed over in person.

    The message was parked or has failed.
    """
    row = engine.notices.served(notice_id, by=actor.id)
    return answer(row, f"{row['notice_id']} is {row['state']}")


@command(
    "notices bounced", "permits notices bounced < notification.eml", roles=["administrator", "scheduler"]
)
def bounced(engine: Engine) -> Answer:
    """Record a bounced letter from its notification.

    The mail server gives this command what arrives at the sender's address (RFC 3464), on standard input; the next
    channel is tried. A notification that reports no failure changes nothing.
    """
    bounce = bounces.parse(sys.stdin.buffer.read(bounces.LARGEST + 1))
    row = engine.notices.bounced(bounce) if bounce.action == "failed" else None
    result = {"notice_id": bounce.notice_id, "action": bounce.action, "code": bounce.code}
    if row is not None:
        result["state"] = row["state"]
    done = f"is {row['state']}; the next pass tries another channel" if row else "stays as it is"
    return answer(result, f"{bounce.notice_id} ({bounce.action}) {done}")
