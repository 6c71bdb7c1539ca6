"""Whole histories looked at again, from the command line."""

from pathlib import Path

from permits_engine.policies.loading import packaged
from tests.e2e.command_line import COUNTER, DECIDER, WHY, Cli


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


def test_what_if_tells_the_figures_and_the_permits_behind_them(cli: Cli, tmp_path: Path) -> None:
    """A term of three years from the first card on: nothing to renew in the second year."""
    permit_id = cli.title()
    for line in (
        {"command": "request_renewal", "on": "2018-01-10", "actor": COUNTER},
        {"command": "renew_permit", "on": "2018-01-20", "actor": DECIDER},
    ):
        cli.did({**line, "permit_id": permit_id})
    other = tmp_path / "other.yaml"
    other.write_text(
        packaged("MA").replace(
            "name: term.first, value: P1Y, from: 2013-12-16", "name: term.first, value: P3Y, from: 2013-12-16"
        )
    )
    asked = ("what-if", "--policy", str(other), "--until", "2018-06-01")
    found = cli.ok(*asked, "--json").json
    assert found["files"] == found["differ"] == 1
    assert found["figures"]["renewals"]["by_year"] == {"2018": {"history": 1, "other": 0}}
    assert found["spared"]["request_renewal"]["cells"] == [
        {"office": "MA-RAB", "year": 2018, "history": 1, "other": 0, "permits": [permit_id]}
    ]
    listed = tmp_path / "list.csv"
    told = cli.ok(*asked, "--by", "office", "--list", str(listed)).out
    assert "1 permits, of which 1 would have gone otherwise" in told
    assert f"spared,renew_permit,MA-RAB,2018,{permit_id}" in listed.read_text().splitlines()


def test_what_if_refuses_what_cannot_be(cli: Cli, tmp_path: Path) -> None:
    """A file that is not there, a text that is no policy, a grouping that is none."""
    assert cli("what-if", "--policy", str(tmp_path / "none.yaml"), "--json").code == 2
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("policy: MA\n")
    assert cli("what-if", "--policy", str(wrong), "--json").error["code"] == "policy.invalid"
    wrong.write_text(packaged("MA"))
    assert cli("what-if", "--policy", str(wrong), "--by", "sex", "--json").error["code"] == "input.invalid"


def test_audit_tells_what_officers_did_and_how_well(cli: Cli) -> None:
    """Acts of one, counts of all, decisions that fail a quality check, looks, and a sample; one of them at a time."""
    permit_id = cli.title(file_number="RAB/7")
    acts = cli.ok(
        "audit", "--actor", "officer-3", "--from", "2017-01-01", "--to", "2017-12-31", "--json"
    ).json
    assert [(x["event"], x["stream"]) for x in acts] == [("permit.issued", permit_id)]
    assert "permit.issued" in cli.ok("audit", "--actor", "officer-3").out
    counts = cli.ok("audit", "--json").json
    assert {
        "actor": "officer-3",
        "role": "decider",
        "prefecture": "MA-RAB",
        "event": "permit.issued",
        "count": 1,
    } in counts
    found = cli.ok("audit", "--failing", "--json").json
    assert (found["decisions"], found["failing"], found["rows"]) == (1, 0, [])
    cli.ok("show", permit_id)
    looks = cli.ok("audit", "--looks", "--json").json
    assert len(looks) == 1
    assert cli.ok("audit", "--looks", "--holder", looks[0]["holder_id"], "--json").json == looks
    sample = cli.ok("audit", "--sample", "3", "--seed", "2017", "--json").json
    assert [row["permit_id"] for row in sample["rows"]] == [permit_id]
    assert f"{permit_id} version 4  permit.issued of 2017-02-01" in cli.ok("audit", "--sample", "1").out
    assert cli("audit", "--looks", "--failing", "--json").error["code"] == "input.invalid"
    assert (
        cli("audit", "--from", "2018-01-01", "--to", "2017-01-01", "--json").error["code"] == "input.invalid"
    )
    cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "counter@MA-RAB")
    assert cli("audit", "--json").error["code"] == "actor.not_competent"


def test_reexamine_finds_refusals_and_opens_them_again(cli: Cli, tmp_path: Path) -> None:
    """Listed under a text, opened once it is in use, and found no more."""
    permit_id = cli.application()
    refusal = {"command": "refuse_application", "on": "2017-02-10", "actor": DECIDER, **WHY}
    cli.did({**refusal, "permit_id": permit_id})
    text = packaged("MA")
    at = text.index("name: opinion.required")
    widened = tmp_path / "widened.yaml"
    widened.write_text(text[:at] + text[at:].replace("value: true", "value: false", 1))
    asked = ("reexamine", "--policy", str(widened), "--where", "criterion=R5", "--where", "sex=F")
    found = cli.ok(*asked, "--json").json
    assert [each["permit_id"] for each in found["accepted"]] == [permit_id]
    assert (found["looked_at"], found["still"], found["recorded"]) == (1, {}, None)
    assert permit_id in cli.ok(*asked).out
    assert cli(*asked, "--record", "--json").error["code"] == "policy.none_in_force"
    cli.ok("policy", "adopt", str(widened))
    assert "1 opened again" in cli.ok(*asked, "--record").out
    assert cli.ok("show", permit_id, "--json").json["application_status"] == "under_review"
    assert cli.ok(*asked, "--record", "--json").json["recorded"] == {"opened": 0}
    assert cli("reexamine", "--policy", str(widened), "--where", "criterion", "--json").code == 2
    cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "auditor")
    assert cli(*asked, "--record", "--json").error["code"] == "actor.not_competent"
    assert cli.ok(*asked, "--json").json["accepted"] == []
