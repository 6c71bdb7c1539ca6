"""What reads a whole history: folded, verified, rebuilt, decided again; and one file loaded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from benchmarks.corpus import grown
from benchmarks.measure import Measure, Took, best, compared, timed
from benchmarks.raw import Raw
from benchmarks.stores import Place
from permits_engine import Engine
from permits_engine.audit.replay.sources import StoreSource
from permits_engine.domain.permit.fold import fold
from permits_engine.policies.loading import packaged

LOADS = 2000


def measured(place: Place, events: int) -> Iterator[Measure]:
    """Every measure of reading on a history of about so many events."""
    with place.engine() as engine:
        permits = grown(engine, events)
        engine.audit.checkpoint()
        with Raw(engine) as raw:
            count = raw.read_in_order()
            read = best(raw.read_in_order)
            yield Measure("a history to read", "event", count / read.wall, note=_size(raw, count))
            folded = best(lambda: _fold_all(engine))
            yield compared("fold every permit", "event", count, folded, read, aim=0.3)
            again = timed(lambda: _replayed(engine))
            yield compared(
                "replay, every decision again", "event", count, again, folded, note="beside the fold"
            )
            otherwise = timed(lambda: _otherwise(engine))
            yield compared(
                "what if, under another policy", "event", count, otherwise, again, note="beside replay"
            )
            yield compared("verify", "event", count, best(engine.audit.verify), read, aim=0.25)
            yield _rebuild(engine, raw, count, read)
            yield _loads(engine, raw, permits)


def _fold_all(engine: Engine) -> int:
    source = StoreSource.of(engine.database)
    count = 0
    for part in source.parts():
        for file in source.files(part):
            permit = fold(file.permit_id, file.history)
            count += permit.version if permit is not None else 0
    return count


def _replayed(engine: Engine) -> None:
    report = engine.replays.replay()
    assert not report.differences, report.differences[:3]


def _otherwise(engine: Engine) -> None:
    """Every file lived again for three years, as if first cards had been of three years."""
    text = packaged("MA").replace(
        "name: term.first, value: P1Y, from: 2013-12-16", "name: term.first, value: P3Y, from: 2013-12-16"
    )
    told = engine.replays.what_if(text, until=date(2020, 3, 31))
    assert told.files > 0
    assert told.differ == told.files


def _rebuild(engine: Engine, raw: Raw, count: int, read: Took) -> Measure:
    """Beside reading everything and writing the same rows, ready-made, in transactions of as many rows."""
    rows = raw.rows("permits")
    copy = raw.empty_copy("permits")

    def least() -> None:
        for start in range(0, len(rows), 200):
            raw.run("BEGIN")
            raw.insert(copy, rows[start : start + 200])
            raw.run("COMMIT")

    written = timed(least)
    raw.run(f"DROP TABLE {copy}")
    raw.run("DELETE FROM permits")  # rows that are right already would only be compared
    ours = timed(lambda: engine.store.rebuild("permits"))
    both = Took(read.wall + written.wall, read.cpu + written.cpu)
    return compared("rebuild the permits", "event", count, ours, both, aim=0.45)


def _loads(engine: Engine, raw: Raw, permits: int) -> Measure:
    """One file after another, far apart, each on an open connection in a transaction of its own."""
    source = StoreSource.of(engine.database)
    ids = [part.last for part in source.parts()]
    wanted = [ids[n * 7 % len(ids)] for n in range(LOADS)]

    def ours() -> None:
        for permit_id in wanted:
            with engine.database.read() as tx:
                assert engine.context.begin(tx).file(permit_id) is not None

    def least() -> None:
        for permit_id in wanted:
            raw.run("BEGIN")
            raw.stream(permit_id)
            raw.run("COMMIT")

    ours()
    least()
    return compared(
        "load one permit", "permit", LOADS, best(ours), best(least), aim=0.5, note=f"of {permits:,}"
    )


def _size(raw: Raw, count: int) -> str:
    """What an event takes on disk, with the indexes and the rows of its file."""
    if raw.sqlite:
        pages, page = (raw.run(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        size = pages * page
    else:
        size = raw.run("SELECT pg_database_size(current_database())").fetchone()[0]
    payload = raw.run("SELECT avg(length(payload)) FROM events").fetchone()[0]
    return f"{count:,} events of {payload:,.0f} bytes; {size / count:,.0f} bytes of disk each, everything counted"
