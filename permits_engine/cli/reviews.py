"""Whole histories looked at again: decided once more, or under another policy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from permits_engine.cli import output
from permits_engine.cli.options import Json, open_engine
from permits_engine.cli.usage import examples

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

    from permits_engine.cli.progress import bar
    from permits_engine.replay.replaying import replay as run
    from permits_engine.replay.running import Hands
    from permits_engine.reviewing import exported

    with bar("deciding again") as progress:
        if parquet is not None:
            source, name = exported(parquet)
            report = run(source, name, hands=Hands(workers, dask), state=state, progress=progress)
        else:
            with open_engine("auditor", "administrator") as engine:
                report = engine.replay(workers=workers, dask=dask, state=state, progress=progress)
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


def add_to(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command(
        "replay",
        epilog=examples(
            "permits replay --workers 4 --state replay.progress",
            "permits replay --parquet history --dask tcp://scheduler:8786",
        ),
    )(replay)
