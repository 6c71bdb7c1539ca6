"""Whole histories looked at again: decided once more, or under another policy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.help import examples
from permits_engine.cli.options import (
    Json,
    PermitId,
    Purpose,
    day_of,
    id_of,
    instant_of,
    open_engine,
    operator_now,
)
from permits_engine.domain.errors import invalid

Parquet = Annotated[
    str | None,
    typer.Option(
        "--parquet", metavar="DIR", help="Read an export instead of the store, which is not needed."
    ),
]
Workers = Annotated[int, typer.Option("--workers", metavar="N", help="Processes of this machine.")]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask", metavar="ADDRESS", help="A Dask scheduler whose workers can read the same source."
    ),
]
State = Annotated[
    str | None,
    typer.Option("--state", metavar="FILE", help="Keep progress there; run again, it goes on from it."),
]


def diff(
    permit_id: PermitId,
    known_at: Annotated[
        list[str],
        typer.Option(
            "--known-at", metavar="T", help="Two moments of knowledge, the earlier first (one: and now)."
        ),
    ],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="D", help="The legal date asked about [today].")
    ] = None,
    purpose: Purpose = None,
    json: Json = False,
) -> None:
    """What differs between two states of knowledge.

    Field by field on one legal date, each with the event, the adopted policy or the published rule that did it.
    """
    from permits_engine.cli import views

    if not 1 <= len(known_at) <= 2:
        raise invalid("--known-at", "give it twice: the earlier moment, then the later one")
    moments = [instant_of(each, "--known-at") for each in known_at]
    wanted, day = id_of(permit_id), day_of(as_of, "--as-of")
    with open_engine() as engine:
        found = operator_now().ask(
            engine, lambda reader: reader.queries.diff(wanted, *moments, as_of=day), purpose
        )
    if not output.result(found, machine=json):
        views.difference(found)


def replay(
    parquet: Parquet = None,
    workers: Workers = 1,
    dask: Dask = None,
    state: State = None,
    json: Json = False,
) -> int:
    """Decide every decision again.

    From its recorded input, under the rules that it pins; exit 3 where it would not be what it was. What came
    in with an old register was decided elsewhere and is counted apart.
    """
    import msgspec

    from permits_engine.audit.replay.parallel import Hands
    from permits_engine.audit.replay.replay import replay as run
    from permits_engine.audit.replay.service import exported
    from permits_engine.cli.output import bar

    with bar("deciding again") as progress:
        if parquet is not None:
            source, name = exported(parquet)
            report = run(source, name, hands=Hands(workers, dask), state=state, progress=progress)
        else:
            with open_engine("auditor", "administrator") as engine:
                report = engine.replays.replay(workers=workers, dask=dask, state=state, progress=progress)
    if not output.result(msgspec.to_builtins(report), machine=json):
        _tell_replay(report)
    return output.EXIT["integrity"] if report.disagree else 0


def _tell_replay(report: Any) -> None:
    total = sum(report.decisions.values())
    output.out(f"{total} decisions of {report.streams} permits decided again ({report.events} events)")
    if report.imported:
        output.out(f"{report.imported} events came in with an old register and were decided elsewhere")
    if not report.disagree:
        output.out("each leads to the same events")
        return
    output.out(f"{report.disagree} would not be what they were:")
    for each in report.differences[:20]:
        output.out(f"{each.permit_id} version {each.version} ({each.command})")
        output.out(f"  recorded  {output.cell(_short(each.recorded))}")
        again = f"refused, {each.error['message']}" if each.error else output.cell(_short(each.again))
        output.out(output.safe(f"  again     {again}"))
    if report.disagree > 20:
        output.out(f"and {report.disagree - 20} more (--json shows them)")


def _short(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in each.items() if value not in (None, [], False)} for each in events
    ]


def what_if(
    policy: Annotated[
        str,
        typer.Option(
            "--policy", metavar="FILE", help="The other policy text; parts it lacks are those in use."
        ),
    ],
    until: Annotated[
        str | None, typer.Option("--until", metavar="D", help="The last legal day [that of the last act].")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="GROUP", help="Also by office, or by year.")
    ] = None,
    list_: Annotated[
        str | None,
        typer.Option("--list", metavar="FILE", help="Write a CSV of the permits behind each figure there."),
    ] = None,
    parquet: Parquet = None,
    workers: Workers = 1,
    dask: Dask = None,
    state: State = None,
    json: Json = False,
) -> None:
    """The history decided again under another policy.

    Says what would differ.

    From outside facts only: filings, opinions, requests, absences, and what offices judged. An act that the
    other policy has no occasion for is spared; where it needs an act that nobody did, the permit is
    undetermined from that day and counted apart.
    """
    from permits_engine.audit.replay import service
    from permits_engine.audit.replay.parallel import Hands
    from permits_engine.audit.replay.what_if import summary
    from permits_engine.cli.output import bar
    from permits_engine.policies.loading import read_file

    if by not in {None, "office", "year"}:
        raise invalid("--by", f"{by!r} is neither office nor year")
    text, last, hands = read_file(policy), day_of(until, "--until"), Hands(workers, dask)
    with bar("deciding otherwise") as progress:
        if parquet is not None:
            source, name = service.exported(parquet)
            told = service.what_if(source, name, text, last, hands, state=state, progress=progress)
        else:
            with open_engine("auditor", "administrator") as engine:
                told = engine.replays.what_if(
                    text, until=last, workers=workers, dask=dask, state=state, progress=progress
                )
    found = summary(told)
    if list_ is not None:
        _write_list(list_, found)
    plain = {"files": told.files, "elsewhere": told.elsewhere, "differ": told.differ, **found}
    if not output.result(plain, machine=json):
        _tell_what_if(plain, by)


def reexamine(
    policy: Annotated[
        str, typer.Option("--policy", metavar="FILE", help="The policy text under which they are looked at.")
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="KEY=A,B",
            help="category, criterion, nationality, sex or prefecture; filed_from, filed_to, refused_from, "
            "refused_to; may be given several times.",
        ),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Open each again, as events; the text must be the one in use.")
    ] = False,
    on: Annotated[str | None, typer.Option("--on", metavar="D", help="The legal day [today].")] = None,
    workers: Workers = 1,
    state: State = None,
    json: Json = False,
) -> None:
    """Refused files that another policy would now accept.

    With --record each is opened again in batches; stopped and run again it goes on, and opens nothing twice.
    """
    import msgspec

    from permits_engine.cli.output import bar
    from permits_engine.policies.loading import read_file

    text, day, conditions = read_file(policy), day_of(on, "--on"), _conditions(where or [])
    roles = ("hierarchy", "decider") if record else ("auditor", "administrator", "hierarchy", "decider")
    with open_engine(*roles) as engine:
        with bar("looking at refusals") as progress:
            found = engine.replays.reexamine(
                text, conditions, on=day, workers=workers, state=state, progress=progress
            )
        done = None
        if record:
            actor = operator_now().acting("hierarchy", "decider")
            with bar("opening again") as progress:
                done = engine.replays.reopen(found, text, actor=actor, on=day, progress=progress)
    plain = {**msgspec.to_builtins(found), "recorded": done}
    if output.result(plain, machine=json):
        return
    output.out(f"{found.looked_at} refused files looked at, {len(found.accepted)} would now be accepted")
    for code, count in sorted(found.still.items()):
        output.out(f"  {count} would not: {code}")
    columns = ["permit_id", "office", "category", "criterion", "nationality", "sex", "filed_on", "refused_on"]
    if found.accepted:
        output.table([{name: getattr(each, name) for name in columns} for each in found.accepted])
    if done is not None:
        output.out(f"{done.pop('opened')} opened again")
        for code, count in sorted(done.items()):
            output.out(f"  {count} not: {code}")


def _conditions(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not value.strip() or name.strip() in found:
            raise invalid("--where", f"{each!r} is not KEY=VALUE, or comes twice; write criterion=R3,R4")
        found[name.strip()] = value.strip()
    return found


def _tell_what_if(found: dict[str, Any], by: str | None) -> None:
    output.out(f"{found['files']} permits, of which {found['differ']} would have gone otherwise")
    output.table([_row(name, each) for name, each in found["figures"].items()])
    for kind, words in _KINDS.items():
        if found[kind]:
            output.out()
            output.out(words)
            for name, each in found[kind].items():
                output.out(output.safe(f"  {each['history']}  {name}"))
    if by is not None:
        output.out()
        rows = [
            {by: group, **_row(name, each)}
            for name, figure in found["figures"].items()
            for group, each in figure[f"by_{by}"].items()
        ]
        output.table(sorted(rows, key=lambda row: str(row[by])))


_KINDS = {
    "spared": "Spared: acts for which there would have been no occasion",
    "refused": "Refused: acts that would not have been possible",
    "undetermined": "Undetermined from some day on: an act is needed that history does not hold",
}


def _row(name: str, each: dict[str, Any]) -> dict[str, Any]:
    return {
        "figure": name.replace("_", " "),
        "history": each["history"],
        "otherwise": each["other"],
        "difference": f"{each['other'] - each['history']:+d}",
    }


def _write_list(path: str, found: dict[str, Any]) -> None:
    import csv
    from pathlib import Path

    singular = {"figures": "figure"}
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["kind", "name", "office", "year", "permit_id"])
            for kind in ("figures", "spared", "refused", "undetermined"):
                for name, each in found[kind].items():
                    for cell in each["cells"]:
                        for permit_id in cell["permits"]:
                            rows.writerow(
                                [singular.get(kind, kind), name, cell["office"], cell["year"], permit_id]
                            )
    except OSError as problem:
        raise invalid("--list", f"{path} cannot be written: {problem.strerror}") from None


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "diff",
        epilog=examples(
            "permits diff ID --known-at 2017-07-01T00:00:00Z --known-at 2017-08-01T00:00:00Z --as-of 2017-06-01"
        ),
    )(diff)
    app.command(
        "replay",
        epilog=examples(
            "permits replay --workers 4 --state replay.progress",
            "permits replay --parquet history --dask tcp://scheduler:8786",
        ),
    )(replay)
    app.command(
        "what-if",
        epilog=examples(
            "permits what-if --policy three-years.yaml --workers 2 --by year",
            "permits what-if --policy three-years.yaml --json",
        ),
    )(what_if)
    app.command(
        "reexamine",
        epilog=examples(
            "permits reexamine --policy widened.yaml --where category=regularisation-2014 --where criterion=R3,R4",
            "permits reexamine --policy widened.yaml --where sex=F --record",
        ),
    )(reexamine)
