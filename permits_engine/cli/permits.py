"""Permits: commands carried out, one file read, many listed and counted."""

from __future__ import annotations

from typing import Annotated

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, PermitId, day_of, id_of, instant_of, open_engine


def execute(
    file: Annotated[str, typer.Argument(metavar="[FILE or -]", help="JSON Lines of commands.")] = "-",
) -> int:
    """Carry out commands from JSON Lines, one outcome line each."""
    from permits_engine.cli.lines import execute_lines

    with open_engine() as engine:
        return execute_lines(engine, file)


def show(
    permit_id: PermitId,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="D", help="The legal date asked about.")
    ] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="T", help="Only what was known then.")
    ] = None,
    json: Json = False,
) -> None:
    """One permit on a date."""
    day, instant = day_of(as_of, "--as-of"), instant_of(known_at, "--known-at")
    with open_engine() as engine:
        view = engine.permit(id_of(permit_id), as_of=day, known_at=instant).as_dict()
    if json:
        output.out(output.as_json(view))
        return
    deadlines = view.pop("deadlines")
    output.pairs(view)
    for each in deadlines:
        output.out(f"{each['kind']} {each.get('due_on')} ({each.get('status', 'running')})")
        output.out(f"  {each['explanation']}")


def history(permit_id: PermitId, json: Json = False) -> None:
    """Every event of a permit, in order."""
    with open_engine() as engine:
        events = engine.history(id_of(permit_id))
    if json:
        output.out(output.as_json(events))
        return
    output.table(
        [
            {
                "version": event["version"],
                "event": event["name"],
                "effective_on": event["effective_on"],
                "recorded_at": event["recorded_at"],
                "actor": f"{event['actor']['id']} ({event['actor']['role']})",
            }
            for event in events
        ]
    )


def explain(
    permit_id: PermitId,
    version: Annotated[int | None, typer.Option("--version", metavar="N", help="Which event.")] = None,
    json: Json = False,
) -> None:
    """Why an event was allowed: who, and by which rules."""
    with open_engine() as engine:
        told = engine.explain(id_of(permit_id), version)
    if json:
        output.out(output.as_json(told))
        return
    actor = told["actor"]
    output.out(f"{told['name']} on {told['effective_on']}, recorded {told['recorded_at']}")
    output.out(f"by {actor['id']} as {actor['role']} of {actor.get('prefecture') or 'no office'}")
    for rule in (told.get("basis") or {}).get("rules", []):
        value = output.cell(rule["value"])
        norm = f"{rule['norm']} ({rule['rank']}), since {rule['in_force_since']}"
        output.out(f"  {rule['parameter']} = {value}: {norm}")
    for each in told["deadlines"]:
        output.out(f"  {each['kind']} {each.get('due_on')}: {each['explanation']}")
    if told.get("warning"):
        output.out(f"  warning: {told['warning']}")


def list_(
    status: Annotated[str | None, typer.Option("--status", metavar="S")] = None,
    prefecture: Annotated[str | None, typer.Option("--prefecture", metavar="P")] = None,
    expiring_before: Annotated[str | None, typer.Option("--expiring-before", metavar="D")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N")] = 100,
    json: Json = False,
) -> None:
    """Permits from the read model, nearest expiry first."""
    day = day_of(expiring_before, "--expiring-before")
    with open_engine() as engine:
        rows = engine.find(status=status, prefecture=prefecture, expiring_before=day, limit=limit)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


def caseload(
    on: Annotated[str | None, typer.Option("--on", metavar="D")] = None,
    json: Json = False,
) -> None:
    """By office: requests open at the end of a day, and filed and decided on it."""
    with open_engine() as engine:
        rows = engine.caseload(day_of(on, "--on"))
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


def results(
    by: Annotated[
        str, typer.Option("--by", help="Comma-separated: nationality, sex, prefecture, outcome, …")
    ] = "outcome",
    category: Annotated[str | None, typer.Option("--category")] = None,
    json: Json = False,
) -> None:
    """The account of a campaign: first applications counted."""
    with open_engine() as engine:
        rows = engine.results(tuple(name.strip() for name in by.split(",") if name.strip()), category)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("execute")(execute)
    app.command("show")(show)
    app.command("history")(history)
    app.command("explain")(explain)
    app.command("list")(list_)
    app.command("caseload")(caseload)
    app.command("results")(results)
