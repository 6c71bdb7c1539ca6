"""A register taken over at the command line: what is printed, how it ends, and that a kill costs nothing."""

import csv
import json
import os
import random
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from permits_engine import Engine
from permits_engine.cli.app import run
from tests.registers import FRENCH, GOOD, row, rows, text, write
from tests.stores import canonical, family_name


class Shell:
    """A folder in which ``permits`` is run: in this process, or in one of its own that can be killed."""

    def __init__(self, folder: Path, url: str, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.url = url
        self.keys = folder / "master.keys"
        self.variables = {"PERMITS_STORE": url, "PERMITS_KEYS": str(self.keys)}
        self.capture = capture
        self.said = ""

    def __call__(self, *arguments: str, code: int = 0) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("PERMITS_")]:
                patch.delenv(name)
            for name, value in self.variables.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            self.capture.readouterr()
            found = run(list(arguments))
        done, self.said = self.capture.readouterr()
        assert found == code, f"{done}\n{self.said}"
        return done

    def json(self, *arguments: str) -> Any:
        """The result of a command as a program reads it."""
        return json.loads(self(*arguments, "--json"))

    def start(self, *arguments: str, **streams: Any) -> subprocess.Popen[bytes]:
        """``permits`` in a process of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PERMITS_")}
        return subprocess.Popen(
            [sys.executable, "-m", "permits_engine.cli", *arguments],
            cwd=self.folder,
            env=kept | self.variables | {"TERM": "xterm"},
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams,
        )

    def engine(self) -> Engine:
        """The store, opened here."""
        return Engine.open(self.url, keys=self.keys)


@pytest.fixture
def permits(store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A new store on each database."""
    shell = Shell(tmp_path, store_url, capsys)
    shell("init")
    return shell


