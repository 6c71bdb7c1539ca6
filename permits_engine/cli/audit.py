"""Control across permits: what officers did, which decisions fail a gate, who looked at whom, a yearly sample."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import Json, Limit, day_of, id_of, open_engine
from permits_engine.domain.errors import invalid


def audit(
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="X", help="Only what this officer did [everybody].")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="D", help="From that legal date on.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="D", help="Until that legal date.")] = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="The days are those of the recording instead.")
    ] = False,
    failing: Annotated[
        bool, typer.Option("--failing", help="Decisions that fail a gate of quality, each with why.")
    ] = False,
    looks: Annotated[bool, typer.Option("--looks", help="Who looked at whose personal data.")] = False,
    holder: Annotated[
        str | None, typer.Option("--holder", metavar="ID", help="With --looks: at this person only.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", metavar="N", help="So many decisions, drawn by lot.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", help="The same seed draws the same decisions.")
    ] = 0,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes of this machine.")] = 1,
    limit: Limit = 1000,
    json: Json = False,
) -> None:
    """What was done across permits, and how well.

    With --actor every act of an officer, without it how often everybody did what. Nothing that is encrypted is
    opened.
    """
    if failing + looks + (sample is not None) > 1:
        raise invalid("permits audit", "give one of --failing, --looks and --sample")
    given: dict[str, Any] = {"first": day_of(first, "--from"), "last": day_of(last, "--to")}
    with open_engine("auditor", "administrator") as engine:
        if looks:
            whom = id_of(holder, "permits find") if holder is not None else None
            found = engine.audit.looks(actor, holder_id=whom, **given)
            _rows(list(islice(found, limit + 1)), limit, json)
        elif failing or sample is not None:
            _decisions(engine, actor, {**given, "recorded": recorded}, sample, seed, workers, limit, json)
        elif actor is not None:
            _rows(list(islice(engine.audit.acts(actor, recorded=recorded, **given), limit + 1)), limit, json)
        else:
            _rows(engine.audit.acts_counted(recorded=recorded, **given), limit, json)


def _rows(rows: list[dict[str, Any]], limit: int, machine: bool) -> None:
    shown = rows[:limit]
    if not output.result(shown, machine=machine):
        output.table(shown)
    if len(rows) > limit:
        output.say(f"{limit} shown; --limit shows more")


def _decisions(
    engine: Any,
    actor: str | None,
    given: dict[str, Any],
    sample: int | None,
    seed: int,
    workers: int,
    limit: int,
    machine: bool,
) -> None:
    from permits_engine.cli.output import bar

    with bar("looking at decisions") as progress:
        found = engine.audit.controlled(
            actor, sample=sample, seed=seed, workers=workers, progress=progress, **given
        )
    rows = found.rows[:limit]
    plain = {"decisions": found.decisions, "failing": found.failing, "by_gate": found.by_gate, "rows": rows}
    if output.result(plain, machine=machine):
        return
    output.out(f"{found.decisions} decisions of persons, of which {found.failing} fail a gate of quality")
    for gate, count in sorted(found.by_gate.items()):
        output.out(f"  {count}  {gate}")
    for row in rows:
        output.out(
            output.safe(
                f"{row['permit_id']} version {row['version']}  {row['event']} of {row['on']} "
                f"by {row['actor']} ({row['role']}), {row['office']}"
            )
        )
        for gate in row["failed"]:
            output.out(output.safe(f"    failed  {gate['gate']}: {gate['because']}"))
    if len(found.rows) > limit:
        output.say(f"{limit} shown; --limit shows more")


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "audit",
        epilog=examples(
            "permits audit --actor officer-17 --from 2017-01-01 --to 2017-12-31",
            "permits audit --failing --from 2017-01-01 --json",
            "permits audit --looks --holder ID",
            "permits audit --sample 50 --seed 2017 --from 2017-01-01 --to 2017-12-31",
        ),
    )(audit)
