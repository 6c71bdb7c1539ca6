"""Nothing leaks sideways: every command run with marked data, and everything that it wrote searched."""

import json
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from permits_engine.cli.registry import COMMANDS, load
from permits_engine.engine import Engine
from permits_engine.scheduler.daemon.metrics import Metrics
from permits_engine.store.keys.master_keys import MasterKeys
from tests.e2e.command_line import COUNTER, DECIDER, Cli, opinion

BORN = "1971-11-23"
PERSON = {
    "family_name": "Zzmarkername",
    "given_names": "Qqgivenmark",
    "birth_date": BORN,
    "email": "zzmarkermail@example.org",
    "phone": "+212661239876",
    "address": "12 rue Zzmarkerstreet",
}
MARKS = (
    *("Zzmarkername", "Qqgivenmark", BORN, "zzmarkermail", "661239876", "Zzmarkerstreet"),
    *("FMARK77", "CMARK88", "REASONMARK", "EVIDENCEMARK", "PROOFMARK"),
)
SHOWS = {
    *("show", "history", "explain", "diff", "find", "holder export", "receipt", "attestation"),
    *("notices show", "notices preview", "export", "dossier"),
}
"""Commands that show a person to operators with access; each leaves ``holder.accessed``."""
CHECKS = {"verify-receipt"}
"""Commands that show what the holder's own paper says."""
NOT_RUN = {"demo"}
"""Its people are invented."""


