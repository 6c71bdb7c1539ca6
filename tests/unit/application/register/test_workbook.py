"""A register in a workbook: dates as cells or serial numbers, numbers as typed, and what cannot be read."""

import io
import zipfile
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from permits_engine import PermitsError
from permits_engine.application.register import workbook
from permits_engine.application.register.csv_file import Row, open_register
from tests.registers import ENGLISH, FRENCH, GOOD


def written(folder: Path, rows: Iterable[Iterable[Any]], *, above: int = 0, mac: bool = False) -> Path:
    """A workbook with a hidden sheet, then the register under so many empty lines."""
    book = openpyxl.Workbook()
    if mac:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    hidden, sheet = book.active, book.create_sheet("Registre")
    hidden.sheet_state = "hidden"
    hidden.append(["notes"])
    for at, cells in enumerate(rows, above + 1):
        for column, value in enumerate(cells, 1):
            sheet.cell(at, column, value)
    path = folder / "register.xlsx"
    book.save(path)
    return path


def read(path: Path) -> tuple[list[Row], list[dict[str, str]]]:
    """The rows of a workbook, and the cells of the good ones by column."""
    with open_register(path) as file:
        found = list(file.rows())
        return found, [file.fields(each) for each in found if each.fault is None]


def cells(**changed: Any) -> list[Any]:
    """The good row as cells of a sheet."""
    return [(GOOD | changed)[name] or None for name in FRENCH]


def test_a_sheet_reads_as_the_same_register_in_csv(tmp_path: Path) -> None:
    """Its first visible sheet; rows are numbered as the spreadsheet does, below a title too."""
    path = written(
        tmp_path, [["Registre de Rabat"], FRENCH, cells(), [], cells(nom='Ba;\n"le grand"')], above=2
    )
    rows, found = read(path)
    assert [each.line for each in rows] == [5, 7]
    assert found[0] == dict(zip(ENGLISH, GOOD.values(), strict=True))
    assert found[1]["family_name"] == 'Ba;\n"le grand"'


@pytest.mark.parametrize("mac", [False, True])
def test_dates_may_be_cells_or_serial_numbers(mac: bool, tmp_path: Path) -> None:
    """A cell with the format of a date, a number that lost it, and a text; in both calendars of spreadsheets."""
    serial = (date(2014, 9, 10) - (date(1904, 1, 1) if mac else date(1899, 12, 30))).days
    line = cells(
        date_naissance=date(1990, 4, 1),
        date_depot=datetime(2014, 3, 10),
        date_decision=serial,
        date_debut=float(serial),
        date_fin="09/09/2015",
    )
    _, [found] = read(written(tmp_path, [FRENCH, line], mac=mac))
    assert [
        found[name] for name in ("birth_date", "lodged_on", "decided_on", "valid_from", "valid_until")
    ] == [
        "1990-04-01",
        "2014-03-10",
        "2014-09-10",
        "2014-09-10",
        "09/09/2015",
    ]


def test_numbers_are_read_as_typed_and_errors_are_no_text(tmp_path: Path) -> None:
    """A file number or a telephone number of digits alone; an error is damage, for its row to be rejected."""
    line = cells(numero_dossier=20140001, telephone=661234567.0, nom="#REF!")
    _, [found] = read(written(tmp_path, [FRENCH, line]))
    assert (found["file_number"], found["phone"]) == ("20140001", "661234567")
    assert found["family_name"] == "#REF!\ufffd"


def test_short_rows_are_filled_and_wide_ones_are_at_fault(tmp_path: Path) -> None:
    """A sheet keeps no empty cells at the end of a row."""
    rows, [found] = read(written(tmp_path, [FRENCH, cells()[:12], [*cells(), "more"], []]))
    assert found["phone"] == ""
    assert [each.fault[0] for each in rows if each.fault] == ["row.cells"]


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install, or what to do instead."""
    monkeypatch.setattr(workbook, "openpyxl", None)
    with pytest.raises(PermitsError, match=r"permits-engine\[excel\]") as caught:
        read(written(tmp_path, [FRENCH, cells()]))
    assert caught.value.code == "input.invalid"


def archive(**parts: bytes) -> bytes:
    """An archive with the names of a workbook's parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(f"xl/{name}.xml", content)
    return out.getvalue()


@pytest.mark.parametrize("content", [archive(workbook=b""), archive(workbook=b"<x/>"), archive(other=b"")])
def test_a_damaged_workbook_is_refused_with_the_remedy(content: bytes, tmp_path: Path) -> None:
    """Not an error of the library below."""
    (tmp_path / "register.xlsx").write_bytes(content)
    with pytest.raises(PermitsError, match="save it as CSV") as caught:
        read(tmp_path / "register.xlsx")
    assert caught.value.code == "input.invalid"


def test_a_workbook_that_unpacks_to_no_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything of it is unpacked."""
    monkeypatch.setattr(workbook, "LARGEST", 1000)
    (tmp_path / "register.xlsx").write_bytes(archive(workbook=b" " * 10_000))
    with pytest.raises(PermitsError, match="more than 1000 bytes"):
        read(tmp_path / "register.xlsx")
