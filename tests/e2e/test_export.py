"""The export at the command line, on both databases: what is made, what is refused, and what is left behind."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.command_line import Cli


def test_an_export_says_what_it_holds(cli: Cli) -> None:
    """On the terminal and as JSON; the folder says the same of itself, with each file's digest."""
    cli.title()
    done = cli.ok("export", "--format", "parquet", "--out", "history", "--json").json
    assert done["events"] == done["position"] == cli.position
    assert done["families"]["permit"] == {"streams": 1, "events": 4}
    told = json.loads((cli.folder / "history" / "export.json").read_text())
    assert told["files"] == done["files"] != []
    said = cli.ok("export", "--format", "parquet", "--out", "again").out
    assert f"{cli.position} events up to position {cli.position}, without personal data: again" in said


def test_nothing_is_replaced_without_force(cli: Cli) -> None:
    """And with it only what an earlier export made."""
    cli.title()
    cli.ok("export", "--format", "parquet", "--out", "history")
    done = cli("export", "--format", "parquet", "--out", "history", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert "--force" in done.error["message"]
    cli.ok("export", "--format", "parquet", "--out", "history", "--force")
    own = cli.folder / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("years of work")
    done = cli("export", "--format", "parquet", "--out", "own", "--force", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert (own / "thesis.txt").read_text() == "years of work"


def test_an_export_that_fails_leaves_nothing_behind(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle: no output, no half of one, and the earlier one still there."""
    from permits_engine.audit.exports import parquet

    cli.title()
    cli.ok("export", "--format", "parquet", "--out", "history")
    before = {path: path.read_bytes() for path in (cli.folder / "history").rglob("*") if path.is_file()}

    def full(self: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.Writer, "finish", full)
    for place in ("history", "new"):
        done = cli("export", "--format", "parquet", "--out", place, "--force", "--json")
        assert (done.code, done.error["code"]) == (2, "input.invalid")
        assert "No space left on device" in done.error["message"]
    assert [each.name for each in cli.folder.iterdir()] == ["history"]
    assert before == {
        path: path.read_bytes() for path in (cli.folder / "history").rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "parchment", "--out", "x"], "parchment"),
        (["--format", ",", "--out", "x"], "names none"),
        (["--format", "parquet", "--out", "no/such/folder"], "make the folder"),
        (["--format", "parquet", "--out", "/"], "no name"),
        (["--format", "parquet", "--out", "x", "--with-personal-data"], "--purpose"),
        (["--format", "parquet"], "--out"),
    ],
)
def test_a_line_that_cannot_be_carried_out_says_why(sqlite_cli: Cli, arguments: list[str], says: str) -> None:
    """Exit 2, one sentence, and nothing made."""
    done = sqlite_cli("export", *arguments, "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert says in done.error["message"]
    assert not (sqlite_cli.folder / "x").exists()


def test_an_export_without_personal_data_needs_no_key(sqlite_cli: Cli, tmp_path: Path) -> None:
    """An auditor's machine does not hold the master key."""
    sqlite_cli.title()
    (tmp_path / "master.keys").rename(tmp_path / "elsewhere")
    sqlite_cli.ok("export", "--format", "parquet", "--out", "history")


def test_every_person_can_see_that_their_data_were_exported(cli: Cli) -> None:
    """By whom, when and for what; an export without personal data leaves no trace."""
    holder_id = cli.holder()
    cli.title(holder_id=holder_id)
    before = cli.position
    cli.ok("export", "--format", "parquet", "--out", "plain")
    assert cli.position == before
    cli.ok(
        *("export", "--format", "parquet", "--out", "all", "--with-personal-data"),
        *("--purpose", "order 94 of the tribunal"),
    )
    assert cli.position == before + 1
    from permits_engine import Actor, Engine

    with Engine.open(cli.store or "", keys=os.environ["PERMITS_KEYS"]) as engine:
        (look,) = engine.as_(Actor("auditor-1", "auditor"), "control").queries.accesses(holder_id)
    assert look["purpose"] == "export (parquet): order 94 of the tribunal"
    import duckdb

    rows = duckdb.sql(
        f"SELECT personal FROM read_parquet('{cli.folder}/all/**/*.parquet') WHERE event = 'holder.registered'"
    ).fetchall()
    assert json.loads(rows[0][0])["family_name"] == "Diallo"


def test_an_operator_of_one_office_exports_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is of every office; an auditor may have it, and personal data with a purpose only."""
    cli.title()
    monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "counter@MA-RAB")
    done = cli("export", "--format", "parquet", "--out", "x", "--json")
    assert (done.code, done.error["code"]) == (1, "actor.wrong_prefecture")
    monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "auditor")
    done = cli("export", "--format", "parquet", "--out", "x", "--with-personal-data", "--json")
    assert (done.code, done.error["code"]) == (1, "actor.not_competent")
    assert not (cli.folder / "x").exists()
    cli.ok("export", "--format", "parquet", "--out", "x")
