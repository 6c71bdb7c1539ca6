"""Keys that are wrong, and stores that are damaged, locked or lost: the right code and remedy, never a traceback."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.e2e.command_line import COUNTER, Cli, application

NOBODY = "00000000-0000-4000-8000-000000000000"
pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def test_a_key_file_that_is_wrong(cli: Cli, tmp_path: Path) -> None:
    """Missing, open to others, no key file, or another store's: exit 4, and nothing is half-written."""
    keys = tmp_path / "master.keys"
    holder_id, good = cli.holder(), keys.read_bytes()
    position = cli.position

    def refused(says: str) -> None:
        done = cli.execute(application(holder_id) | {"file_number": "17"})
        assert done.code == 4, done
        assert says in done.out + done.err

    keys.rename(tmp_path / "elsewhere.keys")
    refused("is missing: put it back, or name it with PERMITS_KEYS")
    keys.write_bytes(good)
    keys.chmod(0o644)
    refused("chmod 600")
    keys.chmod(0o600)
    keys.write_bytes(b'{"version": 1}')
    refused("is not a key file")
    keys.unlink()
    cli.monkeypatch.setenv("PERMITS_KEYS", str(keys))
    (tmp_path / "other").mkdir()
    cli.ok("init", "--store", f"sqlite:///{tmp_path / 'other' / 'o.db'}")
    refused("is not in the key file")
    keys.write_bytes(good)
    assert cli.position == position
    assert cli.execute(application(holder_id) | {"file_number": "17"}).code == 0


def test_postgresql_needs_a_key_file_that_is_named(bare: Cli, postgresql_url: str) -> None:
    """There is no place beside a server: exit 2 with the setting to make."""
    bare.store = postgresql_url
    for command in (["init", "--json"], ["list", "--json"]):
        done = bare(*command)
        assert (done.code, done.error["details"]["fields"][0]["path"]) == (2, "PERMITS_KEYS")


