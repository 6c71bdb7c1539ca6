"""A store of France alone: every command of the command line, without another country's rules in the store.

What is typed names neither a country nor an office of another one. The last assertion compares what was run with the
registry, so that a new command is added here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from permits_engine import Engine
from permits_engine.cli.registry import COMMANDS
from permits_engine.policies.loading import packaged
from permits_engine.testing import Office
from permits_engine.testing.clock import FakeClock
from tests.e2e.command_line import Cli, Done
from tests.integration.store.test_backup import Restore, restore, tools
from tests.registers import row, write

__all__ = ["restore", "tools"]

OFFICE = "FR-69"
CLERK = {"id": "guichet-4", "role": "counter", "prefecture": OFFICE}
DECIDER = {"id": "chef-de-bureau", "role": "decider", "prefecture": OFFICE}
SCENARIOS = Path(__file__).parents[1] / "scenarios" / "france"
REASONS = {"reasons_in_fact": "ressources insuffisantes", "reasons_in_law": "CESEDA, article L421-1"}
NOT_OF_A_STORE = {"demo": "makes a store of its own, of the operation that it replays"}


@dataclass
class Driven:
    """The command line that notes which commands were run."""

    cli: Cli
    ran: set[str] = field(default_factory=set)

    def __call__(self, words: str, *arguments: object, code: int = 0, stdin: bytes = b"") -> Done:
        assert words in COMMANDS
        self.ran.add(words)
        done = self.cli(*words.split(), *map(str, arguments), stdin=stdin)
        assert done.code == code, done
        return done

    def did(self, *lines: dict[str, Any]) -> list[Any]:
        """Outcomes of commands given as JSON Lines in a file."""
        file = self.cli.folder / "commands.jsonl"
        file.write_text("".join(json.dumps(each) + "\n" for each in lines))
        return self("execute", file).lines


@pytest.fixture
def france(bare: Cli, store_url: str) -> Driven:
    """A store that has adopted the policy of France, and no other."""
    bare.store = store_url
    bare.monkeypatch.setenv("PERMITS_KEYS", str(bare.folder / "master.keys"))
    driven = Driven(bare)
    assert driven("init", "--jurisdiction", "FR", "--json").json["policies"] == ["FR"]
    return driven


def person(**fields: Any) -> dict[str, Any]:
    """The line that registers a person."""
    who = {"family_name": "Diallo", "given_names": "Aminata", "birth_date": "1990-04-01", "sex": "F"}
    return {
        "command": "register_holder",
        "nationality": "MLI",
        "language": "fr",
        "actor": CLERK,
        **who,
    } | fields


def filed(holder_id: str, on: str | None) -> dict[str, Any]:
    """The line that files an application in Lyon, on a day or today."""
    return {
        "command": "lodge_application",
        "holder_id": holder_id,
        "jurisdiction": "FR",
        "category": "temporary",
        "prefecture": OFFICE,
        "file_number": f"69/{holder_id}",
        "on": on,
        "actor": CLERK,
    }


def decided(permit_id: str, command: str, on: str, **fields: Any) -> dict[str, Any]:
    """The line of a decision."""
    return {"command": command, "permit_id": permit_id, "on": on, "actor": DECIDER, **fields}


@dataclass
class Files:
    """People and files of the store."""

    told: str
    """Granted a card, with an address."""
    unreached: str
    """Granted a card, without an address."""
    refused: str
    waiting: str
    holders: list[str]


def people_and_files(run: Driven) -> Files:
    """Four people who filed in Lyon: two cards, a refusal, and one who waits."""
    given = [{"email": "aminata@example.org"}, {"family_name": "Keïta"}, {"family_name": "Sow"}, {"sex": "X"}]
    holders = [each["holder_id"] for each in run.did(*(person(**fields) for fields in given))]
    days = ["2024-01-02", "2024-01-02", "2024-01-03", None]
    told, unreached, refused, waiting = (each["permit_id"] for each in run.did(*map(filed, holders, days)))
    run.did(
        decided(told, "issue_permit", "2024-01-15"),
        decided(unreached, "issue_permit", "2024-01-15"),
        decided(refused, "refuse_application", "2024-01-16", **REASONS),
    )
    return Files(told, unreached, refused, waiting, holders)


def test_every_command_works_in_a_store_of_one_country(
    france: Driven, restore: Restore, request: pytest.FixtureRequest, store_url: str, tmp_path: Path
) -> None:
    """From the import of a register to the backup, each with the exit code of success unless the law says no."""
    files = people_and_files(france)
    take_over(france, tmp_path)
    rules(france, tmp_path)
    look(france, files)
    send(france, files)
    papers(france, files, tmp_path)
    look_back(france, files, tmp_path)
    protect(france, files)
    maintain(france, tmp_path)
    back_up(france, restore, request, store_url, tmp_path)
    assert france.ran | NOT_OF_A_STORE.keys() == COMMANDS.keys()


def test_a_letter_to_an_office_is_in_one_language() -> None:
    """Spain writes to its offices in Spanish: the office's name in the letter is Spanish too."""
    clock = FakeClock()
    clock.at(date(2024, 1, 2))
    with Engine.open("sqlite://", policies=[packaged("ES")], clock=clock) as engine:
        office = Office(engine, clock, code="ES-B")
        about = {"jurisdiction": "ES", "category": "temporary", "prefecture": "ES-B"}
        office.do("lodge_application", "2024-01-02", holder_id=office.holder(), **about)
        clock.at(date(2024, 3, 26))
        engine.run_pass()
        [alert] = [each for each in engine.notices.list() if each["recipient"] == "prefecture"]
        letter = engine.notices.letter(alert["notice_id"])
        assert (letter.language, letter.to_name) == ("es", "Barcelona")


