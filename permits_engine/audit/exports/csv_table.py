"""CSV (RFC 4180) that a spreadsheet can open safely: no text is taken for a formula."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.audit.exports.columns import COLUMNS, own_fields
from permits_engine.audit.exports.output_files import FileWriter
from permits_engine.audit.exports.source import ExportedEvent, Stream
from permits_engine.store.events.timestamps import moment

REST = "says"
"""The last column: the event's fields that have no column of their own, as JSON."""

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_COLUMN_NAMES = frozenset(column.name for column in COLUMNS)


class Writer(FileWriter):
    """Writer of CSV in UTF-8."""

    def __init__(self, path: Path, *, personal: bool, about: Mapping[str, str]) -> None:
        # Excel needs the byte order mark for accents and Arabic; without personal data all is ASCII.
        super().__init__(path.open("w", encoding="utf-8-sig" if personal else "utf-8", newline=""))
        self._csv = csv.writer(self._file)
        self._csv.writerow([*(column.name for column in COLUMNS), REST])

    def write(self, streams: list[Stream]) -> None:
        """Append the events of whole streams."""
        self._csv.writerows(_row(each) for stream in streams for each in stream)


def _row(exported: ExportedEvent) -> list[Any]:
    cells = [_cell(column.kind, column.read(exported)) for column in COLUMNS]
    rest = {name: value for name, value in own_fields(exported).items() if name not in _COLUMN_NAMES}
    return [*cells, harmless(msgspec.json.encode(rest).decode()) if rest else ""]


def _cell(kind: str, value: Any) -> Any:
    if value is None:
        return ""
    if kind == "instant":
        return moment(value).isoformat(sep=" ", timespec="microseconds").removesuffix("+00:00")
    if kind == "bool":
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return harmless(value) if isinstance(value, str) else value


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, with an apostrophe in front if needed."""
    return f"'{text}" if text.startswith(_STARTS_FORMULA) else text
