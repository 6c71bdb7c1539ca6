"""Tamper evidence at the command line, on both databases: what is printed, and how it ends."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from permits_engine.cli.app import run

HOLDER = "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0001"
PERMIT = "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0002"
ACTOR = {"id": "officer-17", "role": "counter", "prefecture": "MA-RAB"}
COMMANDS = [
    {
        "command": "register_holder",
        "holder_id": HOLDER,
        "family_name": "Diallo",
        "given_names": "Aminata",
        "birth_date": "1990-04-01",
        "sex": "F",
        "nationality": "SEN",
        "language": "fr",
    },
    {
        "command": "lodge_application",
        "permit_id": PERMIT,
        "holder_id": HOLDER,
        "jurisdiction": "MA",
        "category": "regularisation-2016",
        "criterion": "R5",
        "prefecture": "MA-RAB",
    },
]


class Shell:
    """A folder in which ``permits`` is run, in this process."""

    def __init__(self, folder: Path, url: str | None, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.url = url or ""
        self.variables = {"PERMITS_STORE": url, "PERMITS_KEYS": str(folder / "master.keys")} if url else {}
        self.capture = capture

    def __call__(self, *arguments: str, code: int = 0, **changed: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("PERMITS_")]:
                patch.delenv(name)
            for name, value in (self.variables | changed).items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            self.capture.readouterr()
            found = run(list(arguments))
        done, self.said = self.capture.readouterr()
        assert found == code, f"{done}\n{self.said}"
        return done

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


@pytest.fixture
def permits(store_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A store with one file in it."""
    shell = Shell(tmp_path, store_url, capsys)
    shell("init")
    lines = "".join(json.dumps({**each, "on": "2016-12-20", "actor": ACTOR}) + "\n" for each in COMMANDS)
    shell("execute", shell.file("commands.jsonl", lines))
    return shell


def attack(url: str, *statements: str) -> None:
    """SQL on a connection of one's own, the triggers of ``events`` dropped."""
    if url.startswith("sqlite"):
        import sqlite3

        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"))
        statements = ("DROP TRIGGER events_kept", "DROP TRIGGER events_stay", *statements)
    else:
        import psycopg

        connection = psycopg.connect(url)
        statements = ("DROP TRIGGER events_kept ON events", *statements)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_the_signing_key_is_made_by_init_and_its_public_half_given_away(permits: Shell) -> None:
    """Beside the master key, for its owner only; the public key is printed as others can read it."""
    path = permits.folder / "master.signing"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = permits("checkpoint", "--key").strip()
    told = permits.json("init")
    assert (told["signing_key"], told["verifier_key"]) == (str(path), key)
    assert key.count("+") >= 2
    assert key not in path.read_text()
    assert permits.json("checkpoint", "--key") == {"key": key}


def test_a_checkpoint_is_printed_kept_and_verified(permits: Shell) -> None:
    """What is printed is the note itself; kept in a file it holds against the history as it goes on."""
    note = permits("checkpoint")
    origin, size, *_ = note.split("\n")
    assert origin.startswith("permits-engine/")
    assert permits("checkpoint", "--out", "kept.txt") == ""
    assert (permits.folder / "kept.txt").read_text() == note
    told = permits.json("checkpoint", "--out", "again.txt")
    assert (told["note"], told["size"], told["origin"]) == (note, int(size), origin)
    permits("execute", permits.file("more.jsonl", _supply()))
    report = permits.json("verify", "--checkpoint", "kept.txt")
    assert (report["intact"], report["outside"], report["unsealed"]) == (True, [int(size)], 1)
    said = permits("verify", "--checkpoint", "kept.txt")
    assert said.startswith(f"consistent with the checkpoint of {size} events, and with itself")


def _supply() -> str:
    return json.dumps(
        {
            "command": "update_holder",
            "holder_id": HOLDER,
            "given_names": "Awa",
            "on": "2016-12-21",
            "actor": ACTOR,
        }
    )


def test_without_a_checkpoint_from_outside_no_more_is_said(permits: Shell) -> None:
    """Consistent with itself, how many events were not sealed yet, and that there is no checkpoint."""
    lines = permits("verify").splitlines()
    assert lines[0] == "consistent with itself: 6 events"
    assert lines[1] == "not yet sealed: 6 (sealed now: 6)"
    assert lines[2] == "checkpoints kept here: none (permits checkpoint makes one)"
    assert permits("verify").splitlines()[1] == "not yet sealed: 0"


