"""Whole histories looked at again: decided once more, or under another policy."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec

from permits_engine.audit.replay.parallel import Run, Workers
from permits_engine.audit.replay.parquet import ParquetSource
from permits_engine.audit.replay.reexamination import Reexamined
from permits_engine.audit.replay.replay import ReplayReport
from permits_engine.audit.replay.replay import replay as replay_history
from permits_engine.audit.replay.sources import Source, StoreSource
from permits_engine.audit.replay.what_if import summary
from permits_engine.audit.replay.what_if import what_if as compare
from permits_engine.cli import output
from permits_engine.cli.command import Answer, answer, command
from permits_engine.cli.options import Workers as Processes
from permits_engine.cli.options import day, flag, one_of, option
from permits_engine.cli.session import Session
from permits_engine.domain.errors import invalid
from permits_engine.policies.loading import read_file

Parquet = Annotated[
    str | None, option("--parquet", "DIR", "Read an export instead of the store, which is not needed.")
]
Dask = Annotated[
    str | None, option("--dask", "ADDRESS", "A Dask scheduler whose workers can read the same source.")
]
State = Annotated[str | None, option("--state", "FILE", "Keep progress there; run again, it continues.")]
READERS = ("auditor", "administrator")
OFFICERS = ("hierarchy", "decider")
SHOWN = 20
"""Decisions that differ, as far as they are printed for people."""
_KINDS = {
    "spared": "Spared: acts for which there would have been no occasion",
    "refused": "Refused: acts that would not have been possible",
    "undetermined": "Undetermined from some day on: an act is needed that history does not hold",
}


@command(
    "replay",
    "permits replay --workers 4 --state replay.progress",
    "permits replay --parquet history --dask tcp://scheduler:8786",
)
def replay(
    session: Session, parquet: Parquet = None, workers: Processes = 1, dask: Dask = None, state: State = None
) -> Answer:
    """Decide every decision again.

    From its recorded input, under the rules that it pins; exit 3 where the result differs. What was imported with an
    old register was decided elsewhere and is counted apart.
    """
    with output.bar("deciding again") as progress, _history(session, parquet) as source:
        report = replay_history(source, Run(Workers(workers, dask), state, progress))
    return answer(report, *_replayed(report), code=output.EXIT["integrity"] if report.disagree else 0)


@contextmanager
def _history(session: Session, parquet: str | None) -> Iterator[Source]:
    """Give the history to be read: an export, which needs no store, or the store's."""
    if parquet is not None:
        yield ParquetSource.at(parquet)
        return
    with session.open(*READERS) as engine:
        yield StoreSource.of(engine.database)


def _replayed(report: ReplayReport) -> Iterator[str]:
    total = sum(report.decisions.values())
    yield f"{total} decisions of {report.streams} permits decided again ({report.events} events)"
    if report.imported:
        yield f"{report.imported} events were imported with an old register and were decided elsewhere"
    if not report.disagree:
        yield "each leads to the same events"
        return
    yield f"{report.disagree} differ from what was recorded:"
    for each in report.differences[:SHOWN]:
        yield f"{each.permit_id} version {each.version} ({each.command})"
        yield f"  recorded  {output.cell(_short(each.recorded))}"
        again = f"refused, {each.error['message']}" if each.error else output.cell(_short(each.again))
        yield output.safe(f"  again     {again}")
    if report.disagree > SHOWN:
        yield f"and {report.disagree - SHOWN} more (--json shows them)"


def _short(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in each.items() if value not in (None, [], False)} for each in events
    ]


@command(
    "what-if",
    "permits what-if --policy three-years.yaml --workers 2 --by year",
    "permits what-if --policy three-years.yaml --json",
)
def what_if(
    session: Session,
    policy: Annotated[
        str, option("--policy", "FILE", "The other policy text; parts it lacks are those in use.", read_file)
    ],
    until: Annotated[date | None, day("--until", "The last legal day [that of the last act].")] = None,
    by: Annotated[
        str | None, one_of("--by", "GROUP", "Also by office, or by year.", "office", "year")
    ] = None,
    list_: Annotated[
        str | None, option("--list", "FILE", "Write a CSV of the permits behind each figure there.")
    ] = None,
    parquet: Parquet = None,
    workers: Processes = 1,
    dask: Dask = None,
    state: State = None,
) -> Answer:
    """Decide the history again under another policy.

    Says what would differ. It starts from facts outside the engine: filings, opinions, requests, absences, and what
    offices judged. An act for which the other policy has no occasion is left out; where it needs an act that was not
    done, the permit is undetermined from that day and counted apart.
    """
    with output.bar("deciding otherwise") as progress, _history(session, parquet) as source:
        compared = compare(source, policy, until, Run(Workers(workers, dask), state, progress))
    found = summary(compared)
    if list_ is not None:
        _write_list(list_, found)
    result = {"files": compared.files, "elsewhere": compared.elsewhere, "differ": compared.differ, **found}
    return Answer(result, lambda: _show_what_if(result, by))


