"""What hands a history on: each format by itself, and the Parquet files asked by DuckDB."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.corpus import grown
from benchmarks.measure import Measure, best, compared, timed
from benchmarks.raw import Raw
from benchmarks.stores import Place

FORMATS = ("parquet", "cloudevents", "csv", "xes")
QUESTIONS = {
    "count by office and event": "SELECT office, event, count(*) FROM history GROUP BY ALL",
    "days from filing to card": """
        SELECT office, median(granted - filed) FROM (
            SELECT office, permit_id,
                   min(effective_on) FILTER (event = 'permit.application_lodged') AS filed,
                   min(effective_on) FILTER (event = 'permit.issued') AS granted
            FROM history GROUP BY ALL) GROUP BY ALL""",
    "read every stored byte": "SELECT sum(octet_length(payload)), max(position) FROM history",
}


def measured(place: Place, events: int) -> Iterator[Measure]:
    """Each format beside the driver that only reads the rows; then questions to the exported files."""
    import duckdb

    with place.engine() as engine, tempfile.TemporaryDirectory(prefix="permits-export-", dir=".") as home:
        grown(engine, events)
        with Raw(engine) as raw:
            count = raw.read_in_order()
            read = best(raw.read_in_order)
        for name in FORMATS:
            out = Path(home) / name
            took = timed(lambda name=name, out=out: engine.audit.export(out, name))  # type: ignore[misc]
            size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
            note = f"{size / count:,.0f} bytes each"
            yield compared(f"export as {name}", "event", count, took, read, note=note)
        with duckdb.connect() as asked:
            asked.execute(f"CREATE VIEW history AS FROM read_parquet('{home}/parquet/**/*.parquet')")
            for says, question in QUESTIONS.items():
                took = best(lambda question=question: asked.execute(question).fetchall())  # type: ignore[misc]
                yield Measure(
                    f"DuckDB: {says}", "event", count / took.wall, note=f"{took.wall * 1000:,.0f} ms"
                )