def test_a_changed_event_is_named_and_the_exit_is_3(permits: Shell) -> None:
    """For a person as lines, for a program as ``integrity.broken`` with the findings."""
    permits("checkpoint")
    attack(permits.url, "UPDATE events SET payload = payload || payload WHERE position = 5")
    said = permits("verify", code=3)
    assert said.startswith("altered: event 5, permit.application_lodged@")
    assert permits.said.startswith("permits: integrity.broken: the history is broken: event 5")
    told = permits.json("verify", code=3)["error"]
    assert told["code"] == "integrity.broken"
    (found,) = told["details"]["findings"]
    assert (found["kind"], found["first"], found["stream"], found["version"]) == ("altered", 5, PERMIT, 1)
    assert found["vouched_by"] == 6
    permits("prove", PERMIT, "1", code=3)


def test_a_cut_tail_shows_against_a_checkpoint_kept_outside(permits: Shell) -> None:
    """Events gone with the seals that spoke of them: exit 3 with the file, 0 without."""
    permits("checkpoint", "--out", "kept.txt")
    drop = (
        ("tiles_stay", "checkpoints_stay", "head_ahead")
        if permits.url.startswith("sqlite")
        else ("tiles_grow ON tiles", "checkpoints_kept ON checkpoints", "head_ahead ON head")
    )
    attack(
        permits.url,
        *(f"DROP TRIGGER {each}" for each in drop),
        "DELETE FROM events WHERE position > 4",
        "UPDATE head SET position = 4, recorded_at = (SELECT max(recorded_at) FROM events)",
        "DELETE FROM tiles",
        "DELETE FROM checkpoints",
    )
    assert permits("verify").startswith("consistent with itself: 4 events")
    assert permits("verify", "--checkpoint", "kept.txt", code=3).startswith(
        "missing: events 5 to 6 are missing"
    )


