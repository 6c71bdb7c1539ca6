"""Stores and settings that are wrong: the right code and remedy, never a traceback, nothing made by reading."""

import json
from pathlib import Path

import pytest

from tests.e2e.command_line import Cli

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
NOBODY = "00000000-0000-4000-8000-000000000000"
READERS = [
    ["show", NOBODY],
    ["history", NOBODY],
    ["explain", NOBODY],
    ["list"],
    ["due"],
    ["notices"],
    ["notices", "retry", NOBODY],
    ["status"],
    ["doctor"],
    ["caseload"],
    ["results"],
    ["rebuild"],
    ["rebuild", "--check"],
    ["daemon", "--once"],
    ["execute", "-"],
    ["policy", "show", "--jurisdiction", "MA"],
    ["policy", "diff", "--jurisdiction", "MA", "--from", "2017-01-09", "--to", "2017-01-10"],
]


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_store_that_is_not_there_is_not_made(bare: Cli, command: list[str]) -> None:
    """Exit 4 with the command to run, on standard error and as JSON; the folder stays empty."""
    bare.store = "sqlite:///absent.db"
    done = bare(*command, "--json")
    assert (done.code, done.error["code"]) == (4, "store.not_initialised")
    assert "permits init" in done.err
    assert list(bare.folder.iterdir()) == []


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_an_empty_database_is_not_initialised(bare: Cli, postgresql_url: str, command: list[str]) -> None:
    """A PostgreSQL without the schema says the command that makes it."""
    bare.store = postgresql_url
    bare.monkeypatch.setenv("PERMITS_KEYS", "master.keys")
    done = bare(*command, "--json")
    assert (done.code, done.error["code"]) == (4, "store.not_initialised")
    assert "permits init" in done.err


def test_init_says_what_it_made_and_may_be_run_again(bare: Cli, store_url: str) -> None:
    """The key file is for its owner alone; a second init changes nothing."""
    bare.store = store_url
    bare.monkeypatch.setenv("PERMITS_KEYS", "master.keys")
    first = bare.ok("init", "--json").json
    assert (first["keys_created"], first["policies"]) == (True, ["ES", "FR", "MA"])
    assert Path("master.keys").stat().st_mode & 0o777 == 0o600
    key, position = Path("master.keys").read_bytes(), bare.position
    second = bare.ok("init", "--json").json
    assert second == first | {"keys_created": False}
    assert (Path("master.keys").read_bytes(), bare.position) == (key, position)


def test_init_beside_a_sqlite_store_makes_the_key_file_there(bare: Cli) -> None:
    """Without any setting the store and its key are two files in the folder."""
    bare.ok("init")
    assert sorted(each.name for each in bare.folder.iterdir()) == [
        "permits.db",
        "permits.keys",
        "permits.signing",
    ]


@pytest.mark.parametrize("command", [["init"], ["list"], ["execute", "-"]], ids=" ".join)
@pytest.mark.parametrize(
    ("store", "code", "says"),
    [
        ("sqlite:///folder", "store.unavailable", "is a folder: name a file in it"),
        ("sqlite:///text.db", "store.unavailable", "is not an SQLite file"),
        ("postgresql://nobody@127.0.0.1:1/x", "store.unavailable", "cannot be reached"),
        ("postgresql:///x?host=/no/such/socket", "store.unavailable", "cannot be reached"),
    ],
)
def test_a_store_that_cannot_be_used(bare: Cli, command: list[str], store: str, code: str, says: str) -> None:
    """A folder, a file of something else and a server that is not there: exit 4 and why."""
    Path("folder").mkdir()
    Path("text.db").write_text("to be, or not to be\n" * 200, encoding="utf-8")
    bare.monkeypatch.setenv("PERMITS_KEYS", "master.keys")
    bare.store = store
    done = bare(*command, "--json", stdin=b"{}\n")
    assert (done.code, done.error["code"]) == (4, code)
    assert says in done.err
    assert Path("text.db").read_text(encoding="utf-8").startswith("to be")


def test_init_in_a_folder_that_is_not_there_says_so(bare: Cli) -> None:
    """Folders are not made; nothing is left behind."""
    bare.store = "sqlite:///no/such/folder/permits.db"
    done = bare("init", "--json")
    assert (done.code, done.error["code"]) == (4, "store.unavailable")
    assert "make the folder" in done.err
    assert list(bare.folder.iterdir()) == []


