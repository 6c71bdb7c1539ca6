"""CSV (RFC 4180) that a spreadsheet can open safely: no text is taken for a formula."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from permits_engine.audit.exports.columns import COLUMNS, own_fields
from permits_engine.audit.exports.source import ExportedEvent, TextFormat
from permits_engine.store.events.timestamps import moment

REST = "says"
"""The last column: the event's fields that have no column of their own, as JSON."""

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_COLUMN_NAMES = frozenset(column.name for column in COLUMNS)


def text_format(*, personal: bool, about: Mapping[str, str]) -> TextFormat:
    """Return the format, in UTF-8."""
    head = _csv([[*(column.name for column in COLUMNS), REST]])
    # Excel needs the byte order mark for accents and Arabic; without personal data all is ASCII.
    return TextFormat(lambda stream: _csv(map(_row, stream)), codecs.BOM_UTF8 + head if personal else head)


def _csv(rows: Iterable[list[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


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
