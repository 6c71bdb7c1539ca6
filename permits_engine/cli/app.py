"""Every command of ``permits``; the work is the façade's."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine import __version__
from permits_engine.cli import output
from permits_engine.domain.errors import InputError, PermitsError, invalid

app = typer.Typer(
    name="permits",
    help="The life of residence permits: decided by dated law, kept as history, reminded in time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
policy_app = typer.Typer(no_args_is_help=True, help="The rules: show, check, compare, adopt, draw.")
scenario_app = typer.Typer(no_args_is_help=True, help="The law as examples.")
notices_app = typer.Typer(invoke_without_command=True, help="Messages to holders and offices.")
app.add_typer(policy_app, name="policy")
app.add_typer(scenario_app, name="scenario")
app.add_typer(notices_app, name="notices")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
PermitId = Annotated[str, typer.Argument(metavar="ID", help="The permit's id.")]


class Given:
    """The options that stand before the command."""

    store: str | None = None
    machine: bool = False


given = Given()


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    given.machine = "--json" in (sys.argv[1:] if arguments is None else arguments)
    given.store = None
    try:
        result = app(args=arguments, standalone_mode=False)
        return int(result) if isinstance(result, int) else 0
    except PermitsError as problem:
        return output.fail(problem, machine=given.machine)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.TyperException as problem:
        if type(problem).__name__ == "NoArgsIsHelpError":
            output.out(problem.format_message())
            return 2
        refusal = InputError("input.invalid", problem.format_message(), fields=[])
        return output.fail(refusal, machine=given.machine)
    except (typer.Abort, KeyboardInterrupt):
        output.say("permits: stopped")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _version(value: bool) -> None:
    if value:
        output.out(f"permits {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="URL", help="The store (PERMITS_STORE; default sqlite:///permits.db)."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    given.store = store


def _settings() -> Any:
    from permits_engine import settings

    return settings.load(store=given.store)


def _operator(settings: Any) -> str:
    import getpass

    if settings.operator:
        return str(settings.operator)
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _open() -> Any:
    from permits_engine.engine import Engine

    settings = _settings()
    return Engine.open(settings.store, keys=settings.keys, operator=_operator(settings))


def _day(text: str | None, name: str) -> date | None:
    if text is None:
        return None
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise invalid(name, f"{text!r} is not a date such as 2017-01-31") from None


def _instant(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise invalid(name, f"{text!r} is not an instant such as 2017-01-31T09:00:00Z") from None


def _id(text: str) -> str:
    import uuid

    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid("ID", f"{text!r} is not a UUID; permits list shows the ids") from None


# --- store ------------------------------------------------------------------------------------------------


@app.command()
def init(json: Json = False) -> None:
    """Create or upgrade the store, adopt the packaged policies, make the key file."""
    from permits_engine.engine import Engine, default_key_file

    settings = _settings()
    keys = settings.keys or default_key_file(settings.store)
    had = Path(keys).exists()
    with Engine.initialise(settings.store, keys=keys, operator=_operator(settings)) as engine:
        state = engine.status()
    result: dict[str, Any] = {
        "store": _shown(settings.store),
        "keys": str(keys),
        "keys_created": not had,
        "policies": [each["jurisdiction"] for each in state["policies"]],
    }
    if json:
        output.out(output.as_json(result))
        return
    output.out(f"The store {result['store']} is ready; policies: {', '.join(result['policies'])}.")
    if not had:
        output.out(
            f"The master key is in {keys}: without it every name in the store is lost; keep a copy apart."
        )


def _shown(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)


@app.command()
def status(json: Json = False) -> None:
    """Head position, read models, the last pass, parked notices and files."""
    with _open() as engine:
        state = engine.status()
    if json:
        output.out(output.as_json(state))
    else:
        output.pairs(state)


@app.command()
def doctor(json: Json = False) -> int:
    """What is wrong with the set-up, if anything."""
    from permits_engine.cli.doctor import findings

    settings = _settings()
    with _open() as engine:
        found = findings(engine, settings)
    if json:
        output.out(output.as_json({"findings": found}))
    elif not found:
        output.out("nothing to say: the set-up is sound")
    else:
        for each in found:
            output.out(f"{each['level']}: {each['message']}")
    return 1 if any(each["level"] == "error" for each in found) else 0


@app.command()
def rebuild(
    name: Annotated[str | None, typer.Argument(help="permits or notices; default: both.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare, change nothing.")] = False,
    json: Json = False,
) -> int:
    """Compute the read models again from history."""
    from permits_engine.cli.progress import bar

    with _open() as engine, bar("checking" if check else "rebuilding") as progress:
        report = engine.rebuild(name, check=check, progress=progress)
    result = {
        "models": report.models,
        "streams": report.streams,
        "written": report.written,
        "parked": report.parked,
        "differences": report.differences,
    }
    if json:
        output.out(output.as_json(result))
    elif check:
        output.out(f"{report.streams} streams compared, {len(report.differences)} differ")
        for each in report.differences[:20]:
            output.out(output.cell(each))
    else:
        output.out(f"{report.written} rows written, {report.parked} streams parked")
    return 3 if report.differences else 0


# --- permits ----------------------------------------------------------------------------------------------


@app.command()
def execute(
    file: Annotated[str, typer.Argument(metavar="[FILE or -]", help="JSON Lines of commands.")] = "-",
) -> int:
    """Carry out commands from JSON Lines, one outcome line each."""
    from permits_engine.cli.lines import execute_lines

    with _open() as engine:
        return execute_lines(engine, file)


@app.command()
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
    day, instant = _day(as_of, "--as-of"), _instant(known_at, "--known-at")
    with _open() as engine:
        view = engine.permit(_id(permit_id), as_of=day, known_at=instant).as_dict()
    if json:
        output.out(output.as_json(view))
        return
    deadlines = view.pop("deadlines")
    output.pairs(view)
    for each in deadlines:
        output.out(f"{each['kind']} {each.get('due_on')} ({each.get('status', 'running')})")
        output.out(f"  {each['explanation']}")


@app.command()
def history(permit_id: PermitId, json: Json = False) -> None:
    """Every event of a permit, in order."""
    with _open() as engine:
        events = engine.history(_id(permit_id))
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


@app.command()
def explain(
    permit_id: PermitId,
    version: Annotated[int | None, typer.Option("--version", metavar="N", help="Which event.")] = None,
    json: Json = False,
) -> None:
    """Why an event was allowed: who, and by which rules."""
    with _open() as engine:
        told = engine.explain(_id(permit_id), version)
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


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option("--status", metavar="S")] = None,
    prefecture: Annotated[str | None, typer.Option("--prefecture", metavar="P")] = None,
    expiring_before: Annotated[str | None, typer.Option("--expiring-before", metavar="D")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N")] = 100,
    json: Json = False,
) -> None:
    """Permits from the read model, nearest expiry first."""
    day = _day(expiring_before, "--expiring-before")
    with _open() as engine:
        rows = engine.find(status=status, prefecture=prefecture, expiring_before=day, limit=limit)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


@app.command()
def caseload(
    on: Annotated[str | None, typer.Option("--on", metavar="D")] = None,
    json: Json = False,
) -> None:
    """By office: requests open at the end of a day, and filed and decided on it."""
    with _open() as engine:
        rows = engine.caseload(_day(on, "--on"))
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


@app.command()
def results(
    by: Annotated[
        str, typer.Option("--by", help="Comma-separated: nationality, sex, prefecture, outcome, …")
    ] = "outcome",
    category: Annotated[str | None, typer.Option("--category")] = None,
    json: Json = False,
) -> None:
    """The account of a campaign: first applications counted."""
    with _open() as engine:
        rows = engine.results(tuple(name.strip() for name in by.split(",") if name.strip()), category)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


# --- scheduler --------------------------------------------------------------------------------------------


@app.command()
def due(on: Annotated[str | None, typer.Option("--on", metavar="D")] = None, json: Json = False) -> None:
    """What the scheduler would do on a date, doing nothing."""
    from permits_engine.scheduler.passes import preview

    day = _day(on, "--on")
    with _open() as engine:
        rows = preview(engine, day)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows, ["permit_id", "does", "kind", "tier", "on", "due_on", "to"])


@app.command()
def daemon(
    once: Annotated[bool, typer.Option("--once", help="One pass, then end.")] = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="D", help="The pass of that day, at 09:00.")
    ] = None,
    json: Json = False,
) -> None:
    """The scheduler: clocks kept, messages sent."""
    from permits_engine.cli.daemon import one_pass

    if not once:
        raise invalid("--once", "is needed: run one pass from cron or a timer")
    settings = _settings()
    with _open() as engine:
        report = one_pass(engine, settings, _day(on, "--on"))
    if json:
        output.out(output.as_json(report))
    else:
        output.pairs(report)


@notices_app.callback()
def notices(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option("--state", metavar="S", help="due, sent, failed, parked, …")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N")] = 100,
    json: Json = False,
) -> None:
    """Messages, by state."""
    if context.invoked_subcommand is not None:
        return
    with _open() as engine:
        rows = engine.notices(state=state, limit=limit)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows)


@notices_app.command("retry")
def notices_retry(notice_id: Annotated[str, typer.Argument(metavar="ID")], json: Json = False) -> None:
    """Let the next pass try a parked or failed message again."""
    settings = _settings()
    with _open() as engine:
        row = engine.retry_notice(_id(notice_id), by=_operator(settings))
    output.out(
        output.as_json(row) if json else f"{row['notice_id']} is {row['state']}; the next pass tries it"
    )


# --- rules ------------------------------------------------------------------------------------------------


@policy_app.command("adopt")
def policy_adopt(file: str, json: Json = False) -> None:
    """Make a policy text part of the history from now on."""
    from permits_engine.policy_files import read_file

    text = read_file(file)
    with _open() as engine:
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

    rows = in_force(policy_of(_settings(), jurisdiction), _day(on, "--on"))
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

    low, high = _day(since, "--from"), _day(until, "--to")
    assert low is not None and high is not None
    rows = changed(policy_of(_settings(), jurisdiction), low, high)
    if json:
        output.out(output.as_json(rows))
    else:
        output.table(rows, ["parameter", "applies", "before", "after", "norm", "since"])


@policy_app.command("diagram")
def policy_diagram() -> None:
    """The lifecycle as a Mermaid state diagram."""
    from permits_engine.domain.diagram import diagram

    output.out(diagram())


@scenario_app.command("run")
def scenario_run(files: Annotated[list[str], typer.Argument(metavar="FILE…")], json: Json = False) -> int:
    """Run scenario files; each difference is told with the clock's working."""
    from permits_engine.cli.scenarios import run_files

    return run_files(files, machine=json)


@app.command()
def demo(
    scale: Annotated[float, typer.Option("--scale", metavar="F", help="Share of the published size.")] = 0.1,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 2014,
    out: Annotated[str, typer.Option("--out", metavar="DIR")] = "permits-demo",
    json: Json = False,
) -> None:
    """The national operation of 2014 replayed, from filing to the three-year card."""
    from permits_engine.demo import run_demo

    account = run_demo(scale=scale, seed=seed, out=Path(out))
    told = account.pop("told")
    if json:
        output.out(output.as_json(account))
        return
    for line in told:
        output.out(line)
