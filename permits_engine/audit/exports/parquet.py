"""A Parquet dataset: typed columns, and the stored bytes from which decisions can be replayed.

Files are named ``partition=07/permit.parquet``: a hash of the permit (else of the holder), then the family of the
streams. A permit's notices are in its partition; streams are whole and in order. Needs the extra ``parquet``.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from permits_engine.audit.exports.columns import COLUMNS, PAYLOAD, PERSONAL, Column
from permits_engine.audit.exports.source import ExportedEvent, Stream
from permits_engine.domain.errors import invalid

LEAST, MOST = 16, 256
"""Fewest and most partitions, powers of two; their number grows with the history."""
EVENTS = 50_000
"""Events wanted in a partition: a replay process holds one partition in memory."""
_ROWS = 40_000
"""Events buffered in all; memory is bounded by these and the largest file."""
_LEAST = 2_000
"""Buffered events from which a file is written early."""


def partitions_for(events: int) -> int:
    """Return the number of partitions for a number of events."""
    wanted = max(events - 1, 0) // EVENTS
    return min(max(1 << wanted.bit_length(), LEAST), MOST)


def partition_of(stream: str, partitions: int) -> int:
    """Return the partition of a permit's or holder's id."""
    return int.from_bytes(sha256(stream.encode()).digest()[:4], "big") % partitions


class Writer:
    """Writer of the dataset's files in a folder."""

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
        self._buffers: dict[tuple[str, int], list[Any]] = {}
        self.buffered = 0
        """Events not written yet."""
        self._files: dict[tuple[str, int], Any] = {}

    def write(self, streams: list[Stream]) -> None:
        """Buffer whole streams, and write the larger files if many events are buffered."""
        taken: dict[tuple[str, int], list[ExportedEvent]] = {}
        for stream in streams:
            context = stream[0].context
            whose = context.permit_id or context.holder_id or stream[0].record.stream
            number = partition_of(whose, self._partitions)
            taken.setdefault((context.family, number), []).extend(stream)
        for place, rows in taken.items():
            # A table takes a third of the memory of its rows.
            self._buffers.setdefault(place, []).append(self._table(rows))
            self.buffered += len(rows)
        if self.buffered > _ROWS:
            self._flush(_LEAST)

    def finish(self) -> None:
        """Write the buffered events and compact the files."""
        self._flush(0)
        self.close()
        for path in sorted(self._folder.rglob("*.parquet")):
            self._compact(path)

    def close(self) -> None:
        """Close the files, complete or not."""
        for each in self._files.values():
            each.close()
        self._files.clear()

    def _compact(self, path: Path) -> None:
        """Merge the many small row groups of a file, which makes it smaller and quicker to query."""
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
        """Write the buffers of more than ``least`` events, and the largest in any case."""
        sizes = {place: sum(map(len, tables)) for place, tables in self._buffers.items()}
        for at, place in enumerate(sorted(sizes, key=lambda place: (-sizes[place], place))):
            if at and sizes[place] <= least:
                break
            self.buffered -= sizes[place]
            rows = self._arrow.concat_tables(self._buffers.pop(place)).combine_chunks()
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

    def _table(self, rows: list[ExportedEvent]) -> Any:
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


def needed(option: str = "--format") -> tuple[Any, Any]:
    """Return ``pyarrow`` and ``pyarrow.parquet``; raises ``input.invalid`` if they are not installed."""
    try:
        # An extra, which costs 90 ms to load.
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError:
        raise invalid(option, "parquet needs pyarrow: pip install 'permits-engine[parquet]'") from None
    return pyarrow, pyarrow.parquet
