"""Whole histories looked at again, from the command line."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.command_line import Cli


def test_replay_says_that_every_decision_is_what_it_was(cli: Cli) -> None:
    """In words and for programs, with two processes as with one."""
    cli.title()
    done = cli.ok("replay")
    assert done.out == ("3 decisions of 1 permits decided again (4 events)\neach leads to the same events\n")
    found = cli.ok("replay", "--workers", "2", "--json").json
    assert found["decisions"] == {"lodge_application": 1, "record_opinion": 1, "issue_permit": 1}
    assert (found["events"], found["imported"], found["disagree"], found["differences"]) == (4, 0, 0, [])


def test_replay_of_a_history_that_was_altered_exits_3(sqlite_cli: Cli) -> None:
    """The decision is named, with what was recorded and what comes now."""
    import sqlite3

    permit_id = sqlite_cli.title()
    assert sqlite_cli.store is not None
    connection = sqlite3.connect(sqlite_cli.store.removeprefix("sqlite:///"))
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    changed = "UPDATE events SET payload = replace(CAST(payload AS TEXT), '2018-01-31', '2028-01-31')"
    connection.execute(f"{changed} WHERE stream = ? AND version = 4", (permit_id,))
    connection.commit()
    connection.close()
    done = sqlite_cli("replay")
    assert done.code == 3
    assert f"{permit_id} version 4 (issue_permit)" in done.out
    assert "valid_until=2028-01-31" in done.out
    assert "valid_until=2018-01-31" in done.out
    found = sqlite_cli("replay", "--json")
    assert (found.code, found.json["disagree"]) == (3, 1)


def test_replay_refuses_what_cannot_be(cli: Cli, tmp_path: Path) -> None:
    """No worker, no export in a folder, an operator without the role: a sentence and the contract's code."""
    cli.title()
    assert cli("replay", "--workers", "0", "--json").error["code"] == "input.invalid"
    assert cli("replay", "--parquet", str(tmp_path), "--json").error["code"] == "input.invalid"
    cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "counter@MA-RAB")
    assert cli("replay", "--json").error["code"] == "actor.not_competent"
