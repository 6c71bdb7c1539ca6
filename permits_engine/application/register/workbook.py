"""The first sheet of a workbook (``.xlsx``) as the lines of a CSV file, one for each row of the sheet.

Its cells become texts as they would be typed: dates in ISO 8601, whole numbers without a decimal point. Needs the
extra ``excel``.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from typing import Any, BinaryIO

from permits_engine.domain.errors import PermitsError, invalid

try:
    import openpyxl
    from openpyxl.utils.datetime import from_excel
except ImportError:  # the extra is not installed
    openpyxl = None

SEPARATOR = ";"
LARGEST = 1_000_000_000
"""Bytes that a workbook may have once it is unpacked."""
_SERIAL = re.compile(r"\d{5}", re.ASCII)


class Sheet:
    """The rows of a sheet as lines of text."""

    def __init__(self, book: Any, sheet: Any) -> None:
        self.width = 0
        self.position = 0
        self.size = int(sheet.max_row or 0)
        self._epoch = book.epoch
        self._rows = sheet.iter_rows()

    def readline(self, limit: int) -> str:
        """Return the next row as a line of less than ``limit`` characters, or of as many where it is cut."""
        try:
            row = next(self._rows, None)
        except Exception as problem:
            raise _unreadable(problem) from None
        if row is None:
            return ""
        self.position += 1
        cells = [_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        cells += [""] * (self.width - len(cells))
        line = io.StringIO()
        csv.writer(line, delimiter=SEPARATOR, lineterminator="\n").writerow(cells)
        text = line.getvalue()
        return text if len(text) < limit else f"{text[: limit - 1]}\n"

    def day(self, cell: str) -> str:
        """Return a date that a spreadsheet keeps as a serial number; any other cell is returned as it is."""
        if not _SERIAL.fullmatch(cell):
            return cell
        found = from_excel(int(cell), self._epoch)
        return found.date().isoformat() if isinstance(found, datetime) else cell


def is_workbook(file: BinaryIO) -> bool:
    """Return whether a file is a workbook, from its beginning and its list of parts."""
    if file.read(4) != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


@contextmanager
def open_sheet(file: BinaryIO) -> Iterator[Sheet]:
    """Open the first sheet of a workbook that is not hidden; raise ``input.invalid``."""
    if openpyxl is None:
        raise invalid(
            "FILE", "a workbook needs openpyxl: pip install 'permits-engine[excel]', or save it as CSV"
        )
    with zipfile.ZipFile(file) as archive:
        if sum(each.file_size for each in archive.infolist()) > LARGEST:
            raise invalid("FILE", f"holds more than {LARGEST} bytes; save its sheet as CSV (UTF-8)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and validations, which no one needs here
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheets = [each for each in book.worksheets if each.sheet_state == "visible"]
        sheet = Sheet(book, sheets[0])
    except Exception as problem:
        raise _unreadable(problem) from None
    with closing(book):
        yield sheet


def _text(cell: Any) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "e":
        return f"{value}\ufffd"  # an error of the spreadsheet, which is no text of a register
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _unreadable(problem: Exception) -> PermitsError:
    return invalid("FILE", f"is a workbook that cannot be read ({str(problem)[:80]}); save it as CSV (UTF-8)")
