"""Persons: two records of one linked, and unlinked again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from permits_engine.cli import output, privacy
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json, id_of, open_engine, operator_now

ROLES = ("counter", "administrator")
"""In which role the operator speaks of persons: the first that is granted."""

holder_app = typer.Typer(no_args_is_help=True, help="Persons.")

Holder = Annotated[str, typer.Argument(metavar="ID", help="The holder's id.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The id of the other record.")]
Reason = Annotated[str, typer.Option("--reason", metavar="R", help="What shows it; encrypted for both.")]


def link(holder_id: Holder, other: Other, reason: Reason, json: Json = False) -> None:
    """Say that two holders are one person.

    Each keeps their own files and history; titles are looked at together from now on. The operator says so,
    under their own name (PERMITS_OPERATOR).
    """
    _change("link_holders", holder_id, other, reason, json)


def unlink(holder_id: Holder, other: Other, reason: Reason, json: Json = False) -> None:
    """Say that two linked holders are two persons after all."""
    _change("unlink_holders", holder_id, other, reason, json)


def _change(name: str, holder_id: str, other: str, reason: str, json: bool) -> None:
    from permits_engine.commands import parse

    listed = "permits import --json"
    ids = {"holder_id": id_of(holder_id, listed), "other_id": id_of(other, listed)}
    command = parse(name, {**ids, "reason": reason})
    with open_engine(*ROLES) as engine:
        outcome = engine.execute(command, actor=operator_now().acting(*ROLES))
    result: dict[str, Any] = {**ids, "version": outcome.version, "events": list(outcome.events)}
    if not output.result(result, machine=json):
        done = "linked to" if name == "link_holders" else "no longer linked to"
        output.out(f"{ids['holder_id']} is {done} {ids['other_id']}.")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    ids = "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0001 0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0003"
    for function in (link, unlink):
        line = f'permits holder {function.__name__} {ids} --reason "same passport"'
        holder_app.command(function.__name__, epilog=examples(line))(function)
    privacy.add_holder_commands(holder_app)
    app.add_typer(holder_app, name="holder")
