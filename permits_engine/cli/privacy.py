"""A person's rights over their data: asked for, answered, held back, carried out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import (
    Json,
    Purpose,
    day_of,
    id_of,
    open_engine,
    operator_now,
    settings_now,
)
from permits_engine.cli.output import write_private
from permits_engine.domain.errors import invalid

Holder = Annotated[str, typer.Argument(metavar="ID", help="The holder's id.")]
Version = Annotated[int, typer.Argument(metavar="VERSION", help="Of the event, as listed.", min=1)]
On = Annotated[str | None, typer.Option("--on", metavar="D", help="The day on which it happened [today].")]
Why = Annotated[str | None, typer.Option("--reason", metavar="R", help="In words; encrypted for the holder.")]
LISTED = "permits list"
_EXAMPLE = "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0001"


def erase(
    holder_id: Holder,
    reason: Annotated[str, typer.Option("--reason", metavar="R", help="Why, naming nobody: it is kept.")],
    archive_agreement: Annotated[
        str | None,
        typer.Option("--archive-agreement", metavar="REF", help="The archives' consent, where they keep it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before.")] = False,
    json: Json = False,
) -> None:
    """Destroy a person's key, for good.

    Nothing personal about them can be read any more. Refused (exit 1) while a procedure is open, a title is in
    force or a norm has the data kept: permits holder holds shows that. Typed again it finishes what an
    interruption left.
    """
    from permits_engine.cli.daemon_setup import mail_folder

    holder_id = id_of(holder_id, LISTED)
    if not yes and not json and sys.stdin.isatty():
        typer.confirm(f"Erase everything personal about {holder_id}, for good?", abort=True, err=True)
    settings = settings_now()
    with open_engine("administrator") as engine:
        result = engine.privacy.erase(
            holder_id,
            reason=reason,
            actor=operator_now().acting("administrator"),
            archive_agreement=archive_agreement,
            letters=mail_folder(settings),
        )
    if output.result(result, machine=json):
        return
    output.out(
        f"{holder_id} {'was erased already' if result['already'] else 'is erased'}: their key is gone."
    )
    output.out(f"letters taken out of the folder: {result['letters_removed']}")
    if result["linked_to"]:
        output.out(
            f"other records of the same person, each to be erased too: {', '.join(result['linked_to'])}"
        )


def export(
    holder_id: Holder,
    html: Annotated[
        bool, typer.Option("--html", help="A page to read, in the holder's language, instead of JSON.")
    ] = False,
    language: Annotated[
        str | None, typer.Option("--language", metavar="L", help="The page in another one: fr, ar or en.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Write it there, for its owner only.")
    ] = None,
    purpose: Purpose = None,
    json: Annotated[bool, typer.Option("--json", help="It is JSON with or without it.")] = False,
) -> None:
    """All that is held about a person, and who saw it.

    As JSON, or as a page that the person can read. That it was asked for is noted like any look at them.
    """
    from permits_engine.documents import disclosure_page

    if json and html:
        raise invalid("--html", "and --json are two things; ask for one of them")
    if language is not None and language not in disclosure_page.languages():
        raise invalid("--language", f"{language!r} is none of {', '.join(disclosure_page.languages())}")
    wanted = id_of(holder_id, LISTED)
    with open_engine() as engine:
        found = operator_now().ask(engine, lambda reader: reader.documents.disclosure(wanted), purpose)
    text = disclosure_page.html(found, language) if html else output.as_json(found) + "\n"
    if out is None:
        output.exact(text)
    else:
        write_private(out, text.encode())


def holds(holder_id: Holder, json: Json = False) -> None:
    """What stands in the way of an erasure today, by norm."""
    with open_engine() as engine:
        rows = engine.privacy.obstacles(id_of(holder_id, LISTED))
    if not output.result(rows, machine=json):
        output.table(rows, ["kind", "because", "until", "norm", "permit_id"])


def request(
    holder_id: Holder,
    right: Annotated[
        str, typer.Option("--right", metavar="R", help="access, rectification, erasure or opposition.")
    ],
    on: On = None,
    json: Json = False,
) -> None:
    """Record that a person asks for a right over their data.

    The last day for the answer is counted by the policy (Morocco: ten full days).
    """
    fields = {"right": right, "on": day_of(on, "--on")}
    outcome = _done("record_data_request", holder_id, fields, "counter", "administrator")
    with open_engine() as engine:
        [row] = [
            each
            for each in engine.privacy.data_requests(outcome["holder_id"])
            if each["version"] == outcome["version"]
        ]
    if not output.result({**outcome, "due_on": row["due_on"]}, machine=json):
        output.out(f"recorded as version {row['version']}; to be answered by {row['due_on']}.")


def answer(
    holder_id: Holder,
    version: Version,
    outcome: Annotated[str, typer.Option("--outcome", metavar="O", help="granted or refused.")],
    reason: Why = None,
    on: On = None,
    json: Json = False,
) -> None:
    """Record how a person's request was answered."""
    fields = {"of_version": version, "outcome": outcome, "reason": reason, "on": day_of(on, "--on")}
    _tell(_done("answer_data_request", holder_id, fields, "administrator"), "answered", json)


def requests(
    holder_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The holder's id [everybody].")
    ] = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only those not answered yet.")] = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="As they stand on a day [today].")
    ] = None,
    json: Json = False,
) -> None:
    """What people asked about their data, the first due first."""
    whose = None if holder_id is None else id_of(holder_id, LISTED)
    with open_engine() as engine:
        rows = engine.privacy.data_requests(whose, on=day_of(on, "--on"))
    rows = [each for each in rows if not open_only or each["state"] != "answered"]
    if not output.result(rows, machine=json):
        output.table(rows, ["holder_id", "version", "right", "received_on", "due_on", "state", "answered_on"])