def take_over(run: Driven, folder: Path) -> None:
    """A register of French rows goes in without a word about its country; one of another country does not."""
    dates = {"date_depot": "2023-03-10", "date_decision": "2023-09-10", "date_debut": "2023-09-10"}
    french = {
        "prefecture": "FR-75C",
        "categorie": "temporary",
        "critere": "",
        "date_fin": "2027-09-09",
        **dates,
    }
    rows = [
        row(numero_dossier="75/1", **french),
        row(numero_dossier="75/2", **french | {"date_fin": "2024-09-09"}),
        row(numero_dossier="RAB/3", **french | {"prefecture": "MA-RAB"}),
    ]
    report = run("import", write(folder / "register.csv", rows), "--json", code=1).json
    assert (report["imported"], report["codes"]) == (2, {"row.prefecture": 1})


def rules(run: Driven, folder: Path) -> None:
    """The rules shown, compared and drawn are those of France."""
    shown = run("policy show", "--on", "2024-01-02", "--json").json
    assert shown == run("policy show", "--jurisdiction", "fr", "--on", "2024-01-02", "--json").json
    assert any("CESEDA" in each["norm"] for each in shown)
    assert (
        run("policy show", "--jurisdiction", "MA", "--json", code=1).error["code"] == "policy.none_in_force"
    )
    assert run("policy show").out
    assert isinstance(run("policy diff", "--from", "2024-01-01", "--to", "2026-01-01", "--json").json, list)
    text = packaged("FR")
    other = folder / "fr.yaml"
    other.write_text(text.replace("value: P4M", "value: P5M", 1))
    run("policy check", other)
    assert run("policy diagram").out.startswith("stateDiagram")
    found = run("what-if", "--policy", other, "--json").json
    assert found["files"] == 6
    assert (
        run("reexamine", "--policy", other, "--where", "category=temporary", "--json").json["looked_at"] >= 1
    )
    assert run("policy adopt", other, "--json").json["adopted"] is True
    run("scenario run", SCENARIOS / "four-months-silence-refuse.yaml")


def look(run: Driven, files: Files) -> None:
    """What officers ask about one file and about all."""
    view = run("show", files.told, "--as-of", "2024-06-01", "--json").json
    assert (view["jurisdiction"], view["valid_until"], view["title_status"]) == ("FR", "2025-01-14", "active")
    history = run("history", files.told, "--json").json
    assert history[-1]["name"] == "permit.issued"
    assert run("explain", files.told, "--json").json
    assert run("explain", files.told).out
    run("diff", files.told, "--known-at", history[0]["recorded_at"], "--json")
    assert len(run("list", "--json").json) == 6
    [found] = run("find", "--name", "aminata diallo", "--birth-date", "1990-04-01", "--json").json[:1]
    assert found["prefecture"] == OFFICE
    assert run("caseload", "--json").json
    assert run("results", "--by", "nationality,outcome", "--json").json
    run("departures", "--json")
    run("rights", files.told, "--on", "2024-06-01", "--json")
    run("status", "--json")
    run("status")
    assert run("doctor").out