class World:
    """A store with one marked person, everything about whom is marked, and a line for every command."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli, self.folder = cli, folder
        self.holder_id = cli.holder(**PERSON)
        other = cli.holder(family_name="Other", given_names="Person")
        self.permit_id = cli.application(self.holder_id, file_number="FMARK77")
        permit = {"permit_id": self.permit_id}
        cli.did(
            opinion(self.permit_id) | {"reasons": "REASONMARK"},
            {
                "command": "issue_permit",
                **permit,
                "on": "2017-02-01",
                "card_number": "CMARK88",
                "actor": DECIDER,
            },
            {"command": "notify_decision", **permit, "on": "2017-02-02", "mode": "written"}
            | {"proof": "PROOFMARK", "actor": COUNTER},
            {"command": "record_fact", **permit, "kind": "minor", "since": "2017-03-01", "on": "2017-03-01"}
            | {"evidence": "EVIDENCEMARK", "actor": COUNTER},
        )
        cli.ok("daemon", "--once", "--on", "2018-01-02")
        self.notice_id = cli.ok("notices", "--json").json[0]["notice_id"]
        self.request = cli.ok("holder", "request", self.holder_id, "--right", "access", "--json").json[
            "version"
        ]
        self.hold = cli.ok("holder", "hold", other, "--norm", "order 1/2026", "--json").json["version"]
        self.other = other
        self.untold: list[str] = []
        self._inputs()

    def _inputs(self) -> None:
        """Files that commands read; what a user hands in may hold anything."""
        given = self.folder / "given"
        given.mkdir()
        (given / "register.csv").write_text(
            "numero_dossier;nom;prenoms;date_naissance;sexe;nationalite;prefecture;categorie;date_depot\n"
            f"FMARK77;Zzmarkername;Qqgivenmark;{BORN};F;SEN;MA-RAB;ordinary;2008-03-10\n"
            f"FMARK77;Zzmarkername;Qqgivenmark;{BORN};M;SEN;MA-RAB;ordinary;2008-03-10\n"
            "FMARK77;Zzmarkername;Qqgivenmark;Zzmarkername;F;SEN;MA-RAB;ordinary;2008-03-10\n",
            encoding="utf-8",
        )
        lines = [
            {"command": "update_holder", "holder_id": self.holder_id, "email": "zzmarkermail"},
            {"command": "update_holder", "holder_id": self.holder_id, "birth_date": "Zzmarkername"},
            {"command": "revoke_permit", "permit_id": self.permit_id, "ground": "REASONMARK REASONMARK"},
            {"command": "correct_record", "permit_id": self.permit_id, "of_version": 1, "field": "age"}
            | {"value": "Zzmarkername", "reason": "REASONMARK"},
        ]
        whole = [json.dumps(line | {"actor": COUNTER}) for line in lines]
        (given / "lines.jsonl").write_text("\n".join([*whole, '{"family_name": "Zzmarkername"', ""]))
        (given / "policy.yaml").write_text("policy: MA\nfamily_name: Zzmarkername\n")
        (given / "scenario.yaml").write_text("name: Zzmarkername\nholder: {email: zzmarkermail}\n")
        (given / "bounce.eml").write_text("To: zzmarkermail@example.org\n\nZzmarkername\n")
        (given / "proof.txt").write_text("Zzmarkername")

    def lines(self) -> dict[str, list[str]]:
        """How each command is typed."""
        given, out = self.folder / "given", self.folder / "out"
        out.mkdir(exist_ok=True)
        permit, holder, notice = self.permit_id, self.holder_id, self.notice_id
        days = ["--from", "2018-01-01", "--to", "2018-01-31"]
        found: dict[str, list[str]] = {
            **{name: [permit] for name in ("show", "history", "explain", "rights", "receipt", "attestation")},
            **{name: [holder] for name in ("holder export", "holder holds")},
            **{
                name: [notice]
                for name in ("notices show", "notices preview", "notices retry", "notices served")
            },
            **dict.fromkeys(("coverage", "plan", "departures"), days),
            "diff": [permit, "--known-at", "2026-01-01T00:00:00Z"],
            "find": ["--name", "Zzmarkername", "--birth-date", BORN],
            "prove": [permit, "1"],
            "dossier": [permit, "--out", str(out / "dossier.html")],
            "report": ["--out", str(out / "report.html")],
            "audit": ["--looks"],
            "reexamine": ["--policy", str(given / "policy.yaml")],
            "execute": [str(given / "lines.jsonl")],
            "import": [str(given / "register.csv"), "--rejects", str(given / "rejects.csv")],
            "backup": [str(out / "backup.db")],
            "export": ["--format", "csv,xes,cloudevents", "--out", str(out / "export")],
            "what-if": ["--policy", str(given / "policy.yaml")],
            "policy adopt": [str(given / "policy.yaml")],
            "policy check": [str(given / "policy.yaml")],
            "policy show": ["--jurisdiction", "MA", "--on", "2018-01-02"],
            "policy diff": ["--jurisdiction", "MA", "--from", "2017-01-09", "--to", "2017-01-10"],
            "scenario run": [str(given / "scenario.yaml")],
            "verify-proof": [str(given / "proof.txt")],
            "verify-receipt": [str(given / "proof.txt")],
            "token verify": ["Zzmarker"],
            "daemon": ["--once"],
            "pause": ["--reason", "office moves"],
            "holder request": [holder, "--right", "access"],
            "holder answer": [holder, str(self.request), "--outcome", "granted", "--reason", "REASONMARK"],
            "holder hold": [holder, "--norm", "order 1/2026", "--reason", "REASONMARK"],
            "holder release": [self.other, str(self.hold), "--reason", "REASONMARK"],
            "holder link": [holder, self.other, "--reason", "REASONMARK"],
            "holder unlink": [holder, self.other, "--reason", "REASONMARK"],
            "holder erase": [holder, "--reason", "asked for by Zzmarkername"],
            "keys new": ["--out", str(out / "new.keys")],
            "keys drop": ["0000000000000000"],
            "keys export": [str(out / "half-1.txt"), str(out / "half-2.txt")],
            "keys import": [str(given / "proof.txt"), str(given / "proof.txt"), "--out", str(out / "x.keys")],
            "rebuild": ["--check"],
            "digest": ["--prefecture", "MA-RAB"],
        }
        typed = {name: load(name) for name in COMMANDS if name not in NOT_RUN}
        self.untold = [name for name, command in typed.items() if name not in found and _needs(command)]
        return {name: found.get(name, []) for name in typed}

    def _files(self) -> Iterator[Path]:
        return (each for each in self.folder.rglob("*") if each.is_file())

    def holding(self) -> dict[str, list[str]]:
        """The files, but what the user gave and the letters, that contain a mark; and marked names of files."""
        found = {}
        for each in self._files():
            inside = each.relative_to(self.folder).parts
            assert not any(mark in str(each) for mark in MARKS), each
            if "given" in inside or "mail" in inside:
                continue
            content = each.read_bytes()
            marks = [mark for mark in MARKS if mark.encode() in content]
            if marks:
                found[str(each.relative_to(self.folder))] = marks
        return found


def _needs(command: Any) -> bool:
    return any(param.required for param in command.params)


@pytest.fixture
def world(sqlite_cli: Cli, tmp_path: Path) -> World:
    """The marked store, with a folder of its own for whatever is only temporary."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sqlite_cli.monkeypatch.setenv("TMPDIR", str(scratch))
    sqlite_cli.monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    sqlite_cli.monkeypatch.setenv("PERMITS_MAIL_DIR", str(tmp_path / "mail"))
    sqlite_cli.monkeypatch.setenv("PERMITS_OPERATOR", "officer-17")
    return World(sqlite_cli, tmp_path)


def marks_in(text: str) -> list[str]:
    return [mark for mark in MARKS if mark in text]


def looks(cli: Cli, holder_id: str) -> int:
    found: list[Any] = cli.ok("holder", "export", holder_id).json["looks"]
    return len(found)


@pytest.mark.parametrize("json_too", [False, True], ids=["for people", "as JSON"])
def test_every_command_keeps_to_itself_what_it_is_not_there_to_show(world: World, json_too: bool) -> None:
    """Standard error, files, their names and what is temporary hold no mark; standard output only where the command
    is there to show the person, and then the history says that someone looked."""
    shown = set()
    for name, arguments in world.lines().items():
        done = world.cli(*name.split(), *arguments, *(["--json"] if json_too else []))
        assert marks_in(done.err) == [], (name, done.err)
        if marks_in(done.out):
            shown.add(name)
        assert world.holding() == {}, name
    assert shown <= SHOWS | CHECKS, shown - SHOWS
    assert shown >= {"show", "holder export", "receipt", "find"}
    [look] = world.cli.ok("holder", "export", world.holder_id).json["looks"]
    assert look["reader"]["id"] == "officer-17"