def erased(
    since: Annotated[
        str | None, typer.Option("--since", metavar="D", help="Only those erased on that day or later.")
    ] = None,
    json: Json = False,
) -> None:
    """Who was erased, by ids that name nobody.

    Keep the list beside backups: in a store that is restored from one they have to be erased again.
    """
    with open_engine() as engine:
        rows = engine.privacy.erased(since=day_of(since, "--since"))
    if not output.result(rows, machine=json):
        output.table(rows)


def hold(
    holder_id: Holder,
    norm: Annotated[str, typer.Option("--norm", metavar="N", help="The law or order that has it kept.")],
    until: Annotated[
        str | None, typer.Option("--until", metavar="D", help="The last day [until released].")
    ] = None,
    reason: Why = None,
    json: Json = False,
) -> None:
    """Keep a person's data: no erasure while it lasts."""
    fields = {"norm": norm, "until": day_of(until, "--until"), "reason": reason}
    _tell(_done("place_hold", holder_id, fields, "administrator", "court"), "kept", json)


def release(holder_id: Holder, version: Version, reason: Why = None, json: Json = False) -> None:
    """End a hold."""
    fields = {"of_version": version, "reason": reason}
    _tell(_done("lift_hold", holder_id, fields, "administrator", "court"), "released", json)


def _done(name: str, holder_id: str, fields: dict[str, Any], *roles: str) -> dict[str, Any]:
    from permits_engine.commands import parse

    given = {field: value for field, value in fields.items() if value is not None}
    command = parse(name, {"holder_id": id_of(holder_id, LISTED), **given})
    with open_engine(*roles) as engine:
        outcome = engine.execute(command, actor=operator_now().acting(*roles))
    return {
        "holder_id": outcome.holder_id,
        "version": outcome.version,
        "events": list(outcome.events),
    }


def _tell(result: dict[str, Any], word: str, json: bool) -> None:
    if not output.result(result, machine=json):
        output.out(f"{result['holder_id']}: {word}, version {result['version']}.")


def add_holder_commands(holder_app: typer.Typer) -> None:
    """Put these commands beside the others on persons."""
    lines: dict[Callable[..., None], str] = {
        export: f"export {_EXAMPLE} --html --out disclosure.html",
        erase: f'erase {_EXAMPLE} --reason "asked for on 2026-11-24"',
        holds: f"holds {_EXAMPLE}",
        request: f"request {_EXAMPLE} --right access",
        answer: f"answer {_EXAMPLE} 4 --outcome granted",
        requests: "requests --open",
        erased: "erased --since 2026-01-01 --json",
        hold: f'hold {_EXAMPLE} --norm "order 12/2026 of the tribunal" --until 2027-12-31',
        release: f"release {_EXAMPLE} 5",
    }
    for function, line in lines.items():
        holder_app.command(function.__name__, epilog=examples(f"permits holder {line}"))(function)


retention_app = typer.Typer(no_args_is_help=True, help="How long personal data are kept.")


def rules(json: Json = False) -> None:
    """Classes of data, floors and ceilings, with their norms."""
    with open_engine() as engine:
        rows = engine.privacy.retention_rules()
    if not output.result(rows, machine=json):
        output.table(rows)


def due(json: Json = False) -> None:
    """Whose time is over today, and what is in the way."""
    from permits_engine.cli.daemon_setup import mail_folder

    with open_engine("administrator") as engine:
        found = engine.privacy.retention_due(letters=mail_folder(settings_now()))
    _shown(found, json)


def apply(
    plan: Annotated[
        str | None,
        typer.Option("--plan", metavar="P", help="Do it: the plan that was shown [only show it]."),
    ] = None,
    json: Json = False,
) -> None:
    """Erase what has been kept long enough.

    Without --plan it is a dry run: it shows what would go, and the name of exactly that plan. With it, the people of
    the plan are erased and its letters deleted, unless something has changed since (exit 1).
    """
    from permits_engine.cli.daemon_setup import mail_folder

    folder = mail_folder(settings_now())
    with open_engine("administrator") as engine:
        if plan is None:
            _shown(engine.privacy.retention_due(letters=folder), json)
            if not json:
                output.say("a dry run: nothing was changed")
            return
        actor = operator_now().acting("administrator")
        done = engine.privacy.apply_retention(plan, actor=actor, letters=folder)
    if not output.result(done, machine=json):
        people, letters = done["erased"], done["letters_removed"]
        output.out(
            f"erased: {_many(people, 'person', 'people')}; deleted: {_many(letters, 'letter', 'letters')}."
        )


def _many(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _shown(found: Any, json: bool) -> None:
    from permits_engine.application.queries.retention import told

    rows = told(found.due)
    summary = {"plan": found.plan, "people": len(found.people), "letters": len(found.letters)}
    if output.result({**summary, "due": rows}, machine=json):
        return
    for row in rows:
        row["held_by"] = [each["because"] for each in row.get("held_by", [])]
    if rows:
        output.table(rows, ["data", "holder_id", "notice_id", "ended_on", "due_on", "norm", "held_by"])
    output.out(
        f"plan {found.plan}: {_many(summary['people'], 'person', 'people')} to erase, "
        f"{_many(summary['letters'], 'letter', 'letters')} to delete; "
        f"permits retention apply --plan {found.plan}"
    )


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    retention_app.command("rules", epilog=examples("permits retention rules"))(rules)
    retention_app.command("due", epilog=examples("permits retention due --json"))(due)
    retention_app.command(
        "apply", epilog=examples("permits retention apply", "permits retention apply --plan 3f0c1d2e4b5a")
    )(apply)
    app.add_typer(retention_app, name="retention")
