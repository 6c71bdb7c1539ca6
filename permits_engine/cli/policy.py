"""The rules, and the law as examples."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from permits_engine.application.queries.views import plain
from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json, day_of, open_engine, required_day, settings_now
from permits_engine.cli.output import say
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.rules.policy import Policy, Value
from permits_engine.policies.loading import (
    compile_text,
    completed,
    documents,
    packaged,
    packaged_codes,
    read_file,
)

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
        [(jurisdiction, digest, new)] = engine.policies.adopt(text)
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
    from permits_engine.cli.policy import in_force, policy_of

    day = day_of(on, "--on")
    rows = in_force(policy_of(settings_now(), jurisdiction), day)
    if not output.result(rows, machine=json):
        views.rules(rows)


@policy_app.command("check", epilog=examples("permits policy check ma-2027.yaml"))
def policy_check(file: PolicyFile, json: Json = False) -> None:
    """Whether a policy file can be used.

    Else the line and reason of each fault, and exit 2.
    """
    from permits_engine.cli.policy import checked

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
    from permits_engine.cli.policy import changed, policy_of

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
    from permits_engine.cli.scenario import run_files

    return run_files(paths, machine=json)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.add_typer(policy_app, name="policy")
    app.add_typer(scenario_app, name="scenario")


def policy_of(settings: Any, jurisdiction: str) -> Policy:
    """The adopted policy of a jurisdiction, or the packaged one where no store was named and none is there."""
    from permits_engine.engine import Engine
    from permits_engine.store.keys.keyring import MasterKeys

    code = jurisdiction.upper()
    try:
        # Rules are nobody's secret: they are shown without the master key.
        with (
            Engine.open(settings.store, keys=MasterKeys.in_memory()) as engine,
            engine.database.read() as tx,
        ):
            return engine.context.policies.current(tx, code)
    except PermitsError as problem:
        if problem.code != "store.not_initialised" or "store" in settings.model_fields_set:
            raise
    if code not in packaged_codes():
        raise error(
            "policy.none_in_force",
            f"no policy of {code[:20]!r} is packaged; there is: {', '.join(packaged_codes())}",
            jurisdiction=code[:20],
        )
    say(f"permits: there is no store at {settings.store}; these are the packaged rules")
    return compile_text(packaged(code))


def in_force(policy: Policy, on: date | None) -> list[dict[str, Any]]:
    """The value of each parameter that applies on a day, as known on it; raises ``policy.none_in_force``."""
    day = on or datetime.now(UTC).astimezone(ZoneInfo(policy.calendar.time_zone)).date()
    rows = [
        _row(value) | {"in_force_since": value.since.isoformat()}
        for name in sorted(policy.parameters)
        for value in _winners(policy, name, day)
    ]
    if not rows:
        first = min(value.since for values in policy.parameters.values() for value in values)
        raise error(
            "policy.none_in_force",
            f"no rule of {policy.jurisdiction} is in force on {day}; the first is of {first}",
            jurisdiction=policy.jurisdiction,
            on=day.isoformat(),
        )
    return rows


def _winners(policy: Policy, name: str, day: date) -> list[Value]:
    """For each set of circumstances the value that wins on the day."""
    best: dict[tuple[tuple[str, frozenset[str]], ...], Value] = {}
    for value in policy.parameters[name]:  # sorted: the last that applies wins
        if value.known <= day and value.since <= day and (value.until is None or day <= value.until):
            best[value.applies] = value
    return list(best.values())


def _row(value: Value) -> dict[str, Any]:
    return {
        "rule": value.id,
        "parameter": value.name,
        "value": plain(value.value),
        "applies": {key: sorted(allowed) for key, allowed in value.applies} or None,
        "norm": str(value.source),
        "rank": value.rank,
        "confidence": value.confidence,
        "known_since": value.known.isoformat(),
        "note": value.note,
    }


def checked(file: str) -> dict[str, Any]:
    """Check a policy file; parts that it lacks are taken from the packaged policy of its country."""
    text = read_file(file)
    parts = documents(text)
    code = next((content.get(kind) for kind, (content, _) in parts.items()), None)
    if isinstance(code, str) and code in packaged_codes():
        text = completed(text, packaged(code))
    policy = compile_text(text)
    return {
        "jurisdiction": policy.jurisdiction,
        "digest": policy.digest,
        "parameters": len(policy.parameters),
        "values": len(policy.by_id),
    }


def changed(policy: Policy, low: date, high: date) -> list[dict[str, Any]]:
    """The parameters whose value differs between two days, each as known on its day."""
    if high < low:
        raise invalid("--to", "lies before --from")
    rows = []
    for name in sorted(policy.parameters):
        before = {value.applies: value for value in _winners(policy, name, low)}
        after = {value.applies: value for value in _winners(policy, name, high)}
        for applies in {**before, **after}:
            old, new = before.get(applies), after.get(applies)
            if (old and old.id) == (new and new.id):
                continue
            shown = new or old
            assert shown is not None
            rows.append(
                {
                    "parameter": name,
                    "applies": {key: sorted(allowed) for key, allowed in applies} or None,
                    "before": plain(old.value) if old else None,
                    "after": plain(new.value) if new else None,
                    "norm": str(shown.source),
                    "rank": shown.rank,
                    "since": shown.since.isoformat(),
                }
            )
    return rows
