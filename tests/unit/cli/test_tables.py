"""Tables for people: whole in a pipe, fitted to a terminal."""

import io
from typing import Any

import pytest

from permits_engine.cli import output

ID = "0190a1b2-0000-7000-8000-000000000001"


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def printed(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], stream: io.StringIO) -> list[str]:
    """The lines of a table, on 80 columns where the stream is a terminal."""
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setenv("COLUMNS", "80")
    output.table(rows)
    return stream.getvalue().splitlines()


def test_long_cells_are_wrapped_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line fits, every word is there, and ids are never broken."""
    reasons = "the documents that were shown do not prove the five years of residence " * 2
    rows = [{"permit_id": ID, "reasons": reasons.strip(), "on": "2017-01-31"}]
    lines = printed(monkeypatch, rows, Terminal())
    assert len(lines) > 2
    assert max(map(output.width, lines)) <= 80
    assert ID in lines[1]
    assert sorted(" ".join(lines[1:]).split()) == sorted(f"{ID} {reasons} 2017-01-31".split())


def test_too_many_columns_become_one_field_to_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three ids in a row have no room beside each other."""
    lines = printed(monkeypatch, [{"holder_id": ID, "permit_id": ID, "notice_id": ID}], Terminal())
    assert lines == [f"holder_id  {ID}", f"permit_id  {ID}", f"notice_id  {ID}", ""]


def test_nothing_is_wrapped_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that reads the table finds one row to a line."""
    lines = printed(monkeypatch, [{"permit_id": ID, "reasons": "x " * 100}], io.StringIO())
    assert len(lines) == 2
    assert max(map(len, lines)) > 200


def test_a_narrow_table_is_the_same_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fits is not touched."""
    rows = [{"office": "MA-RAB", "open": 3, "late": True}]
    assert printed(monkeypatch, rows, Terminal()) == printed(monkeypatch, rows, io.StringIO())
