"""The command line acts as a named operator, in the roles that are granted, and in no other."""

import json
from typing import Any

import pytest

from tests.e2e.command_line import COMMISSION, COUNTER, DECIDER, Cli, application, opinion

COUNTER_OF_FES = {"id": "officer-8", "role": "counter", "prefecture": "MA-FES"}


def granted(cli: Cli, *roles: str, operator: str = "h.alami") -> None:
    """Configure the operator and their roles."""
    cli.monkeypatch.setenv("PERMITS_OPERATOR", operator)
    cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", ", ".join(roles))


def looks(cli: Cli, permit_id: str) -> list[Any]:
    """Who saw the person, from the history of their file's holder."""
    from permits_engine import Engine

    keys = cli.folder.parent / "master.keys"
    assert cli.store is not None
    with Engine.open(cli.store, keys=keys) as engine:
        return [
            (each["actor"]["id"], each["actor"]["role"])
            for each in engine.subscribe(timeout=0, names=("holder.accessed",))
        ]


def test_without_granted_roles_lines_act_in_any(cli: Cli) -> None:
    """One person on a machine of their own: every role, as the operator that the account is."""
    permit_id = cli.title()
    [first, *_] = cli.ok("history", permit_id, "--json").json
    assert first["actor"] == COUNTER
    assert first["operator"] not in {"", "unknown", "library"}


def test_lines_cannot_claim_more_than_is_granted(cli: Cli) -> None:
    """Neither another role nor another office; the refusal names the setting, and the other lines go on."""
    holder_id = cli.holder()
    granted(cli, "counter@MA-RAB")
    lines = [
        application(holder_id),
        application(holder_id) | {"actor": COUNTER_OF_FES, "prefecture": "MA-FES"},
        application(holder_id) | {"actor": DECIDER},
        application(holder_id) | {"actor": COUNTER | {"prefecture": None}},
        application(holder_id),
    ]
    done = cli.execute(*lines)
    assert done.code == 1
    assert [each["ok"] for each in done.lines] == [True, False, False, False, True]
    for refused in done.lines[1:4]:
        error = refused["error"]
        assert error["code"] == "actor.not_competent"
        assert error["details"]["rule"] == "PERMITS_OPERATOR_ROLES"
        assert error["details"]["granted"] == ["counter@MA-RAB"]
    assert "not counter@MA-FES" in done.lines[1]["error"]["message"]


def test_several_roles_may_be_granted(cli: Cli) -> None:
    """Each for one office or for all; the engine's own rules on competence hold besides."""
    holder_id = cli.holder()
    granted(cli, "counter", "local_commission@MA-RAB", "decider@MA-FES")
    permit_id = cli.did(application(holder_id))[0]["permit_id"]
    cli.did(opinion(permit_id))
    issue = {"command": "issue_permit", "permit_id": permit_id, "on": "2017-02-01"}
    assert "is granted" in cli.refused(issue | {"actor": DECIDER})["message"]
    other = cli.refused(issue | {"actor": DECIDER | {"prefecture": "MA-FES"}})
    assert other["code"] == "actor.wrong_prefecture"


def test_roles_stand_in_the_settings_file_too(cli: Cli) -> None:
    """As a list; a role that does not exist is refused with what was meant."""
    permit_id = cli.application()
    settings = cli.folder / "permits.toml"
    settings.write_text('operator = "h.alami"\noperator_roles = ["decider@MA-RAB"]\n', encoding="utf-8")
    assert cli.refused(opinion(permit_id))["code"] == "actor.not_competent"
    settings.write_text('operator_roles = ["decidor"]\n', encoding="utf-8")
    done = cli("status", "--json")
    assert done.code == 2
    assert "did you mean decider" in done.error["message"]


def test_an_operator_reads_what_their_role_may_read(cli: Cli) -> None:
    """The files of their own office, by every command that shows one."""
    permit_id = cli.title()
    granted(cli, "counter@MA-FES")
    for command in (("show",), ("history",), ("explain",), ("rights",)):
        done = cli(*command, permit_id, "--json")
        assert (done.code, done.error["code"]) == (1, "actor.wrong_prefecture")
    assert cli.ok("list", "--json").json == []
    assert cli("list", "--prefecture", "MA-RAB", "--json").code == 1
    granted(cli, "counter@MA-RAB")
    assert cli.ok("show", permit_id, "--json").json["title_status"]
    assert [row["permit_id"] for row in cli.ok("list", "--json").json] == [permit_id]
    granted(cli, "administrator")
    assert cli("show", permit_id, "--json").error["code"] == "actor.not_competent"
    granted(cli, "counter@MA-FES", "decider@MA-RAB")
    assert cli.ok("show", permit_id, "--json").json["permit_id"] == permit_id


def test_an_auditor_says_what_the_look_is_for(cli: Cli) -> None:
    """Without it the history is shown without the person; with it the look is noted."""
    permit_id = cli.title()
    granted(cli, "auditor", operator="inspector")
    assert "five years shown" not in cli.ok("history", permit_id, "--json").out
    assert "sealed" in cli.ok("history", permit_id).out
    assert looks(cli, permit_id) == []
    told = cli.ok("history", permit_id, "--purpose", "yearly control 2026", "--json")
    assert "five years shown" in told.out
    assert looks(cli, permit_id) == [("inspector", "auditor")]


