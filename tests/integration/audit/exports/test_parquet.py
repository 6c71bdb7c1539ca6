"""The history as a Parquet dataset: every stored byte, typed columns, one stream in one file."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from permits_engine.audit.exports import parquet
from permits_engine.audit.exports.parquet import partition_of, partitions_for
from permits_engine.audit.exports.source import streams
from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import leaf_bytes, leaf_hash
from permits_engine.store.log.signing_keys import SigningKeys

from .conftest import NAMES, Past

STORED = "position, stream, version, name, epoch_us(recorded_at), payload"


def asked(folder: Path, columns: str, rest: str = "") -> list[Any]:
    """What DuckDB answers about an export."""
    return duckdb.sql(f"SELECT {columns} FROM read_parquet('{folder}/**/*.parquet') {rest}").fetchall()


def test_what_is_exported_is_what_is_stored(past: Past, tmp_path: Path) -> None:
    """Every event once, byte for byte: verification and replay need nothing else."""
    made = past.office.engine.audit.export(tmp_path / "history")
    found = asked(tmp_path / "history", STORED, "ORDER BY position")
    assert found == [tuple(record) for record in past.stored()]
    assert made.events == made.position == len(found)
    assert made.families["permit"]["streams"] == 3


def test_the_signed_root_follows_from_the_export_alone(past: Past, tmp_path: Path) -> None:
    """The leaves of the Merkle tree are made of the columns; with a checkpoint kept outside they prove the export."""
    past.office.engine.context.signing = SigningKeys(None, in_memory=True)
    checkpoint = past.office.engine.audit.checkpoint()
    past.office.engine.audit.export(tmp_path / "history")
    hashes = [leaf_hash(leaf_bytes(*row)) for row in asked(tmp_path / "history", STORED, "ORDER BY position")]
    assert checkpoint.size == len(hashes)
    root = merkle.root(len(hashes), lambda height, at: merkle.fold(hashes[at << height : (at + 1) << height]))
    assert root == checkpoint.root


def test_a_stream_is_whole_and_in_order_in_its_permits_partition(past: Past, tmp_path: Path) -> None:
    """With its notices beside it, so that partitions can be decided again apart from one another."""
    past.office.engine.audit.export(tmp_path / "history")
    files = sorted((tmp_path / "history").rglob("*.parquet"))
    seen: list[str] = []
    for file in files:
        number = int(file.parent.name.removeprefix("partition="))
        rows = pq.ParquetFile(file).read(["stream", "version", "kind", "permit_id", "holder_id"]).to_pylist()
        assert {row["kind"] for row in rows} == {file.stem}
        for row in rows:
            whose = row["permit_id"] or row["holder_id"] or row["stream"]
            assert partition_of(whose, 16) == number
        streams_here = list(dict.fromkeys(row["stream"] for row in rows))
        counted = [(s, v) for s in streams_here for v in range(1, sum(r["stream"] == s for r in rows) + 1)]
        assert [(row["stream"], row["version"]) for row in rows] == counted
        seen += streams_here
    assert sorted(seen) == sorted({record.stream for record in past.stored()})


def test_a_longer_history_has_more_partitions() -> None:
    """A power of two, so that none goes much beyond what a process should hold; never more than 256."""
    counts = [partitions_for(events) for events in (0, 1, 800_000, 900_000, 3_300_000, 10**9)]
    assert counts == [16, 16, 16, 32, 128, 256]


def test_a_small_page_cuts_no_stream(past: Past, tmp_path: Path) -> None:
    """Streams are whole also where the page of the reading ends within one."""
    database = past.office.engine.database
    whole = [stream for batch in streams(database, 10_000) for stream in batch]
    for page in (1, 2, 3, 7):
        assert [stream for batch in streams(database, 10_000, page=page) for stream in batch] == whole


def test_what_is_held_back_is_bounded(past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the bound and one page, whatever is still to come; and every event is written in the end."""
    monkeypatch.setattr(parquet, "_ROWS", 20)
    monkeypatch.setattr(parquet, "_LEAST", 3)
    writer = parquet.Writer(tmp_path, personal=False, about={"position": "100"})
    buffered, written = [], 0
    for batch in streams(past.office.engine.database, 10_000, page=5):
        writer.write(batch)
        written += sum(map(len, batch))
        buffered.append(writer.buffered)
    writer.finish()
    assert max(buffered) <= 20 < written
    assert writer.buffered == 0
    assert asked(tmp_path, "count(*)") == [(written,)]


def test_the_columns_are_typed_and_say_where_the_file_was(past: Past, tmp_path: Path) -> None:
    """Dates are dates, moments are moments; the office is that of the event, a criterion as corrected."""
    past.office.engine.audit.export(tmp_path / "history")
    rows = asked(
        tmp_path / "history",
        "event, effective_on, recorded_at AT TIME ZONE 'UTC', office, criterion",
        f"WHERE stream = '{past.pending}' ORDER BY version",
    )
    assert rows[0][:2] == ("permit.application_lodged", date(2017, 6, 1))
    assert rows[0][2] == datetime(2017, 6, 1, 9, 0)
    assert [row[3] for row in rows if row[0] == "permit.application_lodged"] == ["MA-RAB"]
    assert [row[3] for row in rows if row[0] == "permit.corrected"] == ["MA-SAL"]
    assert {row[4] for row in rows} == {"R6"}
    assert asked(tmp_path / "history", "valid_until - valid_from", "WHERE event = 'permit.issued'") == [
        (364,)
    ]


def test_nothing_personal_is_in_it(past: Past, tmp_path: Path) -> None:
    """Neither in a column nor in the payload, where it stays encrypted."""
    past.office.engine.audit.export(tmp_path / "history")
    everything = b"".join(
        cell if isinstance(cell, bytes) else str(cell).encode()
        for row in asked(tmp_path / "history", "*")
        for cell in row
    )
    assert [name for name in NAMES if name.encode() in everything] == []
    assert b'"sealed":"' in everything


def test_the_same_history_gives_the_same_bytes(past: Past, tmp_path: Path) -> None:
    """Two exports of one position differ in nothing."""
    first = past.office.engine.audit.export(tmp_path / "one")
    second = past.office.engine.audit.export(tmp_path / "two")
    assert first.files == second.files


def test_the_files_say_of_what_they_are(past: Past, tmp_path: Path) -> None:
    """Each of them bears the store's name and the position up to which it goes."""
    made = past.office.engine.audit.export(tmp_path / "history")
    for file in (tmp_path / "history").rglob("*.parquet"):
        about = pq.read_schema(file).metadata
        assert about[b"permits_engine.origin"].decode() == made.origin == past.office.engine.audit.origin
        assert int(about[b"permits_engine.position"]) == made.position
