"""The store itself: created, looked at, rebuilt, copied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from permits_engine.cli import output, views
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import argument, flag, option
from permits_engine.cli.session import Session
from permits_engine.engine import Engine
from permits_engine.store.events.timestamps import iso


@command(
    "init",
    "permits init",
    "PERMITS_KEYS=/etc/permits.keys permits --store postgresql://… init",
    roles=["administrator"],
)
def init(
    session: Session,
    jurisdiction: Annotated[
        list[str] | None,
        option(
            "--jurisdiction", "J", "A country whose packaged policy to adopt, the home country first [all]."
        ),
    ] = None,
) -> Answer:
    """Create the store.

    Adopts the packaged policies, and makes the key file where there is none.
    """
    settings = session.settings
    keys = None if settings.master_keys is not None else settings.key_file
    had_keys = keys is None or keys.exists()
    with session.initialise(jurisdiction) as engine:
        signing = engine.context.signing
        result: dict[str, Any] = {
            "store": engine.database.name,
            "keys": "PERMITS_MASTER_KEYS" if keys is None else str(keys),
            "keys_created": not had_keys,
            "signing_key": str(signing.path),
            "verifier_key": str(signing.verifiers(engine.audit.origin)[0]),
            "policies": [each["jurisdiction"] for each in engine.queries.status()["policies"]],
        }
    lines = [f"The store {result['store']} is ready; policies: {', '.join(result['policies'])}."]
    if not had_keys:
        lines += [
            f"The master key is in {keys}: without it every name in the store is lost; keep a copy apart.",
            f"The key that signs checkpoints is in {signing.path}; "
            "give its public half away: permits checkpoint --key",
        ]
    return answer(result, *lines)


@command("status", "permits status --json", show=views.status)
def status(engine: Engine) -> dict[str, Any]:
    """Show the head, the last pass and what is parked."""
    state: dict[str, Any] = dict(engine.queries.status())
    for part, name in ((state["head"], "recorded_at"), (state["last_pass"] or {}, "finished_at")):
        if isinstance(part.get(name), int):
            part[name] = iso(part[name])
    return state


@command("rebuild", "permits rebuild --check", "permits rebuild notices")
def rebuild(
    session: Session,
    name: Annotated[str | None, argument("NAME", "permits or notices [both].")] = None,
    check: Annotated[bool, flag("--check", "Compare, change nothing (exit 3 where they differ).")] = False,
) -> Answer:
    """Compute the read models again from history."""
    roles = () if check else ("administrator",)
    with session.open(*roles) as engine, output.bar("checking" if check else "rebuilding") as progress:
        report = engine.store.rebuild(name, check=check, progress=progress)

    def show() -> None:
        if not check:
            output.out(f"{report.written} rows written, {report.parked} streams parked")
            return
        output.out(f"{report.streams} streams compared, {len(report.differences)} differ")
        for each in report.differences[:20]:
            output.out(output.cell(each))

    return Answer(report, show, output.EXIT["integrity"] if report.differences else 0)


@command("backup", "permits backup permits-2026-11-24.db", roles=["administrator"])
def backup(
    engine: Engine,
    file: Annotated[str, argument("FILE", "The new file; a file that is there is not replaced.")],
    pg_dump: Annotated[str, option("--pg-dump", "PROGRAM", "PostgreSQL's own tool for dumps.")] = "pg_dump",
) -> Answer:
    """Copy the store while it is in use.

    An SQLite database, or a dump for psql. A store restored from it says so to permits verify. The key files
    are not in it: keep copies of them apart.
    """
    made = engine.store.backup(Path(file), pg_dump=pg_dump)
    result = {
        "file": file,
        "position": made.position,
        "recorded_at": iso(made.recorded_at),
        "made_at": iso(made.made_at),
    }
    return answer(result, f"{file} holds the history up to event {made.position} of {result['recorded_at']}.")
