"""A history that was exported to Parquet, partitioned by a hash of the permit: read folder by folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from permits_engine.audit.replay.sources import File, Part, Place, text_in, together
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import PolicyAdopted
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text
from permits_engine.projections.holder import TELLING, facts_known
from permits_engine.store.events import codec
from permits_engine.store.events.application import decoded
from permits_engine.store.events.history import StoredRecord

COLUMNS = ("position", "stream", "version", "name", "recorded_at", "payload")
"""What is read: the stored bytes and where they stand; what was exported beside them is for other tools."""

FAMILIES = frozenset({"permit", "holder", "notice", "policy"})
"""What the exporter's files are named after: one of these that is not asked for need not be opened."""


class ParquetSource:
    """Parquet files below a folder; the files of one folder are one part. No key and no store is needed."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._compiled: dict[str, Policy] = {}

    @classmethod
    def at(cls, folder: str | Path) -> ParquetSource:
        """The export in a folder (or one file); raises ``input.invalid`` where there is none."""
        root = Path(folder).absolute()
        source = cls(Place("parquet", str(root), 2**62))
        if not source._folders:
            raise invalid(
                "parquet", f"{folder} holds no .parquet file; make one: permits export --format parquet"
            )
        return source

    def total(self) -> int:
        """How many permits there are."""
        return sum(part.files for part in self.parts())

    def parts(self, after: str = "") -> Iterator[Part]:
        """The folders in the order of their names; one without permits is none."""
        for name in sorted(self._folders):
            if name > after:
                files = _begun(self._folders[name])
                if files:
                    yield Part(after, name, files)

    def files(self, part: Part, *, notices: bool = False) -> Iterator[File]:
        """The files of a folder."""
        paths = self._folders[part.last]
        rows = [r for r in _records(paths, "permit.") if r.position <= self.place.until]
        letters = (
            [r for r in _records(paths, "notice.due@") if r.position <= self.place.until] if notices else []
        )
        rows.sort(key=lambda record: (record.stream, record.version))
        yield from together(rows, sorted(letters))

    def policy(self, jurisdiction: str, digest: str) -> Policy:
        """An adopted text of the export, compiled once."""
        found = self._compiled.get(digest)
        if found is None:
            text = self._texts.get((jurisdiction, digest))
            if text is None:
                raise error(
                    "integrity.broken",
                    f"a decision pins the policy {digest[:12]}… of {jurisdiction}, which the export does not hold",
                    jurisdiction=jurisdiction,
                    digest=digest,
                )
            found = self._compiled[digest] = compile_text(text)
        return found

    def text(self, jurisdiction: str) -> str:
        """The words of the text in use at the end."""
        return text_in(self._adopted, jurisdiction)

    def known(self, holder_id: str, before: int) -> tuple[Fact, ...]:
        """What had been recorded about a holder by a moment."""
        return facts_known(lambda each: map(decoded, self._facts.get(each, [])), holder_id, before)

    def end(self) -> int:
        """When a permit's event or a message was last recorded."""
        return max((_last(path) for paths in self._folders.values() for path in paths), default=0)

    # --- what the export holds ----------------------------------------------------------------------------

    @cached_property
    def _folders(self) -> dict[str, list[Path]]:
        root = Path(self.place.address)
        paths = [root] if root.is_file() else sorted(root.rglob("*.parquet"))
        found: dict[str, list[Path]] = {}
        for path in paths:
            folder = path.parent.relative_to(root).as_posix() if path != root else "."
            found.setdefault(folder, []).append(path)
        return found

    @cached_property
    def _adopted(self) -> list[StoredRecord]:
        return sorted(record for paths in self._folders.values() for record in _records(paths, "policy."))

    @cached_property
    def _texts(self) -> dict[tuple[str, str], str]:
        found = {}
        for record in self._adopted:
            event = codec.decode(record.name, record.payload)
            assert isinstance(event, PolicyAdopted)
            found[event.jurisdiction, event.digest] = event.text
        return found

    @cached_property
    def _facts(self) -> dict[str, list[StoredRecord]]:
        found: dict[str, list[StoredRecord]] = {}
        for paths in self._folders.values():
            for record in sorted(record for prefix in TELLING for record in _records(paths, prefix)):
                found.setdefault(record.stream, []).append(record)
        return found


def _records(paths: Sequence[Path], prefix: str) -> list[StoredRecord]:
    """The events whose names begin so; only these leave the columns."""
    import pyarrow.compute as pc

    found: list[StoredRecord] = []
    for path in paths:
        if path.stem in FAMILIES and path.stem != prefix.partition(".")[0]:
            continue
        table = _read(path, COLUMNS)
        table = table.filter(pc.starts_with(table["name"], prefix))
        columns = [table[name].to_pylist() for name in COLUMNS]
        for position, stream, version, name, recorded_at, payload in zip(*columns, strict=True):
            data = payload.encode() if isinstance(payload, str) else payload
            found.append(StoredRecord._make((position, stream, version, name, _micros(recorded_at), data)))
    return found


def _begun(paths: Sequence[Path]) -> int:
    """How many permits begin in some files."""
    import pyarrow.compute as pc

    total = 0
    for path in paths:
        if path.stem in FAMILIES and path.stem != "permit":
            continue
        table = _read(path, ("version", "name"))
        first = pc.and_(pc.equal(table["version"], 1), pc.starts_with(table["name"], "permit."))
        total += int(pc.sum(first).as_py() or 0)
    return total


def _last(path: Path) -> int:
    import pyarrow.compute as pc

    if path.stem in FAMILIES - {"permit", "notice"}:
        return 0
    table = _read(path, ("name", "recorded_at"))
    about = pc.or_(pc.starts_with(table["name"], "permit."), pc.starts_with(table["name"], "notice."))
    latest = pc.max(table.filter(about)["recorded_at"]).as_py()
    return _micros(latest) if latest is not None else 0


def _micros(value: Any) -> int:
    from permits_engine.store.events.timestamps import micros

    return value if isinstance(value, int) else micros(value)


def _read(path: Path, columns: Sequence[str]) -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise invalid("parquet", "needs an extra; run: pip install permits-engine[parquet]") from None
    try:
        return pq.read_table(path, columns=list(columns), partitioning=None)
    except (OSError, ValueError, KeyError) as problem:
        raise invalid("parquet", f"{path} is not an export that can be read: {problem}") from None