@pytest.mark.parametrize(
    "store",
    [
        "",
        " ",
        "rubbish",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:/x.db",
        "mysql://x/y",
        "/x.db",
    ],
)
@pytest.mark.parametrize("how", ["option", "environment", "file"])
def test_an_address_that_is_none_is_bad_usage(bare: Cli, store: str, how: str) -> None:
    """Exit 2 with the two forms that there are, wherever the address is given."""
    if how == "environment":
        bare.monkeypatch.setenv("PERMITS_STORE", store)
    elif how == "file":
        Path("permits.toml").write_text(f"store = {json.dumps(store)}\n", encoding="utf-8")
    else:
        bare.store = store
    done = bare("list", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert done.error["details"]["fields"][0]["path"] == "store"
    assert "sqlite:///" in done.err


def test_a_password_in_an_address_is_never_repeated(bare: Cli) -> None:
    """Whatever is wrong with the address, its password is in no message."""
    bare.monkeypatch.setenv("PERMITS_KEYS", "master.keys")
    for store in (
        "postgresql://me:s3cret@127.0.0.1:1/x",
        "postgresql://me:s3cr/et@127.0.0.1/x",
        "postgresql:///x?password=s3cret&host=127.0.0.1&port=1",
        "mysql://me:s3cret@h/x",
    ):
        bare.store = store
        for command in (["list", "--json"], ["init"]):
            done = bare(*command)
            assert done.code in {2, 4}
            assert "s3cr" not in done.out + done.err


def test_store_and_json_are_understood_anywhere_on_the_line(bare: Cli) -> None:
    """--store and --json before or after the command, with a space or an equals sign, are the same."""
    bare.ok("init", "--store", "sqlite:///a.db")
    for arguments in (
        ["--store", "sqlite:///a.db", "list", "--json"],
        ["list", "--json", "--store", "sqlite:///a.db"],
        ["list", "--store=sqlite:///a.db", "--json"],
        ["--json", "--store=sqlite:///a.db", "list"],
        ["notices", "--store", "sqlite:///a.db", "--json"],
    ):
        assert bare.ok(*arguments).json == []
    done = bare("list", "--store")
    assert (done.code, "--store: needs a value" in done.err) == (2, True)
    assert sorted(each.name for each in bare.folder.iterdir()) == ["a.db", "a.keys", "a.signing"]


def test_options_win_over_the_environment_and_that_over_the_file(bare: Cli) -> None:
    """The address is taken from the option, else the environment, else permits.toml, else the default."""
    for name in ("option", "environment", "file", "permits"):
        bare.ok("init", "--store", f"sqlite:///{name}.db")
    where = "--store", "sqlite:///option.db"
    assert bare.ok("init", "--json").json["store"] == "sqlite:///permits.db"
    Path("permits.toml").write_text('store = "sqlite:///file.db"\n', encoding="utf-8")
    assert bare.ok("init", "--json").json["store"] == "sqlite:///file.db"
    bare.monkeypatch.setenv("PERMITS_STORE", "sqlite:///environment.db")
    assert bare.ok("init", "--json").json["store"] == "sqlite:///environment.db"
    assert bare.ok(*where, "init", "--json").json["store"] == "sqlite:///option.db"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PERMITS_SMTP_PORT", "abc", "is not a whole number"),
        ("PERMITS_SMTP_PORT", "70000", "is more than 65535"),
        ("PERMITS_SMTP_SECURITY", "maybe", "is none of none, starttls, tls"),
        ("PERMITS_OFFICE_ADDRESSES", "{", "is not JSON such as"),
        ("PERMITS_OPERATOR", "a\x1bb", "cannot be printed"),
        ("PERMITS_KEYS", "", "is not the path of a file"),
    ],
)
def test_a_setting_in_the_environment_that_is_wrong_is_named(
    bare: Cli, name: str, value: str, says: str
) -> None:
    """Exit 2 with the variable and what it takes."""
    bare.monkeypatch.setenv(name, value)
    done = bare("status", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert done.error["details"]["fields"][0]["path"] == name
    assert says in done.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"store = ", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b'stor = "sqlite:///a.db"\n', "did you mean store?"),
        (b"smtp_port = 0\n", "is less than 1"),
        (b"store = 5\n", "is not text"),
        (b"[store]\n", "is not text"),
    ],
)
def test_a_broken_permits_toml_is_bad_usage(bare: Cli, text: bytes, says: str) -> None:
    """Exit 2 with the file's name and the reason."""
    Path("permits.toml").write_bytes(text)
    done = bare("status", "--json")
    assert (done.code, done.error["code"]) == (2, "input.invalid")
    assert "permits.toml" in done.err
    assert says in done.err


def test_a_permits_toml_that_is_a_folder_is_bad_usage(bare: Cli) -> None:
    """What cannot be read is said, and not passed over."""
    Path("permits.toml").mkdir()
    assert bare("status").code in {2, 4}
