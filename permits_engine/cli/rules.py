"""The rules, and the law as examples."""

from __future__ import annotations

from typing import Annotated

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, day_of, open_engine, settings_now

policy_app = typer.Typer(no_args_is_help=True, help="The rules: show, check, compare, adopt, draw.")
scenario_app = typer.Typer(no_args_is_help=True, help="The law as examples.")


@policy_app.command("adopt")
def policy_adopt(file: str, json: Json = False) -> None:
    """Make a policy text part of the history from now on."""
    from permits_engine.policy_files import read_file

    text = read_file(file)
    with open_engine() as engine:
        [(jurisdiction, digest, new)] = engine.adopt(text)
    if json:
        output.out(output.as_json({"jurisdiction": jurisdiction, "digest": digest, "adopted": new}))
    else:
        output.out(f"{jurisdiction} {digest} {'adopted' if new else 'was in use already'}")


@policy_app.command("show")
def policy_show(
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", metavar="J")],
    on: Annotated[str | None, typer.Option("--on", metavar="D")] = None,
    json: Json = False,
) -> None:
    """The rules in force on a date, each with its basis."""
    from permits_engine.cli.policies import in_force, policy_of

    rows = in_force(policy_of(settings_now(), jurisdiction), day_of(on, "--on"))
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows, ["parameter", "value", "applies", "norm", "rank", "in_force_since"])


@policy_app.command("check")
def policy_check(file: str, json: Json = False) -> None:
    """Whether a policy file can be used; else the line and reason of each fault."""
    from permits_engine.cli.policies import checked

    result = checked(file)
    if json:
        output.out(output.as_json(result))
    else:
        output.out(f"{file}: sound, {result['parameters']} parameters, {result['values']} values")


@policy_app.command("diff")
def policy_diff(
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", metavar="J")],
    since: Annotated[str, typer.Option("--from", metavar="D")],
    until: Annotated[str, typer.Option("--to", metavar="D")],
    json: Json = False,
) -> None:
    """Which rules changed between two dates."""
    from permits_engine.cli.policies import changed, policy_of

    low, high = day_of(since, "--from"), day_of(until, "--to")
    assert low is not None and high is not None
    rows = changed(policy_of(settings_now(), jurisdiction), low, high)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows, ["parameter", "applies", "before", "after", "norm", "since"])


@policy_app.command("diagram")
def policy_diagram(
    table: Annotated[bool, typer.Option("--table", help="The commands as a table instead.")] = False,
) -> None:
    """The lifecycle as a Mermaid state diagram."""
    from permits_engine.domain import diagram

    output.out(diagram.table() if table else diagram.diagram())


@scenario_app.command("run")
def scenario_run(files: Annotated[list[str], typer.Argument(metavar="FILE…")], json: Json = False) -> int:
    """Run scenario files; each difference is told with the clock's working."""
    from permits_engine.cli.scenarios import run_files

    return run_files(files, machine=json)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(policy_app, name="policy")
    app.add_typer(scenario_app, name="scenario")
