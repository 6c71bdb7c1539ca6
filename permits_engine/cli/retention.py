"""How long data are kept: the rules, what is due, and carrying it out after a look."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, open_engine, operator_now, settings_now
from permits_engine.cli.usage import examples

retention_app = typer.Typer(no_args_is_help=True, help="How long personal data are kept.")


def rules(json: Json = False) -> None:
    """Classes of data, floors and ceilings, with their norms."""
    with open_engine() as engine:
        rows = engine.retention_rules()
    if not output.result(rows, machine=json):
        output.table(rows)


def due(json: Json = False) -> None:
    """Whose time is over today, and what is in the way."""
    from permits_engine.cli.daemon import mail_folder

    with open_engine("administrator") as engine:
        found = engine.retention_due(letters=mail_folder(settings_now()))
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
    from permits_engine.cli.daemon import mail_folder

    folder = mail_folder(settings_now())
    with open_engine("administrator") as engine:
        if plan is None:
            _shown(engine.retention_due(letters=folder), json)
            if not json:
                output.say("a dry run: nothing was changed")
            return
        actor = operator_now().acting("administrator")
        done = engine.apply_retention(plan, actor=actor, letters=folder)
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
