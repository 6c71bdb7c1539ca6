"""The rejects file: whole, safe in a spreadsheet, and never put over someone else's file."""

import csv
import resource
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine import PermitsError
from permits_engine.application.register.csv_file import open_register
from permits_engine.application.register.rejects import Rejects, default_place
from permits_engine.application.register.text import escaped, unescaped
from tests.registers import FRENCH, GOOD

BAD = ("row.date", "date_depot (lodged_on) is not a date")


def made(path: Path, *lines: tuple[int, list[str]], separator: str = ";") -> Rejects:
    """A rejects file with these rows, not finished."""
    rejects = Rejects(path, FRENCH, separator)
    for line, cells in lines:
        rejects.add(line, *BAD, cells)
    return rejects


def cells_of(path: Path, separator: str = ";") -> list[list[str]]:
    """What a spreadsheet shows."""
    return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines(True), delimiter=separator))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_rejects_file_has_line_code_and_reason_before_the_registers_columns(
    separator: str, tmp_path: Path
) -> None:
    """UTF-8 with BOM and the register's separator, so that it opens where the register was made."""
    place = tmp_path / "bad.csv"
    made(place, (7, list(GOOD.values())), separator=separator).finish()
    assert place.read_bytes().startswith(b"\xef\xbb\xbfline")
    head, first = cells_of(place, separator)
    assert head == ["line", "code", "reason", *FRENCH]
    assert first[:3] == ["7", *BAD]
    assert [unescaped(cell) for cell in first[3:]] == list(GOOD.values())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'="])
def test_what_a_spreadsheet_would_carry_out_gets_an_apostrophe(start: str, tmp_path: Path) -> None:
    """No cell of a rejects file begins as a formula does."""
    place = tmp_path / "bad.csv"
    made(place, (2, [f"{start}cmd|'/C calc'!A0"])).finish()
    with place.open(encoding="utf-8-sig", newline="") as file:
        [_, first] = csv.reader(file, delimiter=";")
    assert first[3] == f"'{start}cmd|'/C calc'!A0"


@given(st.text())
def test_an_escaped_cell_is_no_formula_and_comes_back(cell: str) -> None:
    """Escaping can be undone, whatever the cell holds."""
    assert unescaped(escaped(cell)) == cell
    assert not escaped(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_what_cannot_be_shown_is_written_out(tmp_path: Path) -> None:
    """NULs, control characters and bytes of no encoding do not reach a spreadsheet."""
    place = tmp_path / "bad.csv"
    made(place, (2, ["a\x00b\x1b\udce9\x85", "two\nlines"])).finish()
    with place.open(encoding="utf-8-sig", newline="") as file:
        [_, first] = csv.reader(file, delimiter=";")
    assert first[3:] == ["a\\x00b\\x1b\\xe9\\x85", "two\nlines"]


def test_without_rejects_no_file_is_made(tmp_path: Path) -> None:
    """Nothing rejected, nothing left behind."""
    assert made(tmp_path / "bad.csv").finish() is None
    assert list(tmp_path.iterdir()) == []


def test_only_the_importer_may_read_the_rejects(tmp_path: Path) -> None:
    """It holds names and birth dates."""
    place = tmp_path / "bad.csv"
    made(place, (2, ["x"])).finish()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_an_unfinished_file_leaves_nothing(tmp_path: Path) -> None:
    """Until it is whole it is not in its place."""
    rejects = made(tmp_path / "bad.csv", (2, ["x"]))
    assert not (tmp_path / "bad.csv").exists()
    rejects.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"my notes\n", b"\xef\xbb\xbfline;code;reason\r\n", b"line;code\n"])
def test_another_file_is_never_overwritten(content: bytes, tmp_path: Path) -> None:
    """What is not of this register stays, and the import is refused before it begins."""
    place = tmp_path / "bad.csv"
    place.write_bytes(content)
    with pytest.raises(PermitsError) as caught:
        made(place)
    assert caught.value.code == "input.invalid"
    assert place.read_bytes() == content


def test_the_rejects_of_the_same_register_are_replaced(tmp_path: Path) -> None:
    """Run again, the same rejects are there once; after an interruption the longer ones."""
    place = tmp_path / "bad.csv"
    made(place, (2, ["x"])).finish()
    made(place, (2, ["x"]), (3, ["y"])).finish()
    assert [each[0] for each in cells_of(place)] == ["line", "2", "3"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["bad.csv"]


def test_rejects_that_were_worked_on_are_kept_beside(tmp_path: Path) -> None:
    """A correction typed into the file is not lost when the register is imported once more."""
    place = tmp_path / "bad.csv"
    made(place, (2, ["wrong"])).finish()
    place.write_bytes(place.read_bytes().replace(b"wrong", b"corrected"))
    made(place, (2, ["wrong"])).finish()
    assert cells_of(place)[1][3] == "wrong"
    assert cells_of(tmp_path / "bad.csv~")[1][3] == "corrected"


def test_an_empty_file_may_become_the_rejects(tmp_path: Path) -> None:
    """Nothing is lost with it."""
    place = tmp_path / "bad.csv"
    place.touch()
    assert made(place, (2, ["x"])).finish() == place
    assert len(cells_of(place)) == 2


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    """A missing folder, or a folder instead of a file, is said before anything is imported."""
    for place in (tmp_path / "no" / "bad.csv", tmp_path):
        with pytest.raises(PermitsError) as caught:
            made(place)
        assert caught.value.code == "input.invalid"


def test_a_disk_that_takes_no_more_is_told_as_what_it_is(tmp_path: Path) -> None:
    """A write that fails is a sentence, not a traceback, and leaves nothing."""
    rejects = Rejects(tmp_path / "bad.csv", FRENCH, ";")
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    try:
        with pytest.raises(PermitsError, match=r"cannot be written \(File too large\)"):
            for line in range(10_000):
                rejects.add(line, *BAD, ["x" * 100])
        rejects.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_the_rejects_go_beside_the_register_unless_told_otherwise() -> None:
    """``register.csv`` has its rejects in ``register.rejects.csv``."""
    assert default_place(Path("/data/register.csv")) == Path("/data/register.rejects.csv")


def test_a_corrected_rejects_file_is_itself_a_register(tmp_path: Path) -> None:
    """Its first columns are passed over and its apostrophes taken off again."""
    place = tmp_path / "bad.csv"
    made(place, (9, list(GOOD.values()))).finish()
    with open_register(place) as file:
        [found] = file.rows()
        assert file.ignored == []
        assert file.own_columns == list(FRENCH)
        assert file.fields(found)["phone"] == "+212661234567"
        assert file.own_cells(found) == list(GOOD.values())
