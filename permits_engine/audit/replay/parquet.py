"""A history exported to Parquet, partitioned by a hash of the permit; neither the store nor a key is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from permits_engine.audit.exports.parquet import needed
from permits_engine.audit.exports.source import FAMILIES
from permits_engine.audit.replay.sources import Address, File, Part, Source, joined
from permits_engine.domain.errors import invalid
from permits_engine.projections.holder import FACT_PREFIXES
from permits_engine.store.database.statements import Row
from permits_engine.store.events.application import Placed, decoded
from permits_engine.store.events.history import StoredRecord
from permits_engine.store.events.timestamps import micros

COLUMNS = ("position", "stream", "version", "name", "recorded_at", "payload")
"""The columns with the stored events; the other columns are for other tools."""


class ParquetSource(Source):
    """Parquet files below a folder; the files of one folder are one part."""

    @classmethod
    def at(cls, folder: str | Path) -> ParquetSource:
        """Return the export in a folder or file; raises ``input.invalid`` if there is none."""
        root = str(Path(folder).absolute())
        source = cls(Address("parquet", root, 2**62), root)
        if not source._folders:
            message = f"{folder} holds no .parquet file; make one: permits export --format parquet"
            raise invalid("parquet", message)
        return source

    def total(self) -> int:
        return sum(part.files for part in self.parts())

    def parts(self, after: str = "") -> Iterator[Part]:
        """Yield the folders that hold permits, in the order of their names."""
        for name in sorted(self._folders):
            if name > after and (files := _count(self._folders[name])):
                yield Part(after, name, files)

    def files(self, part: Part, *, notices: bool = False) -> Iterator[File]:
        """Yield the files of a folder."""
        paths = self._folders[part.last]
        events = sorted(_records(paths, "permit."), key=lambda record: (record.stream, record.version))
        due = sorted(_records(paths, "notice.due@")) if notices else []
        return joined(events, due)

    def end(self) -> int:
        return max((_last(paths) for paths in self._folders.values()), default=0)

    def _adoptions(self) -> Sequence[Row]:
        return sorted(record for paths in self._folders.values() for record in _records(paths, "policy."))

    def _holder(self, holder_id: str) -> Iterable[Placed]:
        return map(decoded, self._holders.get(holder_id, ()))

    @cached_property
    def _folders(self) -> dict[str, list[Path]]:
        root = Path(self.address.url)
        found: dict[str, list[Path]] = {}
        for path in [root] if root.is_file() else sorted(root.rglob("*.parquet")):
            folder = path.parent.relative_to(root).as_posix() if path != root else "."
            found.setdefault(folder, []).append(path)
        return found

    @cached_property
    def _holders(self) -> dict[str, list[StoredRecord]]:
        found: dict[str, list[StoredRecord]] = {}
        for paths in self._folders.values():
            for record in sorted(record for prefix in FACT_PREFIXES for record in _records(paths, prefix)):
                found.setdefault(record.stream, []).append(record)
        return found


def _records(paths: Sequence[Path], prefix: str) -> Iterator[StoredRecord]:
    """Yield the events whose names begin with a prefix."""
    compute = needed("parquet")[0].compute
    for table in _tables(paths, COLUMNS, prefix.partition(".")[0]):
        wanted = table.filter(compute.starts_with(table["name"], prefix))
        columns = [wanted[name].to_pylist() for name in COLUMNS]
        for position, stream, version, name, recorded_at, payload in zip(*columns, strict=True):
            data = payload.encode() if isinstance(payload, str) else payload
            yield StoredRecord._make((position, stream, version, name, _micros(recorded_at), data))


def _count(paths: Sequence[Path]) -> int:
    """Return the number of permits in some files."""
    compute = needed("parquet")[0].compute
    total = 0
    for table in _tables(paths, ("version", "name"), "permit"):
        first = compute.and_(
            compute.equal(table["version"], 1), compute.starts_with(table["name"], "permit.")
        )
        total += int(compute.sum(first).as_py() or 0)
    return total


def _last(paths: Sequence[Path]) -> int:
    compute = needed("parquet")[0].compute
    found = 0
    for table in _tables(paths, ("name", "recorded_at"), "permit", "notice"):
        about = compute.or_(*(compute.starts_with(table["name"], each) for each in ("permit.", "notice.")))
        latest = compute.max(table.filter(about)["recorded_at"]).as_py()
        found = max(found, _micros(latest) if latest is not None else 0)
    return found


def _tables(paths: Sequence[Path], columns: Sequence[str], *families: str) -> Iterator[Any]:
    """Yield the files' columns; files that the exporter named after other families are skipped."""
    _, parquet = needed("parquet")
    for path in paths:
        if path.stem in FAMILIES and path.stem not in families:
            continue
        try:
            table = parquet.read_table(path, columns=list(columns), partitioning=None)
        except (OSError, ValueError, KeyError) as problem:
            raise invalid("parquet", f"{path} is not an export that can be read: {problem}") from None
        yield table


def _micros(value: Any) -> int:
    return value if isinstance(value, int) else micros(value)
