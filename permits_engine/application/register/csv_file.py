"""The file of a register as rows: encodings, separators, headers, quotes; or the first sheet of a workbook.

The file is streamed. It may be UTF-8, UTF-16 or a code page of offices, with comma, semicolon or tab, and a header in
French or English. A row that cannot be read comes with its fault and does not affect the rows after it.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from permits_engine.application.register.encodings import encoding_of, shown
from permits_engine.application.register.headings import Headings
from permits_engine.application.register.text import unescaped, word
from permits_engine.application.register.workbook import is_workbook, open_sheet
from permits_engine.domain.errors import invalid

COLUMNS: dict[str, str] = {
    "file_number": "numero_dossier",
    "family_name": "nom",
    "given_names": "prenoms",
    "also_known_as": "autres_noms",
    "birth_date": "date_naissance",
    "sex": "sexe",
    "nationality": "nationalite",
    "prefecture": "prefecture",
    "category": "categorie",
    "criterion": "critere",
    "lodged_on": "date_depot",
    "decided_on": "date_decision",
    "decision": "decision",
    "valid_from": "date_debut",
    "valid_until": "date_fin",
    "language": "langue",
    "email": "email",
    "phone": "telephone",
}
"""The columns of a register: English names, used in the code, and French ones."""

NEEDED = (
    "file_number",
    "family_name",
    "birth_date",
    "sex",
    "nationality",
    "prefecture",
    "category",
    "lodged_on",
)
"""Columns that a header must have, and whose cells must be filled; one name alone is the family name."""

REASONS = ("line", "code", "reason")
"""The columns of a rejects file before those of the register."""

LONGEST_ROW = 4_000_000
"""Characters of one row that are kept."""
LONGEST_CELL = 32_767
"""Characters that a spreadsheet's cell may hold."""
MOST_LINES = 100
"""Lines of one row, beyond which a quotation mark counts as never closed."""
_SEPARATORS = (",", ";", "\t")
_ENDS = "\r\n"

_DATES = frozenset({"birth_date", "lodged_on", "decided_on", "valid_from", "valid_until"})
_HEADINGS = Headings(COLUMNS)
_SURE = 3
"""Known columns by which a line is taken for the header."""
_ABOVE = 30
"""Lines with titles that may be above the header."""


class Row(NamedTuple):
    """A row: the line on which it begins, its cells, and the fault of its form."""

    line: int
    cells: list[str]
    fault: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Row at line {self.line}>"


class Readable(Protocol):
    """What gives the lines of a register, each cut at a number of characters; the empty one is the end."""

    def readline(self, limit: int, /) -> str: ...


