"""Exports of the history for other tools: one pass over it, in one or more formats."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from permits_engine.audit.exports import cloudevents, csv_table, output_files, parquet, xes
from permits_engine.audit.exports.source import Stream, TextFormat, streams
from permits_engine.domain.errors import invalid
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history
from permits_engine.store.keys.keyring import Keyring
from permits_engine.store.log.signing_keys import origin_of

LAYOUT = "1"
"""Version of the files' layout; raised when a column or an attribute changes its meaning."""

Progress = Callable[[int, int], None]


class Written(msgspec.Struct, frozen=True):
    """A file of an export: its path within the export, size in bytes and SHA-256."""

    path: str
    bytes: int
    sha256: str


class Export(msgspec.Struct, frozen=True):
    """An export of the history of ``origin`` up to ``position``; counts of events and streams by family."""

    out: str
    formats: list[str]
    origin: str
    position: int
    events: int
    families: dict[str, dict[str, int]]
    personal_data: bool
    files: list[Written]


class TextWriter:
    """The writer of a single file."""

    def __init__(self, text: TextFormat, path: Path) -> None:
        self._text = text
        self._file = path.open("wb")
        self._file.write(text.head)

    def write(self, streams: list[Stream]) -> None:
        """Append whole streams."""
        self._file.writelines(map(self._text.stream, streams))

    def finish(self) -> None:
        """Complete the output."""
        self._file.write(self._text.tail)

    def close(self) -> None:
        """Close the file, complete or not."""
        self._file.close()


class Format(NamedTuple):
    """A format: its text (None: a folder of files), its file in a folder, and its file suffixes."""

    text: Callable[..., TextFormat] | None = None
    file: str = ""
    suffixes: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    "cloudevents": Format(cloudevents.text_format, "events.jsonl", (".jsonl", ".ndjson", ".json")),
    "csv": Format(csv_table.text_format, "events.csv", (".csv",)),
    "parquet": Format(),
    "xes": Format(xes.text_format, "permits.xes", (".xes",)),
}


def formats_of(text: str | Sequence[str]) -> list[str]:
    """Return the named formats, each once; raises ``input.invalid``."""
    given = text.split(",") if isinstance(text, str) else list(text)
    found = list(dict.fromkeys(each.strip().lower() for each in given if each.strip()))
    for each in found:
        if each not in FORMATS:
            raise invalid("--format", f"{each!r} is none of {', '.join(FORMATS)}")
    if not found:
        raise invalid("--format", f"names none; choose among {', '.join(FORMATS)}")
    if "parquet" in found:
        parquet.needed()  # fails here, before an access is recorded
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

    ``out`` is a folder, or for a single format a file with its suffix. With the ``keyring`` personal fields are
    decrypted: the caller has recorded the access. A failed export leaves no file. Raises ``input.invalid``.
    """
    wanted, target = formats_of(formats), Path(out)
    with database.read() as tx:
        head = history.head(tx)
    position = head.position if until is None else until
    about = {"layout": LAYOUT, "origin": origin_of(head.store_id), "position": str(position)}
    single = _single(target, wanted)
    make = output_files.whole_file if single else output_files.whole_folder
    with make(target, force=force) as part:
        paths = {wanted[0]: part} if single else _paths(part, wanted)
        families = _write(database, paths, about, keyring, progress)
        home = part.parent if single else part
        files = [part] if single else sorted(path for path in part.rglob("*") if path.is_file())
        made = Export(
            out=str(target),
            formats=wanted,
            origin=about["origin"],
            position=position,
            events=sum(each["events"] for each in families.values()),
            families=families,
            personal_data=keyring is not None,
            files=[_file(home, path) for path in files],
        )
        if not single:
            _write_manifest(part, made)
    return made


def check_place(out: str | Path, formats: Sequence[str], *, force: bool) -> None:
    """Raise ``input.invalid`` if an export cannot be written to ``out``."""
    target = Path(out)
    output_files.may_replace(target, force=force, folder=not _single(target, formats))


def _single(target: Path, formats: Sequence[str]) -> bool:
    return len(formats) == 1 and target.suffix.lower() in FORMATS[formats[0]].suffixes


def _paths(folder: Path, formats: Sequence[str]) -> dict[str, Path]:
    """Return each format's file or folder; Parquet alone takes the folder itself."""
    if list(formats) == ["parquet"]:
        return {"parquet": folder}
    if "parquet" in formats:
        (folder / "parquet").mkdir()
    return {name: folder / (FORMATS[name].file or name) for name in formats}


def _write(
    database: Database,
    paths: Mapping[str, Path],
    about: Mapping[str, str],
    keyring: Keyring | None,
    progress: Progress | None,
) -> dict[str, dict[str, int]]:
    """Write every stream with every writer; return the counts of streams and events by family."""
    families: dict[str, dict[str, int]] = {}
    done, until = 0, int(about["position"])
    with ExitStack() as stack:
        writers = [
            stack.enter_context(closing(_writer(name, path, personal=keyring is not None, about=about)))
            for name, path in paths.items()
        ]
        for batch in streams(database, until, keyring=keyring):
            for writer in writers:
                writer.write(batch)
            for stream in batch:
                count = families.setdefault(stream[0].context.family, {"streams": 0, "events": 0})
                count["streams"] += 1
                count["events"] += len(stream)
                done += len(stream)
            if progress is not None:
                progress(done, until)
        for writer in writers:
            writer.finish()
    return dict(sorted(families.items()))


def _writer(
    name: str, path: Path, *, personal: bool, about: Mapping[str, str]
) -> TextWriter | parquet.Writer:
    text = FORMATS[name].text
    if text is None:
        return parquet.Writer(path, personal=personal, about=about)
    return TextWriter(text(personal=personal, about=about), path)


def _write_manifest(folder: Path, made: Export) -> None:
    plain = msgspec.to_builtins(made)
    plain.pop("out")
    manifest = msgspec.json.format(msgspec.json.encode({"layout": LAYOUT, **plain}), indent=2)
    (folder / output_files.MARK).write_bytes(manifest + b"\n")


def _file(home: Path, path: Path) -> Written:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(path.relative_to(home).as_posix(), path.stat().st_size, digest)
