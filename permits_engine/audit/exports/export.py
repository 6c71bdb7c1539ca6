"""The history for other tools: one pass over it, as many formats as are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from permits_engine.audit.exports import output_files
from permits_engine.audit.exports.source import Stream, streams
from permits_engine.domain.errors import invalid
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history
from permits_engine.store.keys.keyring import Keyring
from permits_engine.store.log.signing_keys import origin_of

LAYOUT = "1"
"""Version of what stands in the files; it grows when a column or an attribute changes its meaning."""

Progress = Callable[[int, int], None]


class Written(msgspec.Struct, frozen=True):
    """A file of an export: its place under the export's, its size in bytes and SHA-256."""

    path: str
    bytes: int
    sha256: str


class Export(msgspec.Struct, frozen=True):
    """What was exported: the history of ``origin`` up to ``position``; events and streams by family."""

    out: str
    formats: list[str]
    origin: str
    position: int
    events: int
    families: dict[str, dict[str, int]]
    personal_data: bool
    files: list[Written]


class Writer(Protocol):
    """What a format does with the streams."""

    def write(self, streams: list[Stream]) -> int:
        """Take whole streams; gives how many events it wrote."""

    def close(self) -> None:
        """Finish the output."""

    def abandon(self) -> None:
        """Give up what is open; nothing of it is kept."""


class Format(NamedTuple):
    """A format: the name of its file in a folder (none: it is a folder's own layout), and what makes its writer."""

    file: str | None
    suffixes: tuple[str, ...]
    make: Callable[..., Writer]


def _maker(module: str) -> Callable[..., Writer]:
    """The writer of a module, which is loaded for whoever asks for its format only."""

    def make(place: Path, **options: Any) -> Writer:
        made: Writer = import_module(f"{__package__}.{module}").Writer(place, **options)
        return made

    return make


FORMATS: dict[str, Format] = {
    "cloudevents": Format("events.jsonl", (".jsonl", ".ndjson", ".json"), _maker("cloudevents")),
    "csv": Format("events.csv", (".csv",), _maker("csv_table")),
    "parquet": Format(None, (), _maker("parquet")),
    "xes": Format("permits.xes", (".xes",), _maker("xes")),
}


def formats_of(text: str | Sequence[str]) -> list[str]:
    """The formats as named, separated by commas, each once; raises ``input.invalid``."""
    given = text.split(",") if isinstance(text, str) else list(text)
    found = list(dict.fromkeys(each.strip().lower() for each in given if each.strip()))
    for each in found:
        if each not in FORMATS:
            raise invalid("--format", f"{each!r} is none of {', '.join(FORMATS)}")
    if not found:
        raise invalid("--format", f"names none; choose among {', '.join(FORMATS)}")
    if "parquet" in found:
        import_module(f"{__package__}.parquet").needed()  # better now than after the accesses were recorded
    return found


def export(
    database: Database,
    out: str | Path,
    formats: str | Sequence[str],
    *,
    keyring: Keyring | None = None,
    until: int | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Export:
    """Write the history up to a position (default: the head) in each of the formats.

    ``out`` is a folder; for a single format that is one file it is that file, where it bears its ending. With
    the ``keyring`` what is encrypted is opened: the caller has seen to it that the access was recorded. Nothing is
    left behind where it fails. Raises ``input.invalid``.
    """
    wanted = formats_of(formats)
    target = Path(out)
    with database.read() as tx:
        head = history.head(tx)
    position = head.position if until is None else until
    about = {"layout": LAYOUT, "origin": origin_of(head.store_id), "position": str(position)}
    options = {"personal": keyring is not None, "about": about}
    single = _single(target, wanted)
    make = output_files.whole_file if single else output_files.whole_folder
    with make(target, force=force) as part:
        writers = {
            each: FORMATS[each].make(part if single else _place(part, each, len(wanted)), **options)
            for each in wanted
        }
        counts = _written(database, writers, position, keyring, progress)
        files = [_file(part, path) for path in sorted(part.rglob("*")) if path.is_file()]
        if single:
            files = [_file(part.parent, part)]
        made = Export(
            out=str(target),
            formats=wanted,
            origin=about["origin"],
            position=position,
            events=sum(each["events"] for each in counts.values()),
            families=counts,
            personal_data=keyring is not None,
            files=files,
        )
        if not single:
            told: dict[str, Any] = msgspec.to_builtins(made)
            told.pop("out")
            mark = msgspec.json.format(msgspec.json.encode({"layout": LAYOUT, **told}), indent=2)
            (part / output_files.MARK).write_bytes(mark + b"\n")
    return made


def check_place(out: str | Path, formats: Sequence[str], *, force: bool) -> None:
    """Raise ``input.invalid`` where nothing can be put there, before anything else is done."""
    target = Path(out)
    output_files.may_replace(target, force=force, folder=not _single(target, formats))


def _single(target: Path, formats: Sequence[str]) -> bool:
    return len(formats) == 1 and target.suffix.lower() in FORMATS[formats[0]].suffixes


def _place(part: Path, name: str, formats: int) -> Path:
    """Where a format's output stands in the folder; Parquet alone is the folder itself."""
    file = FORMATS[name].file
    if file is not None:
        return part / file
    if formats == 1:
        return part
    (part / name).mkdir()
    return part / name


def _written(
    database: Database,
    writers: Mapping[str, Writer],
    until: int,
    keyring: Keyring | None,
    progress: Progress | None,
) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    done = 0
    try:
        for batch in streams(database, until, keyring=keyring):
            for writer in writers.values():
                writer.write(batch)
            for stream in batch:
                count = counts.setdefault(stream[0].context.family, {"streams": 0, "events": 0})
                count["streams"] += 1
                count["events"] += len(stream)
                done += len(stream)
            if progress is not None:
                progress(done, until)
        for writer in writers.values():
            writer.close()
    except BaseException:
        for writer in writers.values():
            writer.abandon()
        raise
    return dict(sorted(counts.items()))


def _file(home: Path, path: Path) -> Written:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(path.relative_to(home).as_posix(), path.stat().st_size, digest)
