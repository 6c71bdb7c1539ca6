"""The rules, and the law as examples."""

from __future__ import annotations

from typing import Annotated

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, day_of, open_engine, required_day, settings_now
from permits_engine.cli.usage import examples

policy_app = typer.Typer(no_args_is_help=True, help="The rules: show, check, compare, adopt, draw.")
scenario_app = typer.Typer(no_args_is_help=True, help="The law as examples.")

Jurisdiction = Annotated[
    str, typer.Option("--jurisdiction", metavar="J", help="Whose rules, such as MA, FR or ES.")
]
PolicyFile = Annotated[
    str, typer.Argument(metavar="FILE", help="A policy text (YAML), or a folder with its three files.")
]


@policy_app.command("adopt", epilog=examples("permits policy adopt ma-2027.yaml"))
def policy_adopt(file: PolicyFile, json: Json = False) -> None:
    """Make a policy text part of the history.

    It holds from now on; parts that it lacks stay as they are.
    """
    from permits_engine.policies.loading import read_file

    text = read_file(file)
    with open_engine("administrator") as engine:
        [(jurisdiction, digest, new)] = engine.adopt(text)
    if not output.result({"jurisdiction": jurisdiction, "digest": digest, "adopted": new}, machine=json):
        output.out(f"{jurisdiction} {digest} {'adopted' if new else 'was in use already'}")


@policy_app.command("show", epilog=examples("permits policy show --jurisdiction MA --on 2017-01-10"))
def policy_show(
    jurisdiction: Jurisdiction,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="D", help="The legal date, with what was known on it [today]."),
    ] = None,
    json: Json = False,
) -> None:
    """The rules in force on a date, each with its basis."""
    from permits_engine.cli import views
    from permits_engine.cli.policies import in_force, policy_of

    day = day_of(on, "--on")
    rows = in_force(policy_of(settings_now(), jurisdiction), day)
    if not output.result(rows, machine=json):
        views.rules(rows)


@policy_app.command("check", epilog=examples("permits policy check ma-2027.yaml"))
def policy_check(file: PolicyFile, json: Json = False) -> None:
    """Whether a policy file can be used.

    Else the line and reason of each fault, and exit 2.
    """
    from permits_engine.cli.policies import checked

    result = checked(file)
    if not output.result(result, machine=json):
        output.out(f"{file}: sound, {result['parameters']} parameters, {result['values']} values")


@policy_app.command(
    "diff", epilog=examples("permits policy diff --jurisdiction MA --from 2017-01-09 --to 2017-01-10")
)
def policy_diff(
    jurisdiction: Jurisdiction,
    since: Annotated[str, typer.Option("--from", metavar="D", help="The earlier date.")],
    until: Annotated[str, typer.Option("--to", metavar="D", help="The later date.")],
    json: Json = False,
) -> None:
    """Which rules changed between two dates."""
    from permits_engine.cli.policies import changed, policy_of

    low, high = required_day(since, "--from"), required_day(until, "--to")
    rows = changed(policy_of(settings_now(), jurisdiction), low, high)
    if not output.result(rows, machine=json):
        output.table(rows, ["parameter", "applies", "before", "after", "norm", "since"])


@policy_app.command("diagram", epilog=examples("permits policy diagram > lifecycle.mmd"))
def policy_diagram(json: Json = False) -> None:
    """The lifecycle as a Mermaid state diagram."""
    from permits_engine.domain.decisions.diagram import diagram

    if not output.result({"mermaid": diagram()}, machine=json):
        output.out(diagram())


@scenario_app.command("run", epilog=examples("permits scenario run tests/scenarios"))
def scenario_run(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Scenario files (YAML) or folders of them.")
    ],
    json: Json = False,
) -> int:
    """Run scenario files, and every .yaml file below a folder.

    Each difference is told with the clock's working; exit 1 where there is one.
    """
    from permits_engine.cli.scenarios import run_files

    return run_files(paths, machine=json)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(policy_app, name="policy")
    app.add_typer(scenario_app, name="scenario")
