"""Control across permits: what officers did, which decisions fail a check, who looked at whom, a yearly sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Annotated, Any

from permits_engine.audit.replay.officer_acts import Controlled
from permits_engine.cli import output
from permits_engine.cli.command import Answer, command
from permits_engine.cli.options import Limit, Workers, day, flag, id_option, option
from permits_engine.domain.errors import invalid
from permits_engine.engine import Engine


@command(
    "audit",
    "permits audit --actor officer-17 --from 2017-01-01 --to 2017-12-31",
    "permits audit --failing --from 2017-01-01 --json",
    "permits audit --looks --holder ID",
    "permits audit --sample 50 --seed 2017 --from 2017-01-01 --to 2017-12-31",
    roles=["auditor", "administrator"],
)
def audit(
    engine: Engine,
    actor_id: Annotated[str | None, option("--actor", "X", "Only what this officer did [everybody].")] = None,
    first: Annotated[date | None, day("--from", "From that legal date on.")] = None,
    last: Annotated[date | None, day("--to", "Until that legal date.")] = None,
    recorded: Annotated[bool, flag("--recorded", "The days are those of the recording instead.")] = False,
    failing: Annotated[
        bool, flag("--failing", "Decisions that fail a quality check, each with why.")
    ] = False,
    looks: Annotated[bool, flag("--looks", "Who looked at whose personal data.")] = False,
    holder: Annotated[
        str | None, id_option("--holder", "With --looks: at this person only.", "permits find")
    ] = None,
    sample: Annotated[int | None, option("--sample", "N", "So many decisions, drawn at random.")] = None,
    seed: Annotated[int, option("--seed", "S", "The same seed draws the same decisions.")] = 0,
    workers: Workers = 1,
    limit: Limit = 1000,
) -> Answer:
    """Show what was done across permits, and how well.

    With --actor every act of an officer, without it how often everybody did what. Nothing encrypted is read.
    """
    if failing + looks + (sample is not None) > 1:
        raise invalid("permits audit", "give one of --failing, --looks and --sample")
    days: dict[str, Any] = {"first": first, "last": last}
    if looks:
        return _rows(engine.audit.looks(actor_id, holder_id=holder, **days), limit)
    days["recorded"] = recorded
    if failing or sample is not None:
        with output.bar("looking at decisions") as progress:
            found = engine.audit.controlled(
                actor_id, sample=sample, seed=seed, workers=workers, progress=progress, **days
            )
        return _decisions(found, limit)
    if actor_id is not None:
        return _rows(engine.audit.acts(actor_id, **days), limit)
    return _rows(engine.audit.acts_counted(**days), limit)


def _rows(rows: Iterable[Mapping[str, Any]], limit: int) -> Answer:
    found = list(islice(rows, limit + 1))
    return Answer(found[:limit], lambda: output.table(found[:limit]), hint=_hint(found, limit))


def _decisions(found: Controlled, limit: int) -> Answer:
    rows = found.rows[:limit]

    def show() -> None:
        output.out(f"{found.decisions} decisions of persons, of which {found.failing} fail a quality check")
        for check, count in sorted(found.by_gate.items()):
            output.out(f"  {count}  {check}")
        for row in rows:
            output.out(
                output.safe(
                    f"{row['permit_id']} version {row['version']}  {row['event']} of {row['on']} "
                    f"by {row['actor']} ({row['role']}), {row['office']}"
                )
            )
            for failed in row["failed"]:
                output.out(output.safe(f"    failed  {failed['gate']}: {failed['because']}"))

    result = {"decisions": found.decisions, "failing": found.failing, "by_gate": found.by_gate, "rows": rows}
    return Answer(result, show, hint=_hint(found.rows, limit))


def _hint(rows: Sequence[Mapping[str, Any]], limit: int) -> str:
    return f"{limit} shown; --limit shows more" if len(rows) > limit else ""
