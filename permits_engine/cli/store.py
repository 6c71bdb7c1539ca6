"""The store itself: made, looked at, rebuilt; and the demo that fills one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, open_engine, operator_of, settings_now


def init(json: Json = False) -> None:
    """Create or upgrade the store, adopt the packaged policies, make the key file."""
    from permits_engine.engine import Engine, default_key_file

    settings = settings_now()
    keys = settings.keys or default_key_file(settings.store)
    had = Path(keys).exists()
    with Engine.initialise(settings.store, keys=keys, operator=operator_of(settings)) as engine:
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


def status(json: Json = False) -> None:
    """Head position, read models, the last pass, parked notices and files."""
    with open_engine() as engine:
        state = engine.status()
    if json:
        output.out(output.as_json(state))
    else:
        output.pairs(state)


def doctor(json: Json = False) -> int:
    """What is wrong with the set-up, if anything."""
    from permits_engine.cli.doctor import findings

    settings = settings_now()
    with open_engine() as engine:
        found = findings(engine, settings)
    if json:
        output.out(output.as_json({"findings": found}))
    elif not found:
        output.out("nothing to say: the set-up is sound")
    else:
        for each in found:
            output.out(f"{each['level']}: {each['message']}")
    return 1 if any(each["level"] == "error" for each in found) else 0


def rebuild(
    name: Annotated[str | None, typer.Argument(help="permits or notices; default: both.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare, change nothing.")] = False,
    json: Json = False,
) -> int:
    """Compute the read models again from history."""
    from permits_engine.cli.progress import bar

    with open_engine() as engine, bar("checking" if check else "rebuilding") as progress:
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


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command("init")(init)
    app.command("status")(status)
    app.command("doctor")(doctor)
    app.command("rebuild")(rebuild)
    app.command("demo")(demo)