def _show_what_if(found: dict[str, Any], by: str | None) -> None:
    output.out(f"{found['files']} permits, of which {found['differ']} would have gone otherwise")
    output.table([_figure(name, each) for name, each in found["figures"].items()])
    for kind, words in _KINDS.items():
        if found[kind]:
            output.out()
            output.out(words)
            for name, each in found[kind].items():
                output.out(output.safe(f"  {each['history']}  {name}"))
    if by is not None:
        output.out()
        rows = [
            {by: group, **_figure(name, each)}
            for name, figure in found["figures"].items()
            for group, each in figure[f"by_{by}"].items()
        ]
        output.table(sorted(rows, key=lambda row: str(row[by])))


def _figure(name: str, each: dict[str, Any]) -> dict[str, Any]:
    return {
        "figure": name.replace("_", " "),
        "history": each["history"],
        "otherwise": each["other"],
        "difference": f"{each['other'] - each['history']:+d}",
    }


def _write_list(path: str, found: dict[str, Any]) -> None:
    singular = {"figures": "figure"}
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["kind", "name", "office", "year", "permit_id"])
            for kind in ("figures", *_KINDS):
                for name, each in found[kind].items():
                    for cell in each["cells"]:
                        where = [singular.get(kind, kind), name, cell["office"], cell["year"]]
                        rows.writerows([*where, permit_id] for permit_id in cell["permits"])
    except OSError as problem:
        raise invalid("--list", f"{path} cannot be written: {problem.strerror}") from None


@command(
    "reexamine",
    "permits reexamine --policy widened.yaml --where category=regularisation-2014 --where criterion=R3,R4",
    "permits reexamine --policy widened.yaml --where sex=F --record",
)
def reexamine(
    session: Session,
    policy: Annotated[
        str, option("--policy", "FILE", "The policy text under which they are looked at.", read_file)
    ],
    where: Annotated[
        list[str] | None,
        option(
            "--where",
            "KEY=A,B",
            "category, criterion, nationality, sex or prefecture; filed_from, filed_to, refused_from, "
            "refused_to; may be given several times.",
        ),
    ] = None,
    record: Annotated[
        bool, flag("--record", "Open each again, as events; the text must be the one in use.")
    ] = False,
    on: Annotated[date | None, day("--on", "The legal day [today].")] = None,
    workers: Processes = 1,
    state: State = None,
) -> Answer:
    """List refused files that another policy would accept.

    With --record each is opened again in batches; a run that was stopped continues when it is started again, and
    opens nothing twice.
    """
    conditions = _conditions(where or [])
    with session.open(*(OFFICERS if record else (*READERS, *OFFICERS))) as engine:
        with output.bar("looking at refusals") as progress:
            found = engine.replays.reexamine(
                policy, conditions, on=on, workers=workers, state=state, progress=progress
            )
        done = None
        if record:
            actor = session.operator.acting(*OFFICERS)
            with output.bar("opening again") as progress:
                done = engine.replays.reopen(found, policy, actor=actor, on=on, progress=progress)
    return Answer({**msgspec.to_builtins(found), "recorded": done}, lambda: _show_reexamined(found, done))


def _show_reexamined(found: Reexamined, done: dict[str, int] | None) -> None:
    output.out(f"{found.looked_at} refused files looked at, {len(found.accepted)} would now be accepted")
    for code, count in sorted(found.still.items()):
        output.out(f"  {count} would not: {code}")
    columns = ("permit_id", "office", "category", "criterion", "nationality", "sex", "filed_on", "refused_on")
    if found.accepted:
        output.table(found.accepted, columns)
    if done is not None:
        output.out(f"{done['opened']} opened again")
        for code, count in sorted(done.items()):
            if code != "opened":
                output.out(f"  {count} not: {code}")


def _conditions(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not value.strip() or name.strip() in found:
            raise invalid("--where", f"{each!r} is not KEY=VALUE, or comes twice; write criterion=R3,R4")
        found[name.strip()] = value.strip()
    return found