def test_it_is_said_here_how_every_command_is_typed(world: World) -> None:
    """A new command that needs arguments is put among the lines of this world, so that it is searched too."""
    world.lines()
    assert world.untold == []


def _without_purpose(world: World) -> None:
    world.cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "auditor,administrator")


def _another_office(world: World) -> None:
    world.cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "counter@MA-FES,decider@MA-FES")


def _another_key(world: World) -> None:
    keys = world.folder / "master.keys"
    keys.unlink()
    MasterKeys.create(keys)


def _damaged(world: World) -> None:
    """Someone has changed what is encrypted, in every event."""
    import sqlite3

    with sqlite3.connect(world.folder / "store.db") as store:
        [(trigger,)] = store.execute("SELECT sql FROM sqlite_master WHERE name = 'events_kept'")
        store.execute("DROP TRIGGER events_kept")
        store.execute(
            'UPDATE events SET payload = CAST(replace(payload, \'"sealed":"\', \'"sealed":"AAAA\') AS BLOB)'
        )
        store.execute(trigger)
    store.close()


def _erased(world: World) -> None:
    assert world.cli("holder", "erase", world.holder_id, "--reason", "asked for").code == 0


@pytest.mark.parametrize(
    "happens",
    [_without_purpose, _another_office, _another_key, _damaged, _erased],
    ids=lambda each: each.__name__,
)
def test_an_operator_without_access_sees_no_word_of_a_person(
    world: World, happens: Callable[[World], None]
) -> None:
    """No role for it, no key for it, data damaged or erased: no command says a word, in results or in errors."""
    happens(world)
    lines = world.lines()
    if happens is _erased:
        del lines["import"]  # it would bring another person of that name
    if happens in (_without_purpose, _another_office):
        reads = ("holder", "notices", "rights", "list")
        lines = {each: lines[each] for each in lines if each in SHOWS or each.startswith(reads)}
    for name, arguments in lines.items():
        done = world.cli(*name.split(), *arguments)
        assert marks_in(done.err) == [], (name, done.err)
        assert marks_in(done.out) == [], (name, done.out)
        assert world.holding() == {}, name
    if happens is _erased:
        assert not any(marks_in(each.read_text()) for each in (world.folder / "mail").rglob("*.eml"))


def test_logs_and_metrics_of_the_daemon_name_no_person(world: World) -> None:
    """Also where the mail server's answer does: it is encrypted in the history, and printed nowhere."""

    class Refusing:
        async def handle_RCPT(
            self, server: Any, session: Any, envelope: Any, address: str, options: Any
        ) -> str:
            return f"550 5.1.1 <{address}> Zzmarkername has no mailbox here"

    cli = world.cli
    another = cli.title(holder_id=cli.holder(**PERSON))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(Refusing(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        for name, value in {"HOST": "127.0.0.1", "PORT": str(port), "SECURITY": "none"}.items():
            cli.monkeypatch.setenv(f"PERMITS_SMTP_{name}", value)
        done = cli("daemon", "--once", "--on", "2018-01-03")
    finally:
        server.stop()
    assert marks_in(done.out + done.err) == []
    states = {each["state"] for each in cli.ok("notices", "--json").json if each["permit_id"] == another}
    assert states & {"parked", "failed"}
    for line in (["status"], ["doctor"], ["notices", "--json"], ["status", "--json"]):
        done = cli(*line)
        assert marks_in(done.out + done.err) == []
    with Engine.open(cli.store, keys=world.folder / "master.keys") as engine:  # type: ignore[arg-type]
        assert marks_in(Metrics(engine.context).text().decode()) == []


def test_a_name_need_not_stand_in_the_list_of_processes(world: World) -> None:
    """``find --name -`` reads it, and finds the same."""
    typed = world.cli.ok("find", "--name", "Zzmarkername", "--birth-date", BORN, "--json").json
    read = world.cli.ok("find", "--name", "-", "--birth-date", BORN, "--json", stdin=b"Zzmarkername\n")
    assert read.json == typed
    assert len(typed) == 1


def test_a_fault_of_the_program_itself_tells_no_data(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an unexpected error says, the command line gives its kind and its place."""
    from permits_engine.application.queries import views

    def fails(*_: Any, **__: Any) -> None:
        raise KeyError("Zzmarkername")

    monkeypatch.setattr(views, "permit", fails)
    said: list[str] = []
    with suppress(AssertionError), monkeypatch.context() as patch:
        patch.setattr("permits_engine.cli.output.say", said.append)
        world.cli("show", world.permit_id)
    assert any("internal.error: KeyError at" in each for each in said)
    assert marks_in("".join(said)) == []
