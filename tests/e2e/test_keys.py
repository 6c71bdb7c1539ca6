"""Master keys from the command line."""

import os
import threading
from pathlib import Path

from examples.key_service import serve
from tests.e2e.command_line import Cli


def test_keys_are_rotated_listed_and_dropped(cli: Cli, tmp_path: Path) -> None:
    """Everybody is read afterwards; the file stays its owner's; the old key goes only when nothing needs it."""
    holder_id = cli.holder()
    [before] = cli.ok("keys", "list", "--json").json
    done = cli.ok("keys", "rotate", "--json").json
    assert done["kept"] == [before["key"]]
    assert done["rewrapped"] == before["wraps"]
    assert cli("keys", "drop", done["active"]).code == 2
    cli.ok("keys", "drop", before["key"])
    assert [each["key"] for each in cli.ok("keys", "list", "--json").json] == [done["active"]]
    assert (tmp_path / "master.keys").stat().st_mode & 0o777 == 0o600
    assert cli.ok("holder", "export", holder_id).json["person"]["family_name"] == "Diallo"
    assert cli.ok("verify").code == 0


def test_a_lost_key_file_comes_back_from_two_halves(cli: Cli, tmp_path: Path) -> None:
    """Nothing that is there is replaced, and each half is its owner's alone."""
    holder_id = cli.holder()
    keys, halves = tmp_path / "master.keys", [str(tmp_path / f"half-{number}.txt") for number in (1, 2)]
    cli.ok("keys", "export", *halves)
    assert all(Path(each).stat().st_mode & 0o777 == 0o600 for each in halves)
    assert cli("keys", "export", *halves).code == 2
    content = keys.read_text()
    assert all(content not in Path(each).read_text() for each in halves)
    keys.unlink()
    assert cli("holder", "export", holder_id).code == 4
    assert cli("keys", "import", halves[0], halves[0], "--out", str(keys)).code == 2
    cli.ok("keys", "import", *halves, "--out", str(keys))
    assert cli.ok("holder", "export", holder_id).json["person"]["family_name"] == "Diallo"
    assert cli("keys", "import", *halves, "--out", str(keys)).code == 4


def test_the_master_key_may_come_from_the_environment(bare: Cli, store_url: str, tmp_path: Path) -> None:
    """Then it lies in no file, is shown nowhere, and cannot be rotated there."""
    bare.store = store_url
    bare.ok("keys", "new", "--out", str(tmp_path / "made.keys"))
    content = (tmp_path / "made.keys").read_text()
    (tmp_path / "made.keys").unlink()
    bare.monkeypatch.setenv("PERMITS_MASTER_KEYS", content)
    bare.monkeypatch.setenv("PERMITS_SIGNING_KEY", str(tmp_path / "store.signing"))
    bare.ok("init")
    holder_id = bare.holder()
    assert bare.ok("holder", "export", holder_id).json["person"]["family_name"] == "Diallo"
    assert not list(tmp_path.rglob("*.keys"))
    assert bare("keys", "rotate").code == 4
    bare.monkeypatch.setenv("PERMITS_MASTER_KEYS", content.replace("active", "passive"))
    done = bare("list")
    assert (done.code, "PERMITS_MASTER_KEYS" in done.err) == (2, True)
    for each in bare.done:
        assert not any(len(word) > 40 and word.strip('",') in each.out + each.err for word in content.split())


def test_the_doctor_speaks_of_the_key(sqlite_cli: Cli) -> None:
    """That losing it loses every name, and that it lies beside the store."""
    told = sqlite_cli("doctor").out
    assert "if the master key is lost, every name in the store is lost" in told
    assert "the master key lies beside the store" in told


def test_only_an_administrator_touches_the_keys(sqlite_cli: Cli) -> None:
    """Exit 1 for every one of the commands."""
    sqlite_cli.monkeypatch.setenv("PERMITS_OPERATOR_ROLES", "counter@MA-RAB")
    for line in (["list"], ["rotate"], ["drop", "x"], ["export", "a", "b"], ["new", "--out", "c"]):
        assert sqlite_cli("keys", *line).code == 1, line


def test_a_store_is_run_with_a_key_service(sqlite_url: str, bare: Cli, tmp_path: Path) -> None:
    """The key file is wrapped by the service: without it, or with another token, nothing opens (exit 4)."""
    server = serve(0, os.urandom(32), "right")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        bare.store = sqlite_url
        bare.monkeypatch.setenv("PERMITS_KEY_SERVICE", f"http://127.0.0.1:{server.server_port}")
        bare.monkeypatch.setenv("PERMITS_KEY_SERVICE_TOKEN", "right")
        bare.ok("init")
        holder_id = bare.holder()
        assert '"sealed": true' in (tmp_path / "store.keys").read_text()
        bare.ok("keys", "rotate")
        assert bare.ok("holder", "export", holder_id).json["person"]["family_name"] == "Diallo"
        halves = [str(tmp_path / f"half-{number}.txt") for number in (1, 2)]
        bare.ok("keys", "export", *halves)
        bare.monkeypatch.setenv("PERMITS_KEY_SERVICE_TOKEN", "wrong-token")
        done = bare("holder", "export", holder_id)
        assert (done.code, "wrong-token" in done.err) == (4, False)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    bare.monkeypatch.delenv("PERMITS_KEY_SERVICE")
    assert bare("holder", "export", holder_id).code == 4
    # The day on which the service is gone: the two halves are the key in plain.
    (tmp_path / "store.keys").unlink()
    bare.ok("keys", "import", *halves, "--out", str(tmp_path / "store.keys"))
    assert bare.ok("holder", "export", holder_id).json["person"]["family_name"] == "Diallo"