class RegisterFile:
    """An open register; ``rows`` yields its rows once, without blank ones.

    ``day`` reads dates as the file keeps them, where that is not as people write them.
    """

    def __init__(
        self,
        text: Readable,
        encoding: str,
        size: int,
        at: Callable[[], int],
        day: Callable[[str], str] | None = None,
    ) -> None:
        self.encoding = encoding
        self._day = day
        self.size = size
        self.position = at
        self._lines = _Lines(text)
        self.separator, self.header = _found_header(self._lines)
        self.again = [word(name) for name in self.header[: len(REASONS)]] == list(REASONS)
        self.places = _places(self.header, encoding)

    @property
    def ignored(self) -> list[str]:
        """The names of unknown columns."""
        known = set(self.places.values())
        start = len(REASONS) if self.again else 0
        return [name for at, name in enumerate(self.header) if at >= start and at not in known and name]

    @property
    def own_columns(self) -> list[str]:
        """The header without the columns of a rejects file."""
        return self.header[len(REASONS) :] if self.again else self.header

    def own_cells(self, row: Row) -> list[str]:
        """Return the cells without those of a rejects file."""
        return row.cells[len(REASONS) :] if self.again and row.fault is None else row.cells

    def fields(self, row: Row) -> dict[str, str]:
        """Return the cells of a good row by the English names of their columns."""
        return {field: row.cells[at] for field, at in self.places.items()}

    def rows(self) -> Iterator[Row]:
        """Yield the rows in their order."""
        lines, separator, width = self._lines, self.separator, len(self.header)
        while (text := lines.take()) is not None:
            at = lines.number
            if '"' in text:
                row = self._quoted(text, at)
            elif len(text) >= LONGEST_ROW:
                row = _too_long(at, text)
            else:
                row = Row(at, text.rstrip(_ENDS).split(separator))
            if row.fault is None:
                if not any(cell and not cell.isspace() for cell in row.cells):
                    continue
                row = _checked(row, width)
                if self._day is not None and row.fault is None:
                    for name in _DATES & self.places.keys():
                        row.cells[self.places[name]] = self._day(row.cells[self.places[name]])
                if self.again:
                    row = row._replace(cells=[unescaped(cell) for cell in row.cells])
            yield row

    def _quoted(self, text: str, at: int) -> Row:
        """Return a row with quotation marks, which may span several lines.

        Where such a row cannot be read, a mark was left open: only its first line is lost.
        """
        taken, whole, fault = [text], text, "a quotation mark is never closed; close it, or double it"
        while True:
            if len(whole) >= LONGEST_ROW:
                row = _too_long(at, whole)
                break
            try:
                row = Row(at, split(whole.rstrip(_ENDS), self.separator))
                break
            except _OpenError:
                more = self._lines.take() if len(taken) < MOST_LINES else None
                while more is not None and '"' not in more and len(taken) < MOST_LINES:
                    taken.append(more)
                    whole += more
                    more = self._lines.take()
                if more is None:
                    row = Row(at, [whole], ("row.unreadable", fault))
                    break
                taken.append(more)
                whole += more
            except _StrayError as problem:
                row = Row(at, [whole], ("row.unreadable", str(problem)))
                break
        if len(taken) > 1 and (row.fault is not None or len(row.cells) != len(self.header)):
            self._lines.put_back(taken[1:])
            return Row(at, [text.rstrip(_ENDS)], row.fault or ("row.unreadable", fault))
        if row.fault is not None and len(row.cells) == 1:
            row = row._replace(cells=[row.cells[0].rstrip(_ENDS)])
        return row


@contextmanager
def open_register(path: Path, encoding: str | None = None) -> Iterator[RegisterFile]:
    """Open a register, in the encoding named if any, and read its header; raise ``input.invalid``."""
    try:
        with path.open("rb") as file:
            if is_workbook(file):
                with open_sheet(file) as sheet:
                    register = RegisterFile(sheet, "xlsx", sheet.size, lambda: sheet.position, sheet.day)
                    sheet.width = len(register.header)
                    yield register
                return
            file.seek(0)
            known, errors = encoding_of(file, encoding)
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            text = io.TextIOWrapper(file, encoding=known, errors=errors, newline="")
            try:
                yield RegisterFile(text, shown(known), size, file.tell)
            finally:
                text.detach()
    except OSError as problem:
        raise invalid("FILE", f"{path}: {problem.strerror or problem}") from None


# --- the header -------------------------------------------------------------------------------------------


def _found_header(lines: _Lines) -> tuple[str, list[str]]:
    """Return the separator and the names of the header, which may be below titles and empty lines."""
    taken: list[str] = []
    first: int | None = None
    found: tuple[int, str, list[str]] | None = None
    while len(taken) < _ABOVE and (line := lines.take()) is not None:
        taken.append(line)
        if not line.strip() or re.fullmatch(r'\s*"?sep=.?"?\s*', line):  # a hint for spreadsheets
            continue
        first = len(taken) if first is None else first
        found = _header(line.rstrip(_ENDS))
        if found[0] >= _SURE:
            return found[1:]
    if first is None:
        raise invalid("FILE", "is empty; its first line names the columns")
    lines.put_back(taken[first:])
    return _header(taken[first - 1].rstrip(_ENDS))[1:]