def test_a_truncated_database_is_said_to_be_damaged(sqlite_cli: Cli, tmp_path: Path) -> None:
    """Half a file is integrity.broken (exit 3) or not a database (exit 4), with what to do."""
    permit_id = sqlite_cli.title()
    store = tmp_path / "store.db"
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    whole = store.read_bytes()
    for size in (len(whole) // 2, 4096, 5000, 100):
        store.write_bytes(whole[:size])
        for command in (["show", permit_id], ["list"], ["status"], ["doctor"], ["execute", "-"]):
            done = sqlite_cli(*command, "--json", stdin=json.dumps(application(permit_id)).encode())
            assert done.code in {1, 3, 4}, (size, command, done)
    store.write_bytes(whole)
    assert sqlite_cli.ok("show", permit_id, "--json").json["title_status"] == "expired"


AS_ANOTHER_USER = """
import io, json, os, sys
from permits_engine.cli.app import run
keep, sys.stdout, sys.stderr = sys.stdout, io.StringIO(), io.StringIO()
for command in json.loads(sys.argv[1]):  # loads what each needs: the other user may not read the program
    run(command)
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for command in json.loads(sys.argv[1]):
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    code = run([*command, "--json"])
    print(json.dumps([code, sys.stdout.getvalue(), sys.stderr.getvalue()]), file=keep)
"""


def test_a_store_that_may_only_be_read_says_whose_right_is_missing(bare: Cli) -> None:
    """A file and folder without the right to write: exit 4, what to change, and nothing is written."""
    folder = Path(tempfile.mkdtemp(prefix="permits-ro-"))
    try:
        bare.monkeypatch.setenv("PERMITS_KEYS", str(folder / "master.keys"))
        bare.store = f"sqlite:///{folder / 'store.db'}"
        bare.ok("init")
        lines = folder / "lines.jsonl"
        lines.write_text(json.dumps({"command": "register_holder"}), encoding="utf-8")
        before = (folder / "store.db").read_bytes()
        for name in folder.iterdir():
            name.chmod(0o444 if name.name == "store.db" else name.stat().st_mode)
        if os.geteuid() == 0:
            os.chown(folder / "master.keys", 65534, 65534)
        folder.chmod(0o555)
        commands = [
            ["--store", bare.store, *each] for each in (["list"], ["rebuild"], ["notices", "retry", NOBODY])
        ]
        done = subprocess.run(
            [sys.executable, "-c", AS_ANOTHER_USER, json.dumps(commands)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for line in done.stdout.splitlines():
            code, out, err = json.loads(line)
            assert (code, json.loads(out)["error"]["code"]) == (4, "store.unavailable")
            assert "is read-only: give this user the right to write its file and folder" in err
        assert len(done.stdout.splitlines()) == len(commands)
        assert (folder / "store.db").read_bytes() == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_history_that_was_tampered_with_is_found(sqlite_cli: Cli, tmp_path: Path) -> None:
    """The database refuses a change; one made behind its triggers is integrity.broken, exit 3."""
    permit_id = sqlite_cli.application(file_number="12/2016")
    connection = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    change = "UPDATE events SET payload = replace(payload, 'MA-RAB', 'MA-FES') WHERE stream = ?"
    with pytest.raises(sqlite3.Error, match="append-only"):
        connection.execute(change, (permit_id,))
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE events SET payload = substr(payload, 1, 40) WHERE stream = ?", (permit_id,))
    connection.close()
    for command in ("show", "history", "explain"):
        done = sqlite_cli(command, permit_id, "--json")
        assert (done.code, done.error["code"]) == (3, "integrity.broken")
    done = sqlite_cli.execute({"command": "record_exit", "permit_id": permit_id, "actor": COUNTER})
    assert (done.code, done.lines[0]["error"]["code"]) == (3, "integrity.broken")
    assert sqlite_cli("rebuild", "--check").code == 3


def test_encrypted_data_that_were_moved_do_not_open(sqlite_cli: Cli, tmp_path: Path) -> None:
    """An encrypted field copied into another file is integrity.broken: it is bound to its place."""
    first = sqlite_cli.application(file_number="12/2016")
    second = sqlite_cli.application(sqlite_cli.ok("show", first, "--json").json["holder_id"], file_number="9")
    connection = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    [(payload,)] = connection.execute(
        "SELECT payload FROM events WHERE stream = ? AND version = 1", (first,)
    ).fetchall()
    connection.execute("UPDATE events SET payload = ? WHERE stream = ? AND version = 1", (payload, second))
    connection.close()
    done = sqlite_cli("show", second, "--json")
    assert (done.code, done.error["code"]) == (3, "integrity.broken")


def test_a_row_that_is_not_what_history_says_is_found_and_put_right(cli: Cli) -> None:
    """rebuild --check ends with 3 and names the row; rebuild puts it right."""
    from permits_engine.store.database.transactions import Database, Statement

    permit_id = cli.title()
    assert cli.ok("rebuild", "--check", "--json").json["differences"] == []
    assert cli.store is not None
    database = Database.open(cli.store)
    with database.write() as tx:
        wrong = Statement("UPDATE permits SET prefecture = 'MA-FES' WHERE permit_id = :id")
        tx.run(wrong, {"id": permit_id})
    database.close()
    done = cli("rebuild", "--check", "--json")
    assert done.code == 3
    [difference] = done.json["differences"]
    assert difference["permit_id"] == permit_id
    assert difference["fields"]["prefecture"] == {"live": "MA-FES", "rebuilt": "MA-RAB"}
    assert cli("rebuild", "--check", "notices").code == 0
    assert cli.ok("rebuild", "permits", "--json").json["written"] == 1
    assert cli.ok("rebuild", "permits", "--check").code == 0


def test_a_server_that_ends_the_connection_between_two_lines_is_asked_again(
    postgresql_cli: Cli, shell: object
) -> None:
    """After pg_terminate_backend the next line is carried out on a new connection, or ends with exit 4."""
    import psycopg

    holder_id = postgresql_cli.holder()
    store = str(postgresql_cli.store)
    filed = json.dumps(application(holder_id)).encode() + b"\n"
    process = shell(  # type: ignore[operator]
        "--store", store, "execute", stdin=-1, env={"PERMITS_KEYS": os.environ["PERMITS_KEYS"]}
    )

    def told() -> dict[str, object]:
        process.stdin.write(filed)
        process.stdin.flush()
        found: dict[str, object] = json.loads(process.stdout.readline())
        return found

    assert told()["ok"] is True
    with psycopg.connect(store, autocommit=True) as connection:
        killed = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert killed is not None
    assert killed[0] >= 1
    second = told()
    process.stdin.close()
    code, said = process.wait(timeout=30), process.stderr.read().decode()
    process.stdout.close()
    process.stderr.close()
    assert "Traceback" not in said
    assert (second["ok"], code) in {(True, 0), (False, 4)}


def test_a_store_lost_in_the_middle_ends_the_run_at_that_line(
    sqlite_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that was not carried out says so with its number, exit 4; what follows it is not tried."""
    from permits_engine.store.database import connections, transactions

    holder_id = sqlite_cli.holder()
    for room in (connections, transactions):
        monkeypatch.setattr(room, "WAIT_SECONDS", 0.2)
    filed = [application(holder_id), application(holder_id)]
    with _locked(tmp_path / "store.db"):
        done = sqlite_cli.execute(*filed)
    assert done.code == 4
    [outcome] = done.lines
    assert (outcome["error"]["code"], outcome["error"]["line"]) == ("store.unavailable", 1)
    assert "give that line and the rest again" in done.err
    assert sqlite_cli.execute(*filed).code == 0


class _locked:
    """Another process's write transaction, open as long as the block."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self.connection.execute("ROLLBACK")
        self.connection.close()