def send(run: Driven, files: Files) -> None:
    """What the scheduler would do, what it does, and what an operator does with a message that did not leave."""
    assert run("due", "--on", "2024-08-19", "--json").json
    run("pause", "--prefecture", OFFICE, "--reason", "déménagement")
    run("resume", "--prefecture", OFFICE)
    run("daemon", "--once", "--on", "2024-08-19", "--json")
    notices = {each["permit_id"]: each for each in run("notices", "--json").json}
    sent, parked = notices[files.told], notices[files.unreached]
    assert (sent["state"], parked["state"]) == ("sent", "parked")
    assert run("notices show", sent["notice_id"], "--json").json[-1]["name"] == "notice.sent"
    letter = run("notices preview", sent["notice_id"], "--json").json
    assert (letter["language"], letter["template"].split("/")[0]) == ("fr", "FR")
    run("notices retry", parked["notice_id"])
    run("daemon", "--once", "--on", "2024-08-20")
    run("notices served", parked["notice_id"])
    run("daemon", "--once")
    run("notices bounced", stdin=_bounce(sent["notice_id"]))
    assert run("coverage", "--from", "2024-08-19", "--to", "2024-08-19", "--json").json["unexplained"] == 0
    run("plan", "--from", "2024-08-01", "--to", "2024-12-31", "--json")
    assert all(each["office"].startswith("FR-") for each in run("digest", "--json").json)
    assert run("token verify", "none", "--json", code=2).error["code"] == "input.invalid"


def papers(run: Driven, files: Files, folder: Path) -> None:
    """What a person, a court and the public get, in French."""
    proof = run("receipt", files.waiting, "--json").json["proof"]
    key, listed = folder / "key.txt", folder / "superseded.txt"
    key.write_text(run("checkpoint", "--key").out)
    run("receipt-status", "--out", listed)
    checked = run("verify-receipt", proof, "--key", key, "--status", listed, "--json")
    assert checked.json["status"] == "good"
    none = run("attestation", files.waiting, "--json", code=1).error
    assert (none["code"], none["details"]) == ("policy.none_in_force", {"jurisdiction": "FR"})
    run("dossier", files.told, "--out", folder / "dossier.html")
    run("report", "--out", folder / "report.html")
    assert "FR-69" not in (folder / "report.html").read_text()


def look_back(run: Driven, files: Files, folder: Path) -> None:
    """The history verified, proved, decided again and exported."""
    run("verify", "--json")
    kept = folder / "checkpoint.txt"
    kept.write_text(run("checkpoint").out)
    run("verify", "--checkpoint", kept)
    proof = folder / "issued.tlog-proof"
    run("prove", files.told, 2, "--out", proof)
    run("verify-proof", proof, "--key", folder / "key.txt")
    assert run("replay", "--json").json["disagree"] == 0
    assert run("audit", "--json").json
    run("export", "--format", "cloudevents,csv,xes", "--out", folder / "export")


def protect(run: Driven, files: Files) -> None:
    """The rights of people over their data, by the law of France."""
    first, second, third, _ = files.holders
    run("holder link", first, second, "--reason", "même passeport")
    run("holder unlink", first, second, "--reason", "deux passeports")
    run("holder export", first)
    assert run("holder holds", third, "--json").json is not None
    version = run("holder request", third, "--right", "access", "--json").json["version"]
    run("holder answer", third, version, "--outcome", "granted")
    assert len(run("holder requests", "--json").json) == 1
    held = run("holder hold", third, "--norm", "ordonnance du tribunal", "--json").json["version"]
    run("holder release", third, held)
    assert run("retention rules", "--json").json
    run("retention due", "--json")
    run("retention apply", "--json")
    run("holder erase", third, "--reason", "demande", "--yes", "--json")
    run("holder erased", "--json")


def maintain(run: Driven, folder: Path) -> None:
    """Read models and keys."""
    assert run("rebuild", "--check", "--json").json["differences"] == []
    run("rebuild")
    run("keys new", "--out", folder / "other.keys")
    [old] = run("keys list", "--json").json
    run("keys rotate", "--json")
    halves = (folder / "half-1.txt", folder / "half-2.txt")
    run("keys export", *halves)
    run("keys import", *halves, "--out", folder / "joined.keys")
    run("keys drop", old["key"])


def back_up(run: Driven, restore: Restore, request: pytest.FixtureRequest, url: str, folder: Path) -> None:
    """A backup put back is a store of France alone too."""
    file = folder / "backup"
    program = "pg_dump" if url.startswith("sqlite") else request.getfixturevalue("tools")["pg_dump"]
    run("backup", file, "--pg-dump", program)
    before = run("list", "--json").json
    run.cli.store = restore(file)
    assert run("list", "--json").json == before
    run("verify")
    assert run("policy show").out


def _bounce(notice_id: str) -> bytes:
    """The notification of a mail server that a letter came back (RFC 3464)."""
    lines = f"""\
From: mailer-daemon@example.org
To: no-reply@permits.invalid
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It came back.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Final-Recipient: rfc822; aminata@example.org
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: <{notice_id}@permits.invalid>
X-Permits-Notice: {notice_id}

--b--
"""
    return lines.replace("\n", "\r\n").encode()