def _header(line: str) -> tuple[int, str, list[str]]:
    """Return how many columns are known with the best separator, the separator, and the names."""
    best: tuple[int, str, list[str]] = (-1, ",", [])
    for separator in _SEPARATORS:
        try:
            names = [name.strip() for name in split(line, separator)]
        except ValueError:
            continue
        known = len({_HEADINGS.field(name) for name in names} - {None})
        if known > best[0]:
            best = (known, separator, names)
    return best


def _places(header: list[str], encoding: str) -> Mapping[str, int]:
    """Return the index of each known column; raise ``input.invalid`` for a missing or repeated one."""
    places: dict[str, int] = {}
    own = {_HEADINGS.own_field(name) for name in header}
    for at, name in enumerate(header):
        field = _HEADINGS.own_field(name)
        if field is None and (close := _HEADINGS.field(name)) not in own:
            field = close
        if field is None:
            continue
        if field in places:
            raise invalid("FILE", f"the column {COLUMNS[field]} ({field}) occurs twice in the header")
        places[field] = at
    missing = [f"{COLUMNS[field]} ({field})" for field in NEEDED if field not in places]
    if missing:
        found = "none of the columns" if not places else f"no column {', '.join(missing)}"
        raise invalid(
            "FILE",
            f"its first line, read as {encoding}, has {found}; it needs {', '.join(NEEDED)} "
            "(or their French names), separated by comma, semicolon or tab",
        )
    return places


# --- lines and cells --------------------------------------------------------------------------------------


class _OpenError(ValueError):
    """The text ends inside a quoted cell."""


class _StrayError(ValueError):
    """A quotation mark is where none may be."""


def split(text: str, separator: str) -> list[str]:
    """Return the cells of a row (RFC 4180); raise ``ValueError`` where its quotation marks are out of order."""
    cells: list[str] = []
    at, end = 0, len(text)
    while True:
        if text.startswith('"', at):
            cell, at = _quoted_cell(text, at + 1)
            if at < end and text[at] != separator:
                raise _StrayError("text follows a closing quotation mark; double the marks inside a cell")
        else:
            stop = text.find(separator, at)
            stop = end if stop < 0 else stop
            cell = text[at:stop]
            if '"' in cell:
                raise _StrayError("a quotation mark is inside a cell; quote the cell and double the mark")
            at = stop
        cells.append(cell)
        if at >= end:
            return cells
        at += 1


def _quoted_cell(text: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        close = text.find('"', at)
        if close < 0:
            raise _OpenError
        parts.append(text[at:close])
        if not text.startswith('"', close + 1):
            return '"'.join(parts), close + 1
        at = close + 2


class _Lines:
    """Lines of the file with their numbers; some can be put back."""

    def __init__(self, text: Readable) -> None:
        self._text = text
        self._waiting: deque[str] = deque()
        self.number = 0

    def take(self) -> str | None:
        """Return the next line with its end, cut at ``LONGEST_ROW``."""
        line = self._waiting.popleft() if self._waiting else self._read()
        if not line:
            return None
        self.number += 1
        return line

    def put_back(self, lines: list[str]) -> None:
        """Put back the lines taken last."""
        self._waiting.extendleft(reversed(lines))
        self.number -= len(lines)

    def _read(self) -> str:
        line = self._text.readline(LONGEST_ROW)
        rest = line
        while len(rest) == LONGEST_ROW and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(LONGEST_ROW)
        return line


def _too_long(at: int, text: str) -> Row:
    reason = f"the row is longer than {LONGEST_ROW} characters, of which only these are kept"
    return Row(at, [text[:LONGEST_ROW]], ("row.too_long", reason))


def _checked(row: Row, width: int) -> Row:
    if len(row.cells) != width:
        reason = (
            f"the row has {len(row.cells)} cells, the header {width}; see that each cell is in its column"
        )
        return row._replace(fault=("row.cells", reason))
    if sum(map(len, row.cells)) > LONGEST_CELL and any(len(cell) > LONGEST_CELL for cell in row.cells):
        reason = f"a cell is longer than {LONGEST_CELL} characters; shorten it"
        return row._replace(fault=("row.too_long", reason))
    return row
