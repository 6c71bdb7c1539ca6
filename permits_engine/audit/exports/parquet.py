"""The history as a Parquet dataset: typed columns, and the stored bytes so that it can be decided and verified again.

``partition=07/permit.parquet``: a hash of the permit (of the holder where there is none), then the family of the
streams; a permit's notices lie beside it. A stream stands whole and in order. Needs pyarrow, the extra ``parquet``.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from permits_engine.audit.exports.columns import COLUMNS, PAYLOAD, PERSONAL, Column
from permits_engine.audit.exports.source import Stream, Told
from permits_engine.domain.errors import invalid

LEAST, MOST = 16, 256
"""Partitions, a power of two: more of them the longer the history is."""
EVENTS = 50_000
"""Events that a partition should not go much beyond: it is what a process of a replay holds at a time."""
_ROWS = 40_000
"""Events held back in all; memory stays bounded by them and by the largest file."""
_LEAST = 2_000


def partitions_for(events: int) -> int:
    """How many partitions a history of so many events has."""
    wanted = max(events - 1, 0) // EVENTS
    return min(max(1 << wanted.bit_length(), LEAST), MOST)


def partition_of(stream: str, partitions: int) -> int:
    """The partition of a permit, or of a holder without one."""
    return int.from_bytes(sha256(stream.encode()).digest()[:4], "big") % partitions


class Writer:
    """Takes streams and writes the dataset's files in a folder."""

    def __init__(self, folder: Path, *, personal: bool, about: Mapping[str, str]) -> None:
        self._arrow, self._parquet = needed()
        self._folder = folder
        self._partitions = partitions_for(int(about["position"]))
        self._columns = (*COLUMNS, PAYLOAD, *((PERSONAL,) if personal else ()))
        self._schema = self._arrow.schema(
            [self._arrow.field(each.name, self._type(each)) for each in self._columns],
            metadata={f"permits_engine.{name}": value for name, value in about.items()},
        )
        self._codes = [each.name for each in self._columns if each.kind == "code"]
        self._held: dict[tuple[str, int], list[Any]] = {}
        self._count = 0
        self._files: dict[tuple[str, int], Any] = {}

    def write(self, streams: list[Stream]) -> int:
        """Take whole streams; gives how many events they hold."""
        taken: dict[tuple[str, int], list[Told]] = {}
        for stream in streams:
            context = stream[0].context
            whose = context.permit_id or context.holder_id or stream[0].record.stream
            number = partition_of(whose, self._partitions)
            taken.setdefault((context.family, number), []).extend(stream)
        for place, rows in taken.items():
            # As a table at once, which is a third of the size of what it is made of.
            self._held.setdefault(place, []).append(self._table(rows))
        count = sum(map(len, taken.values()))
        self._count += count
        if self._count > _ROWS:
            self._flush(_LEAST)
        return count

    @property
    def held(self) -> int:
        """How many events are held back."""
        return self._count

    def close(self) -> None:
        """Write what is held back and finish the files."""
        self._flush(0)
        self.abandon()
        for path in sorted(self._folder.rglob("*.parquet")):
            self._compact(path)

    def abandon(self) -> None:
        """Close the files as they are."""
        for each in self._files.values():
            each.close()
        self._files.clear()

    def _compact(self, path: Path) -> None:
        """Put the many small groups of rows of a file into few: smaller, and quicker to ask."""
        with self._parquet.ParquetFile(path) as file:
            if file.num_row_groups == 1:
                return
            rows = file.read()
        part = path.with_suffix(".part")
        self._parquet.write_table(
            rows, part, compression="zstd", use_dictionary=self._codes, row_group_size=2 * EVENTS
        )
        part.replace(path)

    def _flush(self, least: int) -> None:
        """Write the groups that are large enough, and the largest in any case."""
        sizes = {place: sum(map(len, tables)) for place, tables in self._held.items()}
        for at, place in enumerate(sorted(sizes, key=lambda place: (-sizes[place], place))):
            if at and sizes[place] <= least:
                break
            self._count -= sizes[place]
            rows = self._arrow.concat_tables(self._held.pop(place)).combine_chunks()
            self._file(*place).write_table(rows, row_group_size=_ROWS)

    def _file(self, family: str, partition: int) -> Any:
        found = self._files.get((family, partition))
        if found is None:
            folder = self._folder / f"partition={partition:0{len(str(self._partitions - 1))}d}"
            folder.mkdir(exist_ok=True)
            found = self._files[family, partition] = self._parquet.ParquetWriter(
                folder / f"{family}.parquet", self._schema, compression="zstd", use_dictionary=self._codes
            )
        return found

    def _table(self, rows: list[Told]) -> Any:
        arrays = [
            self._arrow.array([column.read(row) for row in rows], type=field.type)
            for column, field in zip(self._columns, self._schema, strict=True)
        ]
        return self._arrow.Table.from_arrays(arrays, schema=self._schema)

    def _type(self, column: Column) -> Any:
        arrow = self._arrow
        return {
            "long": arrow.int64(),
            "int": arrow.int32(),
            "text": arrow.string(),
            "code": arrow.string(),
            "date": arrow.date32(),
            "instant": arrow.timestamp("us", tz="UTC"),
            "bool": arrow.bool_(),
            "bytes": arrow.binary(),
        }[column.kind]


def needed() -> tuple[Any, Any]:
    """pyarrow and its Parquet half; raises ``input.invalid`` where they are not installed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise invalid(
            "--format", "parquet needs pyarrow: pip install 'permits-engine[parquet]', or name another format"
        ) from None
    return pyarrow, parquet