def test_a_proof_needs_the_public_key_and_nothing_else(
    permits: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made here, checked in an empty folder with no store, no settings, and no network."""
    proof, key = permits("prove", PERMIT, "1"), permits("checkpoint", "--key").strip()
    assert permits("prove", PERMIT, "1", "--out", "decision.tlog-proof") == ""
    assert (permits.folder / "decision.tlog-proof").read_text() == proof
    told = permits.json("prove", PERMIT, "1")
    assert (told["proof"], told["name"]) == (proof, "permit.application_lodged@1")

    elsewhere = Shell(tmp_path / "elsewhere", None, capsys)
    elsewhere.folder.mkdir()
    file = elsewhere.file("proof", proof)
    said = elsewhere("verify-proof", file, "--key", key)
    assert said.startswith("proved: event 5 of the 6 that permits-engine/")
    told = elsewhere.json("verify-proof", file, "--key", elsewhere.file("key", f"# theirs\n{key}\n"))
    assert (told["stream"], told["version"], told["payload"]["holder_id"]) == (PERMIT, 1, HOLDER)
    assert sorted(path.name for path in elsewhere.folder.iterdir()) == ["key", "proof"]

    elsewhere("verify-proof", file, code=2)
    assert "--key: give the public key" in elsewhere.said
    stranger = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    elsewhere("verify-proof", file, "--key", stranger, code=3)
    assert "integrity.broken: the proof does not hold" in elsewhere.said


def test_on_the_machine_that_signs_its_own_key_is_taken(permits: Shell) -> None:
    """Without ``--key``, the public half of the signing key file here."""
    permits("prove", PERMIT, "2", "--out", "p")
    assert permits("verify-proof", "p").startswith("proved: event 6 of the 6")
    assert permits("verify-proof", "p", PERMITS_STORE="sqlite:///nowhere.db").startswith("proved")


def test_an_auditor_needs_no_key_but_the_public_one(permits: Shell) -> None:
    """Neither the master key nor the signing key is asked for; without any key that is said."""
    permits("checkpoint")
    key = permits("checkpoint", "--key").strip()
    for name in ("master.keys", "master.signing"):
        (permits.folder / name).unlink()
    assert "signatures: not checked" in permits("verify")
    assert "signatures" not in permits("verify", "--key", key)
    assert permits.json("verify", "--key", key)["signatures"] is True
    permits("checkpoint", code=4)
    assert "no key for permits-engine/" in permits.said


def test_a_new_signing_key_leaves_the_old_one_believed(permits: Shell) -> None:
    """The private line replaced by its public half, ``init`` adds a new key: old checkpoints still count."""
    permits("checkpoint", "--out", "old.txt")
    old = permits("checkpoint", "--key").strip()
    path = permits.folder / "master.signing"
    path.write_text(f"{old}\n")
    permits("checkpoint", code=4)
    permits("init")
    new = permits("checkpoint", "--key").strip()
    assert new != old
    permits("execute", permits.file("more.jsonl", _supply()))
    permits("checkpoint", "--out", "new.txt")
    said = permits("verify", "--checkpoint", "old.txt", "--checkpoint", "new.txt")
    assert "checkpoints kept here: 2, all met" in said
    assert permits("verify", "--key", new, code=3).startswith("checkpoint: the kept checkpoint of 6 events")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_roles_of_the_database_may_verify_or_sign_and_no_more(
    postgresql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An auditor reads; a signer writes seals and checkpoints besides; neither can append or change an event."""
    import psycopg

    owner = Shell(tmp_path, postgresql_url, capsys)
    owner("init")
    roles = [f"{name}_{os.getpid()}" for name in ("auditor", "signer")]
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        for role in roles:
            connection.execute(f"CREATE ROLE {role}")
            connection.execute(
                f"GRANT SELECT ON permits_version, head, events, tiles, checkpoints, restores TO {role}"
            )
        connection.execute(f"GRANT INSERT, UPDATE ON tiles TO {roles[1]}")
        connection.execute(f"GRANT INSERT ON checkpoints TO {roles[1]}")
    try:
        join = "&" if "?" in postgresql_url else "?"
        auditor, signer = (
            Shell(tmp_path, f"{postgresql_url}{join}options=-c%20role%3D{role}", capsys) for role in roles
        )
        assert auditor("verify").splitlines()[:2] == ["consistent with itself: 3 events", "not yet sealed: 3"]
        auditor("checkpoint", code=4)
        assert "rights" in auditor.said
        signer("checkpoint", "--out", "kept.txt")
        assert auditor("verify", "--checkpoint", "kept.txt").startswith("consistent with the checkpoint of 3")
        signer("execute", signer.file("more.jsonl", _supply()), code=4)
    finally:
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            for role in roles:
                connection.execute(f"DROP OWNED BY {role}")
                connection.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        (("verify", "--checkpoint"), b"nothing"),
        (("verify", "--checkpoint"), b"\xff\x00"),
        (("verify", "--checkpoint"), None),
        (("verify-proof",), b""),
        (("verify-proof",), b"c2sp.org/tlog-proof@v1\nextra AA==\nindex 0\n\nx"),
        (("verify-proof",), None),
        (("verify", "--key"), b""),
        (("verify", "--key"), b"+++"),
    ],
)
def test_bad_files_are_named(
    sqlite_url: str,
    tmp_path: Path,
    arguments: tuple[str, ...],
    content: bytes | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What cannot be read is ``input.invalid`` with the file and the reason, and never a traceback."""
    shell = Shell(tmp_path, sqlite_url, capsys)
    shell("init")
    name = shell.file("bad", content) if content is not None else str(tmp_path / "nowhere")
    shell(*arguments, name, code=2)
    assert "input.invalid" in shell.said
    assert "bad" in shell.said or "nowhere" in shell.said


def test_what_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No command of these makes a store."""
    shell = Shell(tmp_path, f"sqlite:///{tmp_path}/x.db", capsys)
    for arguments in (("verify",), ("checkpoint",), ("prove", PERMIT, "1")):
        shell(*arguments, code=4)
        assert "store.not_initialised" in shell.said
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_proved_is_refused(permits: Shell) -> None:
    """No file of that id, no such version, no id at all."""
    permits("prove", HOLDER.replace("1", "9"), "1", code=1)
    permits("prove", PERMIT, "3", code=1)
    assert "position.beyond_head" in permits.said
    permits("prove", "x", "1", code=2)
    permits("checkpoint", "--out", "nowhere/x", code=2)
    assert "--out: nowhere/x cannot be written" in permits.said


def test_a_checkpoint_is_the_same_bytes_in_any_locale(sqlite_url: str, tmp_path: Path) -> None:
    """A note holds a dash that not every terminal has: its bytes are those of the format all the same."""
    command = [sys.executable, "-m", "permits_engine.cli", "--store", sqlite_url]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERMITS_")}
    subprocess.run([*command, "init"], check=True, capture_output=True, cwd=tmp_path, env=kept)
    printed = {
        subprocess.run(
            [*command, "checkpoint"], check=True, capture_output=True, cwd=tmp_path, env=kept | locale
        ).stdout
        for locale in ({}, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    }
    (note,) = printed
    assert "\n\n\N{EM DASH} permits-engine/".encode() in note
