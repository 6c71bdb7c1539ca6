"""The history as a table in CSV (RFC 4180), which a spreadsheet opens and carries nothing out of."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from permits_engine.audit.exports.columns import COLUMNS, said
from permits_engine.audit.exports.source import Stream, Told
from permits_engine.store.events.timestamps import moment

SAYS = "says"
"""The last column: what an event says beside the columns before it, as JSON."""

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NAMED = frozenset(column.name for column in COLUMNS)


class Writer:
    """Writes streams to a file: UTF-8, with a mark in front where personal data make it hold more than ASCII."""

    def __init__(self, place: Path, *, personal: bool, about: Mapping[str, str]) -> None:
        # Excel reads accents and Arabic only with the mark; other programs trip over it.
        self._file = place.open("w", encoding="utf-8-sig" if personal else "utf-8", newline="")
        self._csv = csv.writer(self._file)
        self._csv.writerow([*(column.name for column in COLUMNS), SAYS])

    def write(self, streams: list[Stream]) -> int:
        """Take whole streams; gives how many events were written."""
        rows = [self._row(each) for stream in streams for each in stream]
        self._csv.writerows(rows)
        return len(rows)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    abandon = close

    def _row(self, told: Told) -> list[Any]:
        cells = [_cell(column.kind, column.read(told)) for column in COLUMNS]
        rest = {name: value for name, value in said(told).items() if name not in _NAMED}
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
    """A text that no spreadsheet takes for a formula: an apostrophe goes before one that begins like one."""
    return f"'{text}" if text.startswith(_STARTS_FORMULA) else text