def test_a_reader_of_reasons_is_recorded_by_name(cli: Cli) -> None:
    """Once a day, also where no roles are configured: as the operator, in the first role that may."""
    permit_id = cli.title()
    cli.monkeypatch.setenv("PERMITS_OPERATOR", "h.alami")
    for _ in range(2):
        assert "five years shown" in cli.ok("history", permit_id).out
        cli.ok("explain", permit_id, "--version", "3", "--json")
    assert looks(cli, permit_id) == [("h.alami", "counter")]


def test_a_person_is_found_from_the_command_line(cli: Cli) -> None:
    """By name and birth date or by a number; as a table or as JSON, page by page."""
    permit_id = cli.title(file_number="12/2016")
    second = cli.application(cli.holder(given_names="Aminata Awa"))
    found = cli.ok("find", "--name", "diallo aminata", "--birth-date", "1990-04-01", "--json").json
    assert {row["permit_id"] for row in found} == {permit_id, second}
    [row] = cli.ok("find", "--file-number", "12-2016", "--json").json
    assert (row["permit_id"], row["family_name"]) == (permit_id, "Diallo")
    table = cli.ok("find", "--name", "Awa", "--birth-date", "1990-04-01").out
    assert "Aminata Awa" in table
    assert cli.ok("find", "--card-number", "none", "--json").json == []
    first = cli.ok("find", "--name", "diallo", "--birth-date", "1990-04-01", "--limit", "1", "--json")
    cursor = first.err.split("--after ")[1].split()[0]
    rest = cli.ok(
        "find", "--name", "diallo", "--birth-date", "1990-04-01", "--limit", "1", "--after", cursor, "--json"
    )
    assert {first.json[0]["permit_id"], rest.json[0]["permit_id"]} == {permit_id, second}
    assert rest.err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--name", "Diallo"),
        ("--birth-date", "1990-04-01"),
        ("--name", "Diallo", "--birth-date", "yesterday"),
        ("--file-number", "1", "--card-number", "1"),
    ],
)
def test_a_question_that_says_too_little_is_bad_usage(sqlite_cli: Cli, arguments: tuple[str, ...]) -> None:
    """Exit 2, with what is missing."""
    done = sqlite_cli("find", *arguments, "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")


def test_technical_work_is_for_an_administrator(cli: Cli) -> None:
    """And a pass for anyone who is granted the scheduler's role; looking at the store's state is for everybody."""
    granted(cli, "counter@MA-RAB")
    for command in (("init",), ("rebuild",), ("policy", "adopt", "x.yaml"), ("daemon", "--once")):
        if command[0] == "policy":
            (cli.folder / "x.yaml").write_text("policy: MA\n", encoding="utf-8")
        done = cli(*command, "--json")
        assert (done.code, done.error["code"]) == (1, "actor.not_competent"), command
    for command in (("status",), ("rebuild", "--check"), ("caseload",), ("verify",)):
        assert cli(*command, "--json").code == 0, command
    granted(cli, "administrator")
    assert cli.ok("rebuild", "--json").json["parked"] == 0
    granted(cli, "scheduler")
    assert cli.ok("daemon", "--once", "--json").json["files"] == 0


def test_an_unknown_user_is_no_operator(sqlite_cli: Cli) -> None:
    """An account without a name has to say who runs this."""
    import getpass

    def unknown() -> str:
        raise KeyError("uid not found")

    sqlite_cli.monkeypatch.setattr(getpass, "getuser", unknown)
    done = sqlite_cli("status", "--json")
    assert done.code == 2
    assert done.error["details"]["fields"][0]["path"] == "PERMITS_OPERATOR"
    sqlite_cli.monkeypatch.setenv("PERMITS_OPERATOR", "h.alami")
    assert sqlite_cli("status", "--json").code == 0


def test_a_store_that_cannot_be_written_shows_files_without_people(sqlite_cli: Cli) -> None:
    """A copy on a medium of which nothing can be noted: dates and states, no reason and no name."""
    from permits_engine.store.database import transactions

    permit_id = sqlite_cli.title()
    before = sqlite_cli.ok("history", permit_id, "--json")
    assert "five years shown" in before.out
    sqlite_cli.monkeypatch.setenv("PERMITS_OPERATOR", "somebody else")

    def read_only(*given: object, **more: object) -> Any:
        raise transactions.unavailable("x", "is read-only")

    sqlite_cli.monkeypatch.setattr(transactions.Database, "write", read_only)
    after = sqlite_cli.ok("history", permit_id, "--json")
    assert "five years shown" not in after.out
    assert [each["name"] for each in after.json] == [each["name"] for each in before.json]
    assert sqlite_cli("find", "--name", "diallo", "--birth-date", "1990-04-01", "--json").code == 4
    assert json.loads(after.out)[2]["sealed"] is True
    assert COMMISSION["role"] == after.json[2]["actor"]["role"]