@pytest.fixture
def local(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A new store on SQLite, for what has nothing to do with the database."""
    shell = Shell(tmp_path, sqlite_url, capsys)
    shell("init")
    return shell


def test_a_register_is_taken_over_and_told(permits: Shell) -> None:
    """The contract's result, exit 1 with rejects unless they are allowed, and the same again for the same file."""
    lines = [row(numero_dossier="1"), row(numero_dossier="2", sexe="?"), row(numero_dossier="3")]
    write(permits.folder / "register.csv", lines)
    report = json.loads(permits("import", "register.csv", "--json", code=1))
    assert {name: report[name] for name in ("read", "imported", "unchanged", "rejected", "rejects")} == {
        "read": 3,
        "imported": 2,
        "unchanged": 0,
        "rejected": 1,
        "rejects": "register.rejects.csv",
    }
    with (permits.folder / "register.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        [rejected] = csv.DictReader(file)
    assert (rejected["line"], rejected["code"], rejected["numero_dossier"]) == ("3", "row.sex", "2")
    said = permits("import", "register.csv", "--rejects", "bad.csv", "--allow-rejects")
    assert said.splitlines()[:2] == [
        "3 rows read: 0 imported, 2 unchanged, 1 rejected.",
        "The rejected rows are in bad.csv: row.sex 1.",
    ]
    assert "1 group of people looks the same (name and birth date); nothing was merged:\n  lines 2, 4" in said


def test_an_imported_file_is_shown_explained_and_checked(permits: Shell) -> None:
    """``show`` opens the file number, ``explain`` names the register, ``rebuild --check`` finds no difference."""
    write(permits.folder / "register.csv", [GOOD])
    assert permits.json("import", "register.csv")["rejects"] is None
    [listed] = permits.json("list")
    view = permits.json("show", listed["permit_id"])
    assert (view["file_number"], view["title_status"]) == ("RAB-2014-0001", "expired")
    told = permits("explain", listed["permit_id"], "--version", "2")
    assert "the old register" in told
    assert "lapsed" in permits("history", listed["permit_id"])
    assert permits.json("rebuild", "--check")["differences"] == []
    report = permits.json("daemon", "--once")
    assert report["notices"] == {}
    [notice] = permits.json("notices", "--state", "suppressed")
    assert (notice["kind"], notice["reason"]) == ("title_lapsed", "before_import")


def test_people_who_look_the_same_are_linked_by_a_named_officer(local: Shell) -> None:
    """``holder link`` and ``unlink`` take what the import names, for anyone who is granted it."""
    write(local.folder / "register.csv", [row(numero_dossier="1"), row(numero_dossier="2")])
    [group] = local.json("import", "register.csv")["look_alikes"]
    one, other = group["holder_ids"]
    local.variables |= {"PERMITS_OPERATOR": "Nadia Alaoui", "PERMITS_OPERATOR_ROLES": "auditor"}
    local("holder", "link", one, other, "--reason", "same passport", code=1)
    assert "actor.not_competent" in local.said
    local.variables["PERMITS_OPERATOR_ROLES"] = "administrator,counter@MA-RAB"
    said = local("holder", "link", one, other, "--reason", "same passport")
    assert said == f"{one} is linked to {other}.\n"
    local("holder", "link", one, other, "--reason", "same passport", code=1)
    assert "unlink_holders" in local.said
    with local.engine() as engine:
        [linked] = [
            each for each in engine.subscribe(timeout=0, names=("holder.linked",)) if each["stream"] == one
        ]
    assert linked["actor"] == {"id": "Nadia Alaoui", "role": "counter", "prefecture": "MA-RAB"}
    undone = local.json("holder", "unlink", other, one, "--reason", "two persons after all")
    assert undone["events"] == ["holder.unlinked"]


def test_a_file_that_cannot_be_read_ends_with_two_and_writes_nothing(local: Shell) -> None:
    """``input.invalid``, exit 2, and not an event."""
    before = local.json("status")["head"]["position"]
    for name, content, said in (
        ("empty.csv", b"", "is empty"),
        ("other.csv", b"a;b\n1;2\n", "none of the columns"),
        ("missing.csv", None, "missing.csv"),
        ("book.csv", b"PK\x03\x04", "spreadsheet"),
    ):
        if content is not None:
            (local.folder / name).write_bytes(content)
        local("import", name, code=2)
        assert local.said.startswith("permits: input.invalid: FILE: ")
        assert said in local.said
    assert local.json("status")["head"]["position"] == before


def test_a_register_in_windows_1256_comes_in_as_written_or_not_at_all(local: Shell) -> None:
    """Sure by itself with some names; a single one is refused until the encoding is named."""
    one = row(nom="الحسن", prenoms="مريم")
    many = [one, row(numero_dossier="2", nom="العلوي", prenoms="فاطمة", date_naissance="1991-04-01")]
    (local.folder / "one.csv").write_bytes(text([one]).encode("cp1256"))
    (local.folder / "many.csv").write_bytes(text(many).encode("cp1256"))
    local("import", "one.csv", code=2)
    assert "--encoding" in local.said
    local("import", "one.csv", "--encoding", "klingon", code=2)
    assert "--encoding: klingon" in local.said
    found = local.json("import", "one.csv", "--encoding", "windows-1256")
    assert (found["encoding"], found["imported"]) == ("windows-1256", 1)
    with local.engine() as engine:
        assert family_name(engine, GOOD["numero_dossier"]) == "الحسن"
    found = local.json("import", "many.csv")
    assert (found["encoding"], found["imported"], found["unchanged"]) == ("windows-1256", 1, 1)
    with local.engine() as engine:
        assert family_name(engine, "2") == "العلوي"


def test_a_register_as_an_office_keeps_it_is_read(local: Shell) -> None:
    """Titles above a header with a degree sign and plurals in brackets; countries by name; the file's line numbers."""
    abroad = row(numero_dossier="3", nationalite="Côte d'Ivoire", nom="Kouassi")
    whole = text([row(nationalite="ml"), row(numero_dossier="2", sexe="?"), abroad], separator=";")
    for name, heading in (
        ("numero_dossier", "N° de dossier"),
        ("prenoms", "Prénom(s)"),
        ("nationalite", "Nationalité(s)"),
    ):
        whole = whole.replace(name, heading, 1)
    (local.folder / "register.csv").write_bytes(f"Préfecture de Rabat;;;\r\n\r\n{whole}".encode("cp1252"))
    report = local.json("import", "register.csv", "--allow-rejects")
    assert (report["imported"], report["rejected"], report["encoding"]) == (2, 1, "windows-1252")
    with local.engine() as engine:
        events = list(engine.subscribe(timeout=0, names=("permit.application_lodged",)))
    assert [each["nationality"] for each in events] == ["MLI", "CIV"]
    rejects = (local.folder / "register.rejects.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rejects[0].startswith("line;code;reason;N° de dossier;nom;Prénom(s)")
    assert rejects[1].startswith("5;row.sex;")


def test_a_workbook_is_imported_and_its_rejects_come_back(local: Shell) -> None:
    """The same history as from CSV: the rows of the corrected rejects and of the CSV file are known already."""
    book = openpyxl.Workbook()
    book.active.append(FRENCH)
    for line in (row(), row(numero_dossier="2", nom="العلوي", sexe="?")):
        cells: dict[str, Any] = line | {
            "date_naissance": datetime(1990, 4, 1),
            "date_depot": (date(2014, 3, 10) - date(1899, 12, 30)).days,
        }
        book.active.append([cells[name] or None for name in FRENCH])
    book.save(local.folder / "register.xlsx")
    report = json.loads(local("import", "register.xlsx", "--json", code=1))
    assert (report["imported"], report["rejected"], report["encoding"]) == (1, 1, "xlsx")
    rejects = local.folder / "register.rejects.csv"
    rejects.write_text(rejects.read_text(encoding="utf-8-sig").replace(";?;", ";F;"), encoding="utf-8")
    assert local.json("import", rejects.name)["imported"] == 1
    write(local.folder / "same.csv", [row(), row(numero_dossier="2", nom="العلوي")])
    assert local.json("import", "same.csv")["unchanged"] == 2


def test_rejects_are_safe_in_a_spreadsheet_and_come_back(local: Shell) -> None:
    """A formula has an apostrophe in the rejects file, and none once it is imported from there."""
    write(
        local.folder / "register.csv", [row(nom="=1+1", prenoms="@Awa", telephone="+212661234567", sexe="?")]
    )
    local("import", "register.csv", code=1)
    rejects = local.folder / "register.rejects.csv"
    [cells] = csv.DictReader(rejects.read_text(encoding="utf-8-sig").splitlines())
    assert (cells["nom"], cells["prenoms"], cells["telephone"]) == ("'=1+1", "'@Awa", "'+212661234567")
    rejects.write_text(rejects.read_text(encoding="utf-8-sig").replace(",?,", ",F,"), encoding="utf-8-sig")
    assert local.json("import", rejects.name)["imported"] == 1
    with local.engine() as engine:
        assert family_name(engine, GOOD["numero_dossier"]) == "=1+1"


def test_an_existing_file_is_not_taken_for_the_rejects(local: Shell) -> None:
    """Exit 2, and the file is as it was."""
    write(local.folder / "register.csv", [row(sexe="?")])
    (local.folder / "notes.csv").write_text("mine\n")
    local("import", "register.csv", "--rejects", "notes.csv", code=2)
    assert "name another file" in local.said
    assert (local.folder / "notes.csv").read_text() == "mine\n"


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Importing makes no store: exit 4, and no file."""
    write(tmp_path / "register.csv", [GOOD])
    shell = Shell(tmp_path, f"sqlite:///{tmp_path / 'none.db'}", capsys)
    shell("import", "register.csv", code=4)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["register.csv"]


def test_hostile_cells_come_in_as_text_or_stay_out(permits: Shell) -> None:
    """Formulae, line breaks, a field of 1 MB, NULs, open quotation marks: each row by itself, none in the way."""
    whole = text(
        [
            row(numero_dossier="formula", nom='=HYPERLINK("http://x")', prenoms="-1+1"),
            row(numero_dossier="break", nom="Ba\r\nfils"),
            row(numero_dossier="huge", prenoms="x" * 1_000_000),
            row(numero_dossier="nul", nom="Ba\x00"),
            row(numero_dossier="open", nom="OPEN"),
            row(numero_dossier="short"),
            row(numero_dossier="last", nom="Last"),
        ]
    )
    whole = whole.replace("OPEN", '"OPEN').replace("short,", "short;", 1)
    (permits.folder / "register.csv").write_bytes(whole.encode())
    report = permits.json("import", "register.csv", "--allow-rejects")
    assert (report["read"], report["imported"], report["rejected"]) == (7, 2, 5)
    assert report["codes"] == {
        "row.text": 2,
        "row.too_long": 1,
        "row.unreadable": 1,
        "row.cells": 1,
    }
    with permits.engine() as engine:
        assert family_name(engine, "formula") == '=HYPERLINK("http://x")'
    csv.field_size_limit(2_000_000)
    with (permits.folder / report["rejects"]).open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.reader(file))
    assert found[0] == ["line", "code", "reason", *FRENCH]
    assert [each[0] for each in found[1:]] == ["3", "5", "6", "7", "8"]
    assert len(found[2][5]) == 1_000_000
    assert not any(cell.startswith(("=", "+", "-", "@")) for each in found for cell in each)


def test_an_import_killed_at_any_moment_and_run_again_ends_the_same(
    permits: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``kill -9`` again and again, then once to the end: the same history as one run, row for row."""
    lines = rows(500, seed=7)
    for number in range(0, len(lines), 97):
        lines[number]["date_depot"] = "unreadable"
    bad = len(range(0, len(lines), 97))
    good = len(lines) - bad
    big = write(permits.folder / "big.csv", lines)
    chance = random.Random(str(tmp_path))
    for _ in range(2):
        with permits.start("import", "big.csv", "--json") as process:
            before = stored(permits)
            while process.poll() is None and stored(permits) == before:
                time.sleep(0.05)
            time.sleep(0.2 * chance.random())
            process.kill()
            process.communicate(timeout=60)
    assert 0 < stored(permits) <= good
    report = permits.json("import", "big.csv", "--allow-rejects")
    assert (report["read"], report["rejected"]) == (len(lines), bad)
    assert report["imported"] + report["unchanged"] == good
    again = permits.json("import", "big.csv", "--allow-rejects")
    assert (again["imported"], again["unchanged"]) == (0, good)

    other = Shell(tmp_path / "whole", f"sqlite:///{tmp_path / 'whole' / 'store.db'}", capsys)
    other.folder.mkdir()
    other("init")
    once = other.json("import", str(big), "--rejects", "bad.csv", "--allow-rejects")
    assert (once["imported"], once["rejected"]) == (good, bad)
    assert (other.folder / "bad.csv").read_bytes() == (permits.folder / "big.rejects.csv").read_bytes()
    with permits.engine() as killed, other.engine() as whole:
        assert canonical(killed) == canonical(whole)
        assert killed.store.rebuild(check=True).differences == []
    assert not list(permits.folder.glob(".*.part"))


def stored(permits: Shell) -> int:
    """How many files a store holds while someone else works on it."""
    with permits.engine() as engine:
        return int(engine.queries.status()["permits"])


def test_memory_does_not_grow_with_the_register(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four times the rows need no more memory to speak of."""
    peaks = []
    for count in (400, 1600):
        folder = tmp_path / str(count)
        folder.mkdir()
        shell = Shell(folder, f"sqlite:///{folder / 'store.db'}", capsys)
        shell("init")
        write(folder / "register.csv", rows(count))
        with shell.start("import", "register.csv", "--json", stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            said = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert json.loads(said)["imported"] == count
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] * 1.15


def test_progress_is_shown_on_a_terminal_and_not_in_a_pipe(local: Shell) -> None:
    """Standard error of a pipe stays empty."""
    write(local.folder / "register.csv", rows(600))
    with local.start("import", "register.csv") as process:
        out, err = process.communicate(timeout=60)
    assert out.startswith(b"600 rows read: 600 imported")
    assert err == b""
    controller, terminal = os.openpty()
    with local.start("import", "register.csv", stderr=terminal) as process:
        os.close(terminal)
        told = b""
        try:
            while chunk := os.read(controller, 4096):
                told += chunk
        except OSError:  # the other end was closed
            pass
        process.communicate(timeout=60)
    os.close(controller)
    assert b"importing" in told
