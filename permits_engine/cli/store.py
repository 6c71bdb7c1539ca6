"""The store itself: made, looked at, rebuilt; and the demo that fills one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.operator import Operator
from permits_engine.cli.options import (
    Json,
    keys_of,
    masters_of,
    open_engine,
    operator_of,
    service_of,
    settings_now,
    signing_of,
)


def init(
    jurisdiction: Annotated[
        list[str] | None,
        typer.Option(
            "--jurisdiction",
            metavar="J",
            help="A country to adopt the packaged policy of, the home country first [all].",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Create the store.

    Adopts the packaged policies and makes the key file where there is none.
    """
    from permits_engine.engine import Engine

    settings = settings_now()
    Operator.of(settings).require("administrator")
    elsewhere = settings.master_keys is not None
    keys = None if elsewhere else keys_of(settings)
    had = keys is None or keys.exists()
    with Engine.initialise(
        settings.store,
        keys=masters_of(settings),
        key_service=service_of(settings),
        signing_key=signing_of(settings),
        jurisdictions=jurisdiction,
        operator=operator_of(settings),
    ) as engine:
        state = engine.queries.status()
        name = engine.database.name
        signing, (verifier, *_) = (
            engine.context.signing.path,
            engine.context.signing.verifiers(engine.audit.origin),
        )
    result: dict[str, Any] = {
        "store": name,
        "keys": "PERMITS_MASTER_KEYS" if keys is None else str(keys),
        "keys_created": not had,
        "signing_key": str(signing),
        "verifier_key": str(verifier),
        "policies": [each["jurisdiction"] for each in state["policies"]],
    }
    if output.result(result, machine=json):
        return
    output.out(f"The store {result['store']} is ready; policies: {', '.join(result['policies'])}.")
    if not had:
        output.out(
            f"The master key is in {keys}: without it every name in the store is lost; keep a copy apart."
        )
        output.out(
            f"The key that signs checkpoints is in {signing}; give its public half away: permits checkpoint --key"
        )


def status(json: Json = False) -> None:
    """The head, the last pass, and what is parked."""
    from permits_engine.cli import views
    from permits_engine.store.events.timestamps import iso

    with open_engine() as engine:
        state = engine.queries.status()
    for part, name in ((state["head"], "recorded_at"), (state["last_pass"] or {}, "finished_at")):
        if isinstance(part.get(name), int):
            part[name] = iso(part[name])
    if not output.result(state, machine=json):
        views.status(state)


def doctor(json: Json = False) -> int:
    """What is wrong with the set-up.

    Exit 1 where something has to be put right; warnings and notes are exit 0.
    """
    from permits_engine.cli.doctor import findings

    settings = settings_now()
    with open_engine() as engine:
        found = findings(engine, settings)
    if output.result({"findings": found}, machine=json):
        pass
    elif not found:
        output.out("nothing to say: the set-up is sound")
    else:
        for each in found:
            output.out(f"{each['level']}: {each['message']}")
    return 1 if any(each["level"] == "error" for each in found) else 0


def rebuild(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="permits or notices [both].")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare, change nothing (exit 3 where they differ).")
    ] = False,
    json: Json = False,
) -> int:
    """Compute the read models again from history."""
    from permits_engine.cli.output import bar

    needed = () if check else ("administrator",)
    with open_engine(*needed) as engine, bar("checking" if check else "rebuilding") as progress:
        report = engine.store.rebuild(name, check=check, progress=progress)
    result = {
        "models": report.models,
        "streams": report.streams,
        "written": report.written,
        "parked": report.parked,
        "differences": report.differences,
    }
    if output.result(result, machine=json):
        pass
    elif check:
        output.out(f"{report.streams} streams compared, {len(report.differences)} differ")
        for each in report.differences[:20]:
            output.out(output.cell(each))
    else:
        output.out(f"{report.written} rows written, {report.parked} streams parked")
    return 3 if report.differences else 0


def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The new file; one that is there is kept.")],
    pg_dump: Annotated[
        str, typer.Option("--pg-dump", metavar="PROGRAM", help="PostgreSQL's own tool for dumps.")
    ] = "pg_dump",
    json: Json = False,
) -> None:
    """Copy the store while it is in use.

    An SQLite database, or a dump for psql. A store restored from it says so to permits verify. The key files
    are not in it: keep copies of them apart.
    """
    from permits_engine.store.events.timestamps import iso

    with open_engine("administrator") as engine:
        made = engine.store.backup(Path(file), pg_dump=pg_dump)
    result = {
        "file": file,
        "position": made.position,
        "recorded_at": iso(made.recorded_at),
        "made_at": iso(made.made_at),
    }
    if not output.result(result, machine=json):
        output.out(f"{file} holds the history up to event {made.position} of {result['recorded_at']}.")


def demo(
    scale: Annotated[
        float, typer.Option("--scale", metavar="F", min=0, max=10, help="Share of the published size.")
    ] = 0.1,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="The same seed gives the same history.")
    ] = 2014,
    out: Annotated[
        str, typer.Option("--out", metavar="DIR", help="A folder that is empty or not there.")
    ] = "permits-demo",
    json: Json = False,
) -> None:
    """The operation of 2014 replayed at scale.

    From filing to the three-year card, end to end, into a store of its own.
    """
    from permits_engine.cli.demo import run_demo

    account = run_demo(scale=scale, seed=seed, out=Path(out))
    told = account.pop("told")
    if output.result(account, machine=json):
        return
    for line in told:
        output.out(line)


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "init",
        epilog=examples("permits init", "PERMITS_KEYS=/etc/permits.keys permits --store postgresql://… init"),
    )(init)
    app.command("status", epilog=examples("permits status --json"))(status)
    app.command("doctor", epilog=examples("permits doctor"))(doctor)
    app.command("rebuild", epilog=examples("permits rebuild --check", "permits rebuild notices"))(rebuild)
    app.command("backup", epilog=examples("permits backup permits-2026-11-24.db"))(backup)
    app.command("demo", epilog=examples("permits demo", "permits demo --scale 1 --seed 7 --out demo"))(demo)
